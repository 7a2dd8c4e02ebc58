"""Target files: strict, every mistake at once, and everything secret a reference."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import SERVICE, Reached, Target, load_target
from gonogo.core.endpoints import Endpoints, Timeouts
from gonogo.core.errors import ClientError, ClusterLost, ConfigError
from gonogo.core.outcomes import Mode
from gonogo.core.outlet import redacted
from tests.checkouts import FILES, PRODUCT, checkout

HEAD = """
    [target]
    name = "staging"
    provider = "existing"
"""
QUEUE = (
    HEAD
    + """
    [components.queue]
    address = "queue.example:9092"
"""
)


def loaded(root: Path, text: str) -> Target:
    checkout(root, {**PRODUCT, "deploy/targets/staging.toml": text})
    return load_target("staging", root, Registry.load(root))


def mistakes(root: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(root, text)
    path = f"{root / 'deploy/targets/staging.toml'}: "
    return [str(p).removeprefix(path) for p in caught.value.problems]


def test_a_small_target_has_defaults(tmp_path: Path) -> None:
    target = loaded(tmp_path, QUEUE)

    assert (target.name, target.provider, target.modes) == ("staging", "existing", (Mode.READ,))
    assert (target.profile, target.timeouts, target.capabilities) == ("default", Timeouts(), frozenset())
    assert (target.kubernetes, target.checklist) == (None, None)
    assert target.allows(Mode.READ)
    assert not target.allows(Mode.WRITE)


def test_what_a_product_lacks_is_unsupported_unless_the_target_gives_a_reason_of_its_own(tmp_path: Path) -> None:
    own = QUEUE.replace("[components", 'unsupported = { "queue.brokers" = "one by design" }\n    [components')

    target = loaded(tmp_path, QUEUE + 'product = "rabbit"')

    queue = Registry.load(tmp_path).components["queue"]
    assert target.unsupported == {"queue.brokers": "it has no brokers"}
    assert target.completed(queue, target.resolved(queue)).product == "rabbit"
    assert "product" not in target.resolved(queue).addresses
    assert loaded(tmp_path, QUEUE + 'product = "queue"').unsupported == {}
    assert loaded(tmp_path, own + 'product = "rabbit"').unsupported == {"queue.brokers": "one by design"}


def test_a_product_is_deployed_from_a_folder_of_its_own(tmp_path: Path) -> None:
    target = loaded(tmp_path, QUEUE + 'product = "rabbit"')
    queue = Registry.load(tmp_path).components["queue"]

    variant = target.variant(queue)

    assert (variant.name, variant.title, variant.providers) == ("queue", "Rabbit", ("embedded",))
    assert variant.folder == tmp_path / "deploy/queue/rabbit"
    assert loaded(tmp_path, QUEUE).variant(queue) is queue


@pytest.mark.parametrize("name", ["../../other", "/etc/x", "a/b", "", ".", "..", "a\\u0000b", "a\\nb", "x" * 101, "-x"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    (told,) = mistakes(tmp_path, QUEUE.replace('"staging"', f'"{name}"'))

    assert told.startswith("target.name: ")
    assert "it becomes part of the names of files" in told


def test_a_whole_target_is_read(tmp_path: Path) -> None:
    target = loaded(
        tmp_path,
        """
        [target]
        name = "staging"
        provider = "existing"
        modes = ["read", "write"]
        capabilities = ["kubernetes", "tape"]
        profile = "quick"
        unsupported = { models = "not installed", "store.answers" = "asked elsewhere" }
        [kubernetes]
        context = "staging"
        namespaces = ["data"]
        [checklist]
        health = 80
        services = ["queue"]
        backup = { velero = "velero/daily", max_age_hours = 24 }
        git = { path = "." }
        argocd = { applications = ["data-platform"] }
        [limits]
        connect = 2
        [components.queue]
        service = "data/queue:9092"
        identity = "abc"
        [components.queue.expect]
        brokers = 5
        """,
    )

    assert target.allows(Mode.WRITE)
    assert not target.allows(Mode.DISRUPT)
    assert target.timeouts == Timeouts(connect=2.0)
    assert target.kubernetes is not None
    assert target.kubernetes.context == "staging"
    assert target.checklist is not None
    assert target.checklist.services == ("queue",)


def test_the_environment_names_the_target_else_it_is_embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry.load(checkout(tmp_path, {"deploy/targets/staging.toml": QUEUE}))

    monkeypatch.delenv("GONOGO_TARGET", raising=False)
    assert load_target(None, tmp_path, registry).name == "embedded"
    monkeypatch.setenv("GONOGO_TARGET", "staging")
    assert load_target(None, tmp_path, registry).name == "staging"
    assert load_target("embedded", tmp_path, registry).name == "embedded"


@pytest.mark.parametrize("name", ["mine.toml", "./mine.toml", "here/mine.toml"])
def test_a_target_may_be_any_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    registry = Registry.load(checkout(tmp_path, {name: QUEUE}))
    monkeypatch.chdir(tmp_path)

    assert load_target(name, tmp_path, registry).name == "staging"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("embeded", "no such target in .*nearest known: 'embedded'"),
        ("zzz", "known: embedded"),
        ("no/such.toml", r"no/such\.toml: no such file"),
    ],
)
def test_an_unknown_target_is_a_sentence(tmp_path: Path, name: str, said: str) -> None:
    registry = Registry.load(checkout(tmp_path))

    with pytest.raises(ConfigError, match=said):
        load_target(name, tmp_path, registry)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "[limit]\n", "unknown key 'limit' (nearest known: 'limits')"),
        ("", "missing key 'target' (expected a table)"),
        (HEAD + 'mods = ["read"]', "unknown key 'target.mods' (nearest known: 'modes')"),
        (HEAD + 'modes = ["raed"]', "target.modes[0]: unknown value 'raed' (nearest known: 'read')"),
        (HEAD.replace("existing", "exsiting"), "target.provider: unknown value 'exsiting' (nearest known: 'existing')"),
        (HEAD + 'profile = "quik"', "target.profile: unknown profile 'quik' (nearest known: 'quick')"),
        (HEAD + 'capabilities = ["kubernets"]', "unknown capability 'kubernets' (nearest known: 'kubernetes')"),
        (HEAD + 'capabilities = ["host"]', "target.capabilities: provider 'existing' cannot give 'host'"),
        (HEAD + 'unsupported = { qeue = "x" }', "'qeue' is no component and no criterion (nearest known: 'queue')"),
        (
            HEAD + 'unsupported = { "queue.broker" = "x" }',
            "is no component and no criterion (nearest known: 'queue.brokers')",
        ),
        (HEAD + 'unsupported = { queue = "" }', "target.unsupported.queue needs a reason"),
        (HEAD + "[limits]\nconect = 3", "unknown key 'limits.conect' (nearest known: 'connect')"),
        (HEAD + "[limits]\nconnect = 0", "limits.connect must be more than 0 seconds"),
        (HEAD + "[limits]\nconnect = nan", "limits.connect must be more than 0 seconds"),
        (
            HEAD + '[checklist]\nservices = ["queue"]',
            "checklist.services: 'queue' is no component of this file (none is known)",
        ),
        (HEAD + '[kubernetes]\ntransport = "tunnel"', "kubernetes.transport: unknown value 'tunnel'"),
        (HEAD + '[components.qeue]\naddress = "x"', "unknown component 'components.qeue' (nearest known: 'queue')"),
        (HEAD + "[components.queue]", "missing key 'components.queue.address'"),
        (QUEUE + 'adress = "x"', "unknown key 'components.queue.adress' (nearest known: 'address')"),
        (QUEUE + 'service = "a/b:1"', "unknown key 'components.queue.service'"),
        (
            QUEUE + "[components.queue.expect]\nbroker = 3",
            "unknown key 'components.queue.expect.broker' (nearest known: 'brokers')",
        ),
        (
            QUEUE + '[components.queue.expect]\nbrokers = "3"',
            "components.queue.expect.brokers must be a number, is '3'",
        ),
        (
            QUEUE + 'product = "rabit"',
            "components.queue.product must be one of queue, rabbit, is 'rabit' (nearest known: 'rabbit')",
        ),
        (QUEUE + "product = []", "components.queue.product must be one of queue, rabbit, is []"),
        (
            HEAD + '[components.store]\nurl = "x"\nproduct = "store"',
            "unknown key 'components.store.product'",
        ),
        (QUEUE + "expect = 3", "components.queue.expect must be a table"),
        (QUEUE + "user = { env = 3 }", "components.queue.user.env must be text, is 3"),
        (QUEUE + 'user = { env = "A", file = "B" }', "components.queue.user must be one of { env = … }, { file = … }"),
        (QUEUE + 'user = { env = "A", enw = "B" }', "unknown key 'components.queue.user.enw' (nearest known: 'env')"),
        (QUEUE + "password = {}", "components.queue.password must be one of { env = … }"),
        (QUEUE + 'password = { envv = "A" }', "unknown key 'components.queue.password.envv' (nearest known: 'env')"),
        (
            '[target]\nname = "e"\nprovider = "embedded"\n[components.queue]\naddress = "x"',
            "components.queue.address: provider 'embedded' chooses this itself"
            " (only [….expect] and write may be given)",
        ),
        (
            '[target]\nname = "e"\nprovider = "embedded"\n[kubernetes]',
            "[kubernetes] has no place in a target of provider 'embedded'",
        ),
    ],
)
def test_a_mistake_is_named_with_its_key_and_the_nearest(tmp_path: Path, text: str, said: str) -> None:
    found = mistakes(tmp_path, dedent(text))

    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('password = "hunter2"', "password"),
        ("password = 20220101", "password"),
        ('security = { pin = "hunter2" }', "security.pin"),
        ('security = { sasl_plain_password = "hunter2" }', "security.sasl_plain_password"),
    ],
)
def test_a_literal_secret_is_refused_and_not_shown(tmp_path: Path, line: str, key: str) -> None:
    (found,) = mistakes(tmp_path, QUEUE + line)

    assert found.startswith(f"components.queue.{key} must be a reference: {{ env = … }} or {{ file = … }}")
    assert "hunter2" not in found


def test_a_password_within_an_address_is_refused_and_not_shown(tmp_path: Path) -> None:
    (found,) = mistakes(tmp_path, HEAD + '[components.queue]\naddress = "tcp://me:hunter2@queue.example"')

    assert "components.queue.address holds a password" in found
    assert "hunter2" not in found


def test_all_mistakes_of_a_file_are_named_at_once(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        """
        [target]
        name = "staging"
        provider = "existing"
        mods = ["read"]
        profile = "quik"
        [limits]
        conect = 1
        check = -1
        [components.store]
        urll = "x"
        [components.queue]
        address = "a"
        password = "hunter2"
        [components.zzz]
        """,
    )

    assert [line[:44].rstrip() for line in found] == [
        "unknown key 'target.mods' (nearest known: 'm",
        "unknown key 'limits.conect' (nearest known:",
        "target.profile: unknown profile 'quik' (near",
        "limits.check must be more than 0 seconds",
        "unknown key 'components.store.urll' (nearest",
        "missing key 'components.store.url'",
        "components.queue.password must be a referenc",
        "unknown component 'components.zzz' (known: m",
    ]


def test_references_are_read_from_the_environment_and_from_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = loaded(
        tmp_path,
        HEAD
        + """
        [components.queue]
        address = { env = "QUEUE" }
        user = { file = "~/user" }
        password = { file = "secrets/password" }
        security = { protocol = "SSL", pin = { env = "PIN" } }
        ca = "ca.pem"
        identity = "abc"
        [components.queue.expect]
        brokers = 5
        """,
    )
    folder = tmp_path / "deploy" / "targets"
    (folder / "secrets").mkdir()
    (folder / "secrets" / "password").write_text("hunter2 \n")
    (folder / "ca.pem").write_text("")
    (tmp_path / "user").write_text("me\r\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("QUEUE", "queue.example:9092")
    monkeypatch.setenv("PIN", "1234")

    registry = Registry.load(tmp_path)
    queue = registry.components["queue"]
    endpoints = target.completed(queue, target.resolved(queue))

    assert endpoints.addresses == {"security": {"protocol": "SSL"}, "ca": str(folder / "ca.pem")}
    assert (endpoints["address"], endpoints["user"]) == ("queue.example:9092", "me")
    assert endpoints["password"] == "hunter2 "
    assert redacted("me and hunter2 at queue.example:9092") == "me and *** at ***"
    assert endpoints["security"] == {"protocol": "SSL", "pin": "1234"}
    assert endpoints.expect == {"brokers": 5}
    assert "hunter2" not in repr(endpoints)
    assert "1234" not in repr(endpoints)


def test_all_missing_variables_and_files_are_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = loaded(
        tmp_path,
        HEAD
        + """
        [components.queue]
        address = "a"
        user = { env = "EMPTY" }
        password = { env = "NOT_SET" }
        ca = "no.pem"
        """,
    )
    monkeypatch.delenv("NOT_SET", raising=False)
    monkeypatch.setenv("EMPTY", "")

    with pytest.raises(ConfigError) as caught:
        target.resolved(Registry.load(tmp_path).components["queue"])

    said = [str(p) for p in caught.value.problems]
    assert all(str(target.path) in line for line in said)
    assert "components.queue.user = { env = 'EMPTY' }: the environment variable is empty" in said[0]
    assert "components.queue.password = { env = 'NOT_SET' }: the environment variable is not set" in said[1]
    assert "components.queue.ca = 'no.pem': no such file" in said[2]


# -- on a cluster

CLUSTER = (
    HEAD
    + """
    [kubernetes]
    [components.queue]
    service = "data/queue:9092"
