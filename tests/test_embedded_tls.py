"""A platform with TLS: its certificates, the recipes that know them, and which checks are asked of it."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from gonogo.catalog.registry import Component, Registry, TlsPort
from gonogo.catalog.target import load_target
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import ConfigError
from gonogo.core.outcomes import Outcome
from gonogo.providers.choose import provider_for
from gonogo.providers.embedded import deployment, platforms
from gonogo.providers.embedded.deployment import NotRight
from gonogo.providers.embedded.fetch import Fetched
from gonogo.providers.embedded.provider import Embedded
from gonogo.providers.embedded.recipe import Recipe, Rendering, generate, render
from gonogo.providers.embedded.spec import load
from gonogo.providers.embedded.tls import OFF, Kind, Tls, issued
from gonogo.run.plan import Planned, plan
from tests.checkouts import checkout
from tests.small_servers import component, ready

ROOT = Path(__file__).parent.parent
REGISTRY = Registry.load(ROOT)
SPEAKS = ["elasticsearch", "kafka", "neo4j", "postgresql", "s3", "mlflow", "ray"]
NEEDS = {
    "postgresql": dict(zip(("host", "port", "database", "username", "password"), "hpdup", strict=True)),
    "s3": dict(zip(("endpoint", "bucket", "access_key", "secret_key", "region"), "ebasr", strict=True)),
}
"""What MLflow is told of the two that it stands on."""


# -- certificates


def shaken(server: Tls, client: Tls, *, shows: bool = True) -> dict[str, object]:
    """What a client of one platform sees of a server of one, who wants its certificate. Raises ``ssl.SSLError``."""
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=server.ca)
    serving.verify_mode = ssl.CERT_REQUIRED
    serving.load_cert_chain(server.cert, server.key)
    asking = ssl.create_default_context(cafile=client.ca)
    asking.verify_flags |= ssl.VERIFY_X509_STRICT
    if shows:
        asking.load_cert_chain(client.client_cert, client.client_key)
    here, there = socket.socketpair()

    def serve() -> None:
        try:
            with there, serving.wrap_socket(there, server_side=True) as spoken:
                spoken.sendall(b"hello")
        except OSError:
            there.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with here, asking.wrap_socket(here, server_hostname="localhost") as spoken:
            assert spoken.recv(5) == b"hello"
            return dict(spoken.getpeercert() or {})
    finally:
        here.close()
        thread.join()


def test_servers_and_clients_of_one_platform_trust_each_other_and_nobody_else(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    one, other = issued(first, "kafka", "mutual", None), issued(second, "kafka", "mutual", None)

    seen = shaken(one, one)

    assert seen["subjectAltName"] == (
        ("IP Address", "127.0.0.1"),
        ("IP Address", "0:0:0:0:0:0:0:1"),
        ("DNS", "localhost"),
        ("DNS", "kafka"),
    )
    for server, client, shows in ((one, other, True), (one, one, False)):
        with pytest.raises(ssl.SSLError):
            shaken(server, client, shows=shows)


def test_keys_are_for_their_owner_alone_and_what_is_there_stays(tmp_path: Path) -> None:
    kafka = issued(tmp_path, "kafka", "server", None)
    before = {path: path.read_bytes() for path in (tmp_path / ".tls").rglob("*") if path.is_file()}

    again, neo4j = issued(tmp_path, "kafka", "server", None), issued(tmp_path, "neo4j", "server", None)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in before}
    assert modes == {"ca.crt": 0o644, "ca.key": 0o600, "client.crt": 0o644, "client.key": 0o600} | {
        "server.crt": 0o644,
        "server.key": 0o600,
    }
    assert again == kafka
    assert {path: path.read_bytes() for path in before} == before
    assert shaken(neo4j, kafka)["subject"] == ((("commonName", "neo4j"),),)


# -- recipes


def rendered(name: str, tls: Tls) -> Recipe:
    """The recipe of a real component."""
    one = REGISTRY.components[name]
    spec, home = load(one.folder), Path("/programs")
    spec, needs = spec.securing() if tls else spec, {need: Endpoints(need, keys) for need, keys in NEEDS.items()}
    ports = {n.name: {p: 20000 + 10 * i + j for j, p in enumerate(n.ports)} for i, n in enumerate(spec.nodes)}
    fetched = Fetched({each: home / "programs" / each for each in spec.programs}, [home / "maven/a.jar"], home)
    return render(spec, one, Rendering("run", Path("/data") / name, ports, generate(spec), needs, tls), fetched)


def on(*, mutual: bool) -> Tls:
    own = {"cert": "/tls/server.crt", "key": "/tls/server.key"}
    return Tls(mutual=mutual, ca="/tls/ca.crt", client_cert="/tls/client.crt", client_key="/tls/client.key", **own)


@pytest.mark.parametrize("name", SPEAKS)
@pytest.mark.parametrize("tls", [OFF, on(mutual=False), on(mutual=True)], ids=["off", "server", "mutual"])
def test_a_component_is_asked_as_its_servers_speak(name: str, tls: Tls) -> None:
    recipe = rendered(name, tls)

    endpoints = recipe.endpoints()
    files = {**endpoints.addresses, **endpoints.addresses.get("security", {})}
    given = {value for value in files.values() if isinstance(value, str) and value.startswith("/tls/")}
    trusted, ours = {"/tls/ca.crt"}, {"/tls/client.crt", "/tls/client.key"}
    assert REGISTRY.components[name].encrypted(endpoints.addresses) is bool(tls)
    assert given == ((trusted | ours) if tls.mutual else trusted if tls else set())
    steps = [step for node in recipe.nodes for step in (*node.prepare, node.command)]
    assert all(text for step in steps for text in (*step.argv, *step.env.values()))
    texts = [text for node in recipe.nodes for text in (*node.files.values(), *node.command.env.values())]
    texts += [argument for step in steps for argument in step.argv]
    assert any("/tls/server.key" in text for text in texts) is bool(tls)
    assert recipe.tls == str(tls)


@pytest.mark.parametrize("name", SPEAKS)
def test_without_tls_nothing_of_it_is_in_a_recipe(name: str) -> None:
    recipe = rendered(name, OFF)

    texts = [text for node in recipe.nodes for text in (*node.files.values(), *node.command.argv)]
    assert not [text for text in texts if "server.crt" in text or "SASL_SSL" in text or "bolt.tls" in text]


# -- a platform


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout with a home of its own, all of whose platforms are gone afterwards."""
    monkeypatch.setattr(deployment, "UNTOUCHED", 1.0)
    for name in ("root", "home"):
        (tmp_path / name).mkdir()
    yield tmp_path
    platforms.end_all(tmp_path / "home")