"""
)


class Cluster:
    """A cluster of one Service and one Secret; ``asked`` is what was asked of it."""

    def __init__(self, transport: str = "port-forward", lost: ClientError | None = None) -> None:
        self.transport, self.lost, self.asked = transport, lost, list[str]()

    def reached(self, service: str, *, web: bool) -> Reached:
        self._ask(service)
        if self.transport == "port-forward":
            return Reached("127.0.0.1", 31001, self.transport)
        if self.transport == "ingress" and web:
            return Reached("queue.example", 443, self.transport, "https")
        return self.inside(service)

    def inside(self, service: str) -> Reached:
        found = SERVICE.fullmatch(service)
        assert found is not None
        return Reached(f"{found['name']}.{found['namespace']}.svc", int(found["port"]), "service")

    def proxy(self) -> str:
        return "socks5h://127.0.0.1:31000"

    def secret(self, namespace: str, name: str, key: str) -> str:
        self._ask(f"{namespace}/{name}#{key}")
        return "hunter2"

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.lost is not None:
            raise self.lost


def reached(root: Path, text: str, cluster: Cluster, form: str = "{service}") -> Endpoints:
    component = FILES["deploy/queue/component.toml"].replace("{service}", form)
    checkout(root, {"deploy/queue/component.toml": component, "deploy/targets/staging.toml": text})
    registry = Registry.load(root)
    return load_target("staging", root, registry).resolved(registry.components["queue"], cluster)


@pytest.mark.parametrize(
    ("form", "transport", "here", "within"),
    [
        ("{service}", "port-forward", "queue.data.svc:9092", "queue.data.svc:9092"),
        ("{scheme}://{host}:{port}", "port-forward", "http://127.0.0.1:31001", "http://queue.data.svc:9092"),
        ("{scheme}://{host}:{port}", "service", "http://queue.data.svc:9092", "http://queue.data.svc:9092"),
        ("{scheme}://{host}:{port}", "ingress", "https://queue.example:443", "http://queue.data.svc:9092"),
        ("bolt://{host}:{port}", "port-forward", "bolt://127.0.0.1:31001", "bolt://queue.data.svc:9092"),
        ("{authority}", "port-forward", "queue.data.svc:9092", "queue.data.svc:9092"),
    ],
)
def test_a_service_becomes_an_address_by_the_components_own_form(
    tmp_path: Path, form: str, transport: str, here: str, within: str
) -> None:
    endpoints = reached(tmp_path, CLUSTER, Cluster(transport), form)

    assert (endpoints["address"], endpoints.internal_address("address")) == (here, within)
    assert endpoints.transport == transport


@pytest.mark.parametrize(("transport", "proxy"), [("port-forward", "socks5h://127.0.0.1:31000"), ("service", None)])
def test_a_proxy_is_used_only_where_names_are_not_known_without(tmp_path: Path, transport: str, proxy: str) -> None:
    endpoints = reached(tmp_path, CLUSTER, Cluster(transport))

    assert endpoints.get("proxy") == proxy


@pytest.mark.parametrize("line", ['service = "data/queue:80"', 'service = { address = "data/queue:80" }'])
def test_a_port_that_needs_no_saying_is_not_said_in_a_host_header(tmp_path: Path, line: str) -> None:
    text = CLUSTER.replace('service = "data/queue:9092"', line)

    assert reached(tmp_path, text, Cluster(), "{authority}")["address"] == "queue.data.svc"


def test_an_address_beside_a_service_may_name_its_places_or_replace_it(tmp_path: Path) -> None:
    changed = CLUSTER + 'address = "https://{host}:{port}"\nproxy = "socks5://mine:1080"'

    endpoints = reached(tmp_path, changed, Cluster())

    assert endpoints.addresses == {"address": "https://127.0.0.1:31001", "proxy": "socks5://mine:1080"}
    assert endpoints.internal_address("address") == "https://queue.data.svc:9092"
    assert endpoints.internal_address("proxy") == "socks5://mine:1080"


def test_a_secret_of_the_cluster_is_read_and_stays_hidden(tmp_path: Path) -> None:
    cluster = Cluster()

    endpoints = reached(tmp_path, QUEUE + 'password = { secret = "data/queue#password" }\n[kubernetes]', cluster)

    assert endpoints["password"] == "hunter2"
    assert "hunter2" not in repr(endpoints)
    assert (cluster.asked, endpoints.transport) == (["data/queue#password"], "direct")


def test_a_mistake_in_the_file_is_told_before_the_cluster_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    lost = ClusterLost("health", "the API server refused the connection")
    refused = 'password = { secret = "data/queue#password" }'

    with pytest.raises(ConfigError, match="NOT_SET"):
        reached(tmp_path, CLUSTER + refused + '\nuser = { env = "NOT_SET" }', Cluster(lost=lost))
    with pytest.raises(ClusterLost):
        reached(tmp_path, CLUSTER + refused, Cluster(lost=lost))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CLUSTER.replace("data/queue:9092", "queue:9092"), "must be \"namespace/name:port\", is 'queue:9092'"),
        (CLUSTER.replace('"data/queue:9092"', "9092"), 'service must be "namespace/name:port", is 9092'),
        (CLUSTER.replace('"data/queue:9092"', '{ address = "d/q:1", prxy = "d/q:1" }'), "(nearest known: 'proxy')"),
        (CLUSTER + 'address = "{hots}:{port}"', "components.queue.address: unknown {hots} (nearest known: 'host')"),
        (QUEUE.replace("queue.example:9092", "{host}:1"), "names {host} of a Service, and no Service is given"),
        (CLUSTER.replace("components.queue", "components.store"), "Store has no address that a Service can stand for"),
        (CLUSTER.replace('"data/queue:9092"', '{ proxy = "data/queue:1" }'), "missing key 'components.queue.address'"),
        (CLUSTER + 'password = { secret = "queue#password" }', 'must be "namespace/name#key"'),
        (CLUSTER + 'password = { secret = "data/../x#password" }', "names are lower-case letters, digits and '-'"),
        (CLUSTER + 'password = { secret = "data/-#password" }', "names are lower-case letters, digits and '-'"),
        (CLUSTER.replace("data/queue:9092", "data/..:9092"), "names are lower-case letters, digits and '-'"),
        (CLUSTER.replace("data/queue:9092", "da-/queue:9092"), "names are lower-case letters, digits and '-'"),
        (CLUSTER.replace("data/queue:9092", "data/queue:99999"), "ports 1 to 65535"),
        (CLUSTER.replace("data/queue:9092", "data/queue:٩٠"), "ports 1 to 65535"),
        (
            CLUSTER.replace("[kubernetes]", '[kubernetes]\nnamespaces = ["data", "../x"]'),
            "kubernetes.namespaces: '../x' can be no namespace (names are lower-case letters, digits and '-'",
        ),
        (QUEUE + 'password = { secret = "data/queue#password" }', "needs a table [kubernetes]"),
        (QUEUE + 'service = "data/queue:1"', "'components.queue.service' (it needs a table [kubernetes])"),
    ],
)
def test_a_mistake_in_a_reference_to_the_cluster_is_named(tmp_path: Path, text: str, said: str) -> None:
    (found,) = mistakes(tmp_path, text)

    assert said in found


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("brokers = 0", "must be more than 0: no check could fail by it, is 0"),
        ("brokers = -3", "must be more than 0"),
        ("brokers = inf", "must be a number that can be reached"),
        ("brokers = nan", "must be a number that can be reached"),
        ("used = 100", "must be 99 or less: no check could fail by it, is 100"),
        ("spare = -1", "must be 0 or more"),
        ("names = []", "must not be empty: no check could fail by it"),
        ('names = [""]', "must not be empty"),
        ("rows = [{ pods = 0 }]", "must be more than 0"),
    ],
)
def test_an_expectation_by_which_no_check_could_fail_is_refused(tmp_path: Path, given: str, said: str) -> None:
    more = """
        used = 90
        spare = 0
        names = ["a"]
        rows = []
        [bounds]
        used = { most = 99 }
        spare = { least = 0 }
        rows = { empty = true }
    """
    component = FILES["deploy/queue/component.toml"].replace("brokers = 3", f"brokers = 3{more}")
    text = f"{QUEUE}\n[components.queue.expect]\n{given}\n"
    checkout(tmp_path, {"deploy/queue/component.toml": component, "deploy/targets/staging.toml": text})

    with pytest.raises(ConfigError) as caught:
        load_target("staging", tmp_path, Registry.load(tmp_path))

    assert f"components.queue.expect.{given.partition(' ')[0]} {said}" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('[{ match = "scratch-*", reason = "made anew each day" }]', ""),
        ("[]", ""),
        ('[{ match = "scratch-*" }]', "exceptions[0] must be { match, reason }, both text"),
        ('[{ match = "a", reason = " " }]', "exceptions[0] must be { match, reason }, both text"),
        ('["scratch-*"]', "exceptions[0] must be { match, reason }, both text"),
        ('[{ match = "*", reason = "all" }]', "exceptions[0].match covers every name: no check could fail by it"),
        ('"scratch-*"', "exceptions must be a list"),
    ],
)
def test_an_exception_says_which_names_and_why(tmp_path: Path, given: str, said: str) -> None:
    component = FILES["deploy/queue/component.toml"]
    expect = "brokers = 3\nexceptions = []\n[bounds]\nexceptions = { empty = true }"
    checkout(tmp_path, {"deploy/queue/component.toml": component.replace("brokers = 3", expect)})
    target = tmp_path / "deploy/targets/staging.toml"
    target.write_text(dedent(QUEUE) + f"[components.queue.expect]\nexceptions = {given}\n")

    if said:
        with pytest.raises(ConfigError) as caught:
            load_target("staging", tmp_path, Registry.load(tmp_path))
        assert said in str(caught.value)
    else:
        assert load_target("staging", tmp_path, Registry.load(tmp_path)).name == "staging"


def test_a_component_expects_nothing_by_which_no_check_could_fail(tmp_path: Path) -> None:
    component = FILES["deploy/queue/component.toml"].replace("brokers = 3", "brokers = 0\n[bounds]\nbrokres = {}")

    with pytest.raises(ConfigError) as caught:
        Registry.load(checkout(tmp_path, {"deploy/queue/component.toml": component}))

    unknown, unfailing = (p.what for p in caught.value.problems)
    assert unknown == "bounds: unknown expectation 'brokres'"
    assert unfailing == "expect.brokers must be more than 0: no check could fail by it, is 0"


@pytest.mark.parametrize("health", [0, -1, 101])
def test_a_checklist_that_any_health_passes_is_refused(tmp_path: Path, health: int) -> None:
    said = mistakes(tmp_path, f"{QUEUE}\n[checklist]\nhealth = {health}\n")

    assert said == [f"checklist.health must be from 1 to 100 percent, is {health}"]


# -- ways to log in

LOGINS = {
    "deploy/queue/component.toml": """
        title = "Queue"
        [endpoints]
        required = ["address", "password"]
        optional = ["auth", "token", "oauth", "region"]
        secret = ["password", "token", "oauth.client_secret"]
        [endpoints.auth.oauth]
        required = ["token"]
        instead_of = ["password"]
        [endpoints.auth.aws]
        instead_of = ["password"]
    """
}
OAUTH = """
    [components.queue.oauth]
    url = "https://issuer.example/token"
    client_id = "us"
    client_secret = { env = "HOME" }