def provider(place: Path, tls: Kind | None) -> Embedded:
    return Embedded(place / "root", home=place / "home", tls=tls)


def speaking(place: Path) -> Component:
    """A small server whose recipe knows TLS."""
    steps = '[[prepare]]\nargv = ["{% if tls %}touch{% endif %}", "{% if tls %}spoken{% endif %}"]\n'
    return component(place / "root", more=f'ca = "{{{{ tls.ca }}}}"\n{steps}')


def up(embedded: Embedded, one: Component) -> Endpoints:
    return embedded.up(one, {}, ready, lambda _: None)


def test_certificates_are_made_for_a_platform_with_tls_and_end_with_it(place: Path) -> None:
    embedded = provider(place, "mutual")

    endpoints = up(embedded, speaking(place))

    (server,) = embedded.servers()
    authority = Path(endpoints["ca"])
    assert authority.is_file()
    assert (Path(server.data) / "spoken").exists()
    embedded.down()
    assert not authority.exists()


def test_without_tls_there_are_no_certificates_and_no_keys_of_them(place: Path) -> None:
    embedded = provider(place, None)

    endpoints = up(embedded, speaking(place))

    (server,) = embedded.servers()
    assert "ca" not in endpoints.addresses
    assert not (Path(server.data) / "spoken").exists()
    assert not (Path(server.data).parent.parent / ".tls").exists()


def test_a_platform_without_tls_is_not_one_with_it(place: Path) -> None:
    one, embedded = speaking(place), provider(place, None)
    up(embedded, one)
    embedded.keep()

    with pytest.raises(NotRight, match="is not what would be started now: no TLS in place of mutual TLS"):
        up(provider(place, "mutual"), one)


def test_a_component_that_does_not_know_tls_is_a_mistake_where_all_speak_it(place: Path) -> None:
    with pytest.raises(ConfigError, match="nothing in it depends on `tls`"):
        up(provider(place, "server"), component(place / "root"))


# -- targets and plans

TARGET = """
    [target]
    name = "there"
    provider = "{provider}"
    {more}
"""


def target(root: Path, provider: str, more: str) -> object:
    checkout(root, {"deploy/targets/there.toml": dedent(TARGET).format(provider=provider, more=more)})
    return load_target("there", root, Registry.load(root))