"""


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", ["missing key 'components.queue.password'"]),
        ('password = { env = "HOME" }', []),
        ('auth = "aws"', []),
        ('auth = "oauth"\n    token = { env = "HOME" }', []),
        ('auth = "oauth"' + OAUTH, []),
        (
            'auth = "oauht"',
            ["components.queue.auth: unknown way to log in 'oauht'", "missing key 'components.queue.password'"],
        ),
        ("auth = 7", ["components.queue.auth: unknown way to log in 7", "missing key 'components.queue.password'"]),
        ('auth = "aws"\n    password = { env = "HOME" }', ["components.queue.password has no place with auth = 'aws'"]),
        ('auth = "aws"\n    token = { env = "HOME" }', ['components.queue.token has a place only with auth = "oauth"']),
        ('auth = "oauth"', ["missing key 'components.queue.token' (or a table [components.queue.oauth])"]),
        ('auth = "oauth"\n    token = "t"', ["components.queue.token must be a reference"]),
        (
            'auth = "oauth"\n    token = { env = "HOME" }' + OAUTH,
            ["components.queue has both token and oauth, which is where one comes from"],
        ),
        (
            'auth = "oauth"' + OAUTH.replace("client_id", "clientid"),
            ["unknown key 'components.queue.oauth.clientid'", "missing key 'components.queue.oauth.client_id'"],
        ),
        (
            'auth = "oauth"' + OAUTH.replace('{ env = "HOME" }', '"plain"'),
            ["components.queue.oauth.client_secret must be a reference"],
        ),
    ],
)
def test_another_way_to_log_in_needs_other_keys(tmp_path: Path, more: str, told: list[str]) -> None:
    checkout(tmp_path, {**LOGINS, "deploy/targets/staging.toml": QUEUE + f"    {more}\n"})

    try:
        load_target("staging", tmp_path, Registry.load(tmp_path))
        problems: list[str] = []
    except ConfigError as error:
        problems = [str(problem).partition("staging.toml: ")[2] for problem in error.problems]

    assert len(problems) == len(told), problems
    assert all(one.startswith(what) for one, what in zip(problems, told, strict=True)), problems


def test_an_issuer_stands_for_the_token(tmp_path: Path) -> None:
    checkout(tmp_path, {**LOGINS, "deploy/targets/staging.toml": QUEUE + '    auth = "oauth"\n' + OAUTH})
    registry = Registry.load(tmp_path)

    endpoints = load_target("staging", tmp_path, registry).resolved(registry.components["queue"])

    assert endpoints["auth"] == "oauth"
    assert endpoints.secrets["token"].source is not None
    assert (endpoints.get("oauth"), list(endpoints.secrets)) == (None, ["token"])


def test_a_way_to_log_in_names_keys_that_there_are(tmp_path: Path) -> None:
    wrong = LOGINS["deploy/queue/component.toml"].replace('required = ["token"]', 'required = ["tokne"]')
    checkout(tmp_path, {"deploy/queue/component.toml": wrong})

    with pytest.raises(ConfigError, match=r"endpoints\.auth\.oauth: unknown endpoint key 'tokne'"):
        Registry.load(tmp_path)