@pytest.mark.parametrize(("provider", "more", "said"), [
    ("existing", '[embedded]\ntls = "server"', "[embedded] has no place in a target of provider 'existing'"),
    ("embedded", '[embedded]\ntls = "both"', "embedded.tls: unknown value 'both'"),
    ("embedded", '[embedded]\nca = "x"', "unknown key 'embedded.ca'"),
])  # fmt: skip
def test_what_a_target_may_say_of_tls(tmp_path: Path, provider: str, more: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        target(tmp_path, provider, more)

    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("name", "addresses", "asked"),
    [
        ("elasticsearch", {"url": "https://search:9200"}, True),
        ("elasticsearch", {"url": "http://search:9200"}, False),
        ("elasticsearch", {"url": {"env": "URL"}}, None),
        ("kafka", {"bootstrap": "b:9092", "security": {"security_protocol": "SASL_SSL"}}, True),
        ("kafka", {"bootstrap": "b:9092", "security": {"security_protocol": "SASL_PLAINTEXT"}}, False),
        ("kafka", {"bootstrap": "b:9092"}, False),
        ("neo4j", {"uri": "neo4j+s://graph:7687"}, True),
        ("neo4j", {"uri": "bolt+ssc://graph:7687"}, True),
        ("neo4j", {"uri": "bolt://graph:7687", "ca": "ca.crt"}, True),
        ("neo4j", {"uri": "bolt://graph:7687"}, False),
    ],
)
def test_whether_a_component_is_asked_with_tls_is_read_from_its_addresses(
    name: str, addresses: dict[str, object], asked: bool | None
) -> None:
    assert REGISTRY.components[name].encrypted(addresses) is asked


def test_a_component_that_says_nothing_of_tls_leaves_it_open() -> None:
    assert REGISTRY.components["health"].encrypted({}) is None
    assert TlsPort(when={"url": "^https:"}).spoken({"url": 7}.get) is False


@pytest.mark.parametrize(("name", "outcome"), [("embedded", Outcome.UNSUPPORTED), ("embedded-tls", None)])
def test_the_claim_about_certificates_is_made_where_there_are_some(name: str, outcome: Outcome | None) -> None:
    check = Planned(
        nodeid="suites/inside/test_certificates.py::test_certificates_hold[kafka]",
        criteria=("kafka.certificates",),
        component="kafka",
        components_used=("kafka",),
        needs=("tls",),
    )

    unasked = plan([check], REGISTRY, load_target(name, ROOT, REGISTRY)).unasked.get(check.nodeid)

    assert (unasked.outcome if unasked else None) is outcome
    assert unasked is None or unasked.reason == "kafka is asked without TLS on this target"


def test_files_of_a_target_are_beside_it_and_what_a_reference_holds_is_one_of_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KEY", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----")
    (tmp_path / "there.toml").write_text(
        dedent("""
        [target]
        name = "there"
        provider = "existing"
        [components.kafka]
        bootstrap = "b:9093"
        [components.kafka.security]
        ssl_certfile = "c.crt"
        ssl_keyfile = { env = "KEY" }
        [components.elasticsearch]
        url = "https://search:9200"
        ca = "ca.crt"
        cert = "c.crt"
        key = { env = "KEY" }
        """)
    )
    for name in ("ca.crt", "c.crt"):
        (tmp_path / name).write_text("a certificate")
    existing = provider_for(load_target(str(tmp_path / "there.toml"), ROOT, REGISTRY), ROOT)

    search = existing.attached(REGISTRY.components["elasticsearch"])
    kafka = existing.attached(REGISTRY.components["kafka"])

    assert search is not None
    assert kafka is not None
    security = kafka["security"]
    assert [search["ca"], security["ssl_certfile"]] == [str(tmp_path / "ca.crt"), str(tmp_path / "c.crt")]
    for path in (Path(search["key"]), Path(security["ssl_keyfile"])):
        assert path.read_text() == "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_of_a_target_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "there.toml").write_text(
        '[target]\nname = "there"\nprovider = "existing"\n[components.kafka]\nbootstrap = "b:9093"\n'
        'security = { ssl_keyfile = "none.key" }\n'
    )
    existing = provider_for(load_target(str(tmp_path / "there.toml"), ROOT, REGISTRY), ROOT)

    with pytest.raises(ConfigError, match=r"components\.kafka\.security\.ssl_keyfile = 'none\.key': no such file"):
        existing.attached(REGISTRY.components["kafka"])
