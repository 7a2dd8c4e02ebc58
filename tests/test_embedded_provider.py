"""What the embedded provider promises of up, down, evidence and disturb, with servers of thirty lines."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from gonogo.catalog.registry import Component
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import ConfigError, DeployError, Gone, TimedOut, Unsettled
from gonogo.core.home import barrier
from gonogo.core.outlet import learn
from gonogo.core.servers import Phase, Progress, Server
from gonogo.core.waiting import until
from gonogo.providers import Ready, Removing
from gonogo.providers.embedded import deployment, keeper, platforms, ports
from gonogo.providers.embedded.control import KeeperLost
from gonogo.providers.embedded.deployment import NotRight
from gonogo.providers.embedded.provider import Embedded
from tests.small_servers import component, marked, pids, ready, runs

PYTHONS = (Path(sys.executable), Path("/usr/bin/python3"))
ENTERABLE = next((path for path in PYTHONS if path.exists() and not barrier(path.resolve().parent)), None)
"""A Python that an account other than ours may run."""


class Checkout:
    """A checkout in a folder with spaces and letters beyond ASCII, and its own GONOGO_HOME."""

    def __init__(self, folder: Path) -> None:
        self.root, self.home = folder / "mein Checkout ä", folder / "home ü"
        self.root.mkdir()
        self.home.mkdir()
        self.told: list[Progress] = []

    def provider(self) -> Embedded:
        """Another one, as another process would have it."""
        return Embedded(self.root, home=self.home)

    def up(
        self, one: Component, provider: Embedded | None = None, asked: Ready = ready, **needs: Endpoints
    ) -> tuple[Embedded, Endpoints]:
        """The component deployed by a provider."""
        provider = provider or self.provider()
        return provider, provider.up(one, needs, asked, self.told.append)


def unsettled(endpoints: Endpoints) -> None:
    """The component answers, and a claim about it is not so."""
    ready(endpoints)
    raise Unsettled(endpoints.component, "answers, and is not right: two of three", kind="thin")


def precious(provider: Embedded) -> list[Path]:
    """A file that somebody has put into the data folder of each node."""
    files = [Path(server.data) / "precious" for server in provider.servers() if server.data]
    for file in files:
        file.write_text("theirs")
    return files


def kill(provider: Embedded, node: str) -> None:
    """The node's process is gone on return."""
    os.kill(processes(provider)[node] or 0, signal.SIGKILL)
    until(lambda: rows(provider)[node].state == "dead", awaited="its death", within=5)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    """A checkout whose platforms are all gone afterwards; what is not right may become so for one second."""
    monkeypatch.setattr(deployment, "UNTOUCHED", 1.0)
    one = Checkout(tmp_path)
    yield one
    platforms.end_all(one.home)


@pytest.fixture
def enterable(checkout: Checkout) -> Iterator[Checkout]:
    """The checkout with a GONOGO_HOME that every account may enter, unlike pytest's own folders."""
    own = checkout.home
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        checkout.home = Path(folder)
        checkout.home.chmod(0o755)
        yield checkout
        platforms.end_all(checkout.home)
    checkout.home = own


def rows(provider: Embedded) -> dict[str, Server]:
    """The servers by node."""
    return {server.node: server for server in provider.servers()}


def processes(provider: Embedded) -> dict[str, int | None]:
    """The serving pid by node."""
    return {server.node: server.pid for server in provider.servers()}


# -- up


def test_up_returns_endpoints_that_answer_and_shows_its_servers(checkout: Checkout) -> None:
    provider, endpoints = checkout.up(component(checkout.root, nodes=("one", "two")))
    ready(endpoints)
    one = rows(provider)["one"]
    assert set(endpoints.addresses) == {"address"}
    assert set(endpoints.secrets) == {"password"}
    assert [s.state for s in provider.servers()] == ["running", "running"]
    assert one.address == endpoints["address"]
    assert one.pid == pids(Path(one.log).read_text())["serving"]
    assert len(one.ports) == 2
    assert checkout.told[0].phase is Phase.PREPARING
    assert Phase.STARTING in {p.phase for p in checkout.told}


def test_a_product_is_started_from_its_own_folder(checkout: Checkout) -> None:
    own = component(checkout.root)
    other = component(checkout.root, "echo/loud", nodes=("a", "b"))
    provider = Embedded(checkout.root, home=checkout.home, variant=lambda one: replace(one, folder=other.folder))

    _, endpoints = checkout.up(own, provider)

    ready(endpoints)
    assert provider.takes(own)["processes"] == 2
    assert [(s.component, s.node) for s in provider.servers()] == [("echo", "a"), ("echo", "b")]


def test_the_serving_process_is_shown_and_not_its_launcher(checkout: Checkout) -> None:
    provider, _ = checkout.up(component(checkout.root, options="launched"))
    one = rows(provider)["one"]
    told = pids(Path(one.log).read_text())
    assert one.pid == told["serving"]
    assert one.pid != told["launcher"]


def test_passwords_are_random_and_never_on_a_command_line(checkout: Checkout) -> None:
    provider, endpoints = checkout.up(component(checkout.root))
    _, other = checkout.up(component(checkout.root, "other"), provider)
    lines = [Path(f"/proc/{s.pid}/cmdline").read_bytes().decode() for s in provider.servers()]
    assert endpoints["password"] != other["password"]
    assert not any(endpoints["password"] in line or other["password"] in line for line in lines)


def test_a_server_may_open_many_files_and_our_own_limit_stays(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ours = min(soft, 1024)
    resource.setrlimit(resource.RLIMIT_NOFILE, (ours, hard))
    try:
        one = component(checkout.root)
        provider = checkout.provider()
        assert provider.fits([one]) == []
        checkout.up(one, provider)
        pid = rows(provider)["one"].pid
        assert pid
        its = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        still = resource.getrlimit(resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert its == (min(hard, keeper.OPEN_FILES),) * 2
    assert still == (ours, hard)


def test_servers_inherit_nothing_of_our_environment(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ours")
    monkeypatch.setenv("GONOGO_RUN", "pv-20260101000000-abcdef")
    provider, _ = checkout.up(component(checkout.root))
    pid = rows(provider)["one"].pid
    assert pid
    own = {"GONOGO_KEEPER", "GONOGO_PLATFORM", "GONOGO_SERVER"}
    assert set(keeper.environment(pid)) - {""} == {"PATH", "LANG", "HOME", "TMPDIR", "PASSWORD", "SEEN"} | own


def test_a_server_that_dies_is_reported_with_its_last_lines(checkout: Checkout) -> None:
    with pytest.raises(DeployError, match="one ended with code 7") as caught:
        checkout.up(component(checkout.root, options="dies"))
    lines = caught.value.log_tail.splitlines()
    assert len(lines) == 20
    assert lines[-1].strip() == "the disk is full"
    assert caught.value.node == "one"


def test_a_death_is_news_even_while_a_question_hangs(checkout: Checkout) -> None:
    released = threading.Event()

    def hang(endpoints: Endpoints) -> None:
        host, _, port = endpoints["address"].partition(":")
        with socket.create_connection((host, int(port)), 5) as connection:
            connection.sendall(b"die")
        assert released.wait(60)

    try:
        with pytest.raises(DeployError, match="one ended with code 3"):
            checkout.provider().up(component(checkout.root), {}, hang, checkout.told.append)
    finally:
        released.set()


def test_one_that_never_answers_is_given_up_with_its_log(checkout: Checkout) -> None:
    silent = component(checkout.root, options="silent", toml="")
    path = silent.folder / "embedded.toml"
    path.write_text(path.read_text().replace("ready = 20", "ready = 2"))
    with pytest.raises(DeployError, match=r"not ready within 2 s: one does not listen") as caught:
        checkout.up(silent)
    assert "process silent" in caught.value.log_tail


def test_a_full_disk_is_not_the_components_fault(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "a.json")

    monkeypatch.setattr(platforms, "_write", full)
    with pytest.raises(ConfigError, match="cannot be written: No space left on device"):
        checkout.up(component(checkout.root))


def test_a_port_that_somebody_took_meanwhile_is_replaced(checkout: Checkout) -> None:
    provider, endpoints = checkout.up(component(checkout.root, options="taken-once"))
    ready(endpoints)
    assert "Address already in use" in Path(rows(provider)["one"].log).read_text()


def test_a_port_is_chosen_three_times_at_most(checkout: Checkout) -> None:
    never = component(checkout.root)
    path = never.folder / "server.py"
    path.write_text("print('OSError: Address already in use'); raise SystemExit(1)")
    with pytest.raises(DeployError, match="ended with code 1") as caught:
        checkout.up(never)
    assert Path(caught.value.log).read_text().count("Address already in use") == 3


def test_preparation_runs_in_order_before_the_start_and_its_failure_is_reported(checkout: Checkout) -> None:
    steps = """
[[prepare]]
argv = ["/bin/sh", "-c", "cat > first; echo prepared $WHAT"]
stdin = "{{ node.name }} of {{ run }}"
env = { WHAT = "the first" }
[[prepare]]
argv = ["/bin/sh", "-c", "cat first; exit {{ node.vars.code }}"]
"""
    good = component(checkout.root, more=steps.replace("{{ node.vars.code }}", "0"))
    provider, _ = checkout.up(good)
    run = platforms.listed(checkout.home)[0].id
    lines = Path(rows(provider)["one"].log).read_text().splitlines()
    assert lines[:2] == ["prepared the first", f"one of {run}" + lines[1].removeprefix(f"one of {run}")]
    bad = component(checkout.root, "bad", more=steps.replace("{{ node.vars.code }}", "5"))
    with pytest.raises(DeployError, match="one: sh ended with code 5"):
        checkout.up(bad, provider)


def test_finishing_is_repeated_until_it_succeeds(checkout: Checkout) -> None:
    finish = """
[[finish]]
argv = ["/bin/sh", "-c", "echo try >> tries; test $(wc -l < tries) -ge 3"]
"""
    provider, _ = checkout.up(component(checkout.root, more=finish))
    assert (Path(rows(provider)["one"].data) / "tries").read_text() == "try\n" * 3


def test_a_program_that_is_not_there_is_a_sentence(checkout: Checkout) -> None:
    wrong = component(checkout.root)
    path = wrong.folder / "embedded.toml"
    path.write_text(path.read_text().replace("{{ python }}", "/no/such/program"))
    with pytest.raises(DeployError, match=r"one could not be started: .*No such file"):
        checkout.up(wrong)


@pytest.mark.parametrize(
    "template", ["{{ nothing }}", "{{ nodes[0].ports.other }}", "{{ needs.database.url }}", "{% if %}"]
)
def test_a_template_that_cannot_be_rendered_is_a_sentence(checkout: Checkout, template: str) -> None:
    wrong = component(checkout.root)
    (wrong.folder / "server.py").write_text(template)
    with pytest.raises(ConfigError, match=r"embedded\.toml.*server\.py"):
        checkout.up(wrong)


def test_a_component_is_told_where_what_it_needs_is(checkout: Checkout) -> None:
    provider, database = checkout.up(component(checkout.root, "database"))
    needing = component(checkout.root, "needing")
    path = needing.folder / "embedded.toml"
    path.write_text(path.read_text().replace("[files]", '[files]\n"url" = "url"'))
    (needing.folder / "url").write_text("{{ needs.database.address }} {{ needs.database.password }}")
    checkout.up(needing, provider, database=database)
    data = next(s.data for s in provider.servers() if s.component == "needing")
    assert (Path(data) / "url").read_text() == f"{database['address']} {database['password']}"


def test_a_node_waits_for_the_nodes_it_comes_after(checkout: Checkout) -> None:
    ordered = component(checkout.root, nodes=("one", "two"))
    path = ordered.folder / "embedded.toml"
    path.write_text(path.read_text().replace('name = "two"', 'name = "two"\nafter = ["one"]'))
    provider, _ = checkout.up(ordered)
    one, two = (pids(Path(rows(provider)[n].log).read_text())["serving"] for n in ("one", "two"))
    told = [p.detail for p in checkout.told]
    assert one != two
    assert told.index("waits for one to listen") < told.index("two")


def test_the_data_of_a_node_is_its_own(checkout: Checkout) -> None:
    provider, _ = checkout.up(component(checkout.root))
    data = Path(rows(provider)["one"].data)
    assert data.stat().st_mode & 0o777 == 0o700
    assert (data / "server.py").stat().st_mode & 0o777 == 0o600
    assert data.parent.stat().st_mode & 0o777 == 0o711
    assert data.parent.parent.stat().st_mode & 0o777 == 0o711
    assert (data.parent.parent / "logs").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start servers as somebody else")
@pytest.mark.skipif(ENTERABLE is None, reason="there is no Python that nobody may run")
def test_a_server_that_refuses_root_runs_as_nobody(enterable: Checkout) -> None:
    umask = os.umask(0o077)
    try:
        prepare = '[[prepare]]\nargv = ["/bin/sh", "-c", "id -u > id"]\n'
        refusing = component(enterable.root, toml='user = "unprivileged"', more=prepare)
        path = refusing.folder / "embedded.toml"
        path.write_text(path.read_text().replace("{{ python }}", str(ENTERABLE)))
        provider, endpoints = enterable.up(refusing)
    finally:
        os.umask(umask)
    ready(endpoints)
    one = rows(provider)["one"]
    assert f"\nUid:\t{65534}\t{65534}\t" in Path(f"/proc/{one.pid}/status").read_text()
    assert "\nGroups:\t \n" in Path(f"/proc/{one.pid}/status").read_text()
    assert (Path(one.data) / "id").read_text() == "65534\n"
    assert {p.stat().st_uid for p in (Path(one.data), *Path(one.data).iterdir())} == {65534}
    assert one.user == "nobody"
    provider.down()
    assert not Path(one.data).exists()


# -- as it is, repaired, anew


def test_a_second_up_reuses_what_is_right(checkout: Checkout) -> None:
    echo = component(checkout.root, nodes=("one", "two"))
    provider, endpoints = checkout.up(echo)
    before = processes(provider)
    provider.keep()
    again, same = checkout.up(echo)
    assert same == endpoints
    assert processes(again) == before


def test_a_second_up_from_another_shell_reuses_it_too(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    echo = component(checkout.root)
    provider, endpoints = checkout.up(echo)
    before = processes(provider)
    provider.keep()
    monkeypatch.setenv("PATH", f"/opt/elsewhere:{os.environ['PATH']}")
    monkeypatch.setattr(sys, "executable", f"{sys.prefix}/bin/python-by-another-name")
    again, same = checkout.up(echo)
    assert same == endpoints
    assert processes(again) == before


def test_a_dead_node_is_started_again_and_the_others_are_left_alone(checkout: Checkout) -> None:
    echo = component(checkout.root, nodes=("one", "two"), options="launched")
    provider, endpoints = checkout.up(echo)
    before = processes(provider)
    (Path(rows(provider)["one"].data) / "precious").touch()
    os.kill(before["one"] or 0, signal.SIGKILL)
    until(lambda: rows(provider)["one"].state == "dead", awaited="its death", within=5)
    _, same = checkout.up(echo, provider)
    after = processes(provider)
    assert same == endpoints
    assert after["two"] == before["two"]
    assert after["one"] != before["one"]
    assert (Path(rows(provider)["one"].data) / "precious").exists()


def test_a_stopped_node_is_continued(checkout: Checkout) -> None:
    echo = component(checkout.root)
    provider, _ = checkout.up(echo)
    before = processes(provider)
    os.kill(before["one"] or 0, signal.SIGSTOP)
    until(lambda: rows(provider)["one"].state == "stopped", awaited="its halt", within=5)
    checkout.up(echo, provider)
    assert processes(provider) == before
    assert rows(provider)["one"].state == "running"


@pytest.mark.parametrize(("killed", "repaired"), [(["two"], False), (["one", "two"], True)], ids=["one", "all"])
def test_where_a_lost_node_means_all_what_lives_is_left_alone(
    checkout: Checkout, killed: list[str], repaired: bool
) -> None:
    echo = component(checkout.root, nodes=("one", "two"), toml='repair = "component"')
    provider, endpoints = checkout.up(echo)
    before, kept = processes(provider), precious(provider)
    for name in killed:
        kill(provider, name)

    if repaired:
        assert checkout.up(echo, provider)[1] == endpoints
    else:
        with pytest.raises(NotRight, match="two is dead, and cannot be started again while the other servers live"):
            checkout.up(echo, provider)
        assert processes(provider)["one"] == before["one"]

    assert all(path.exists() for path in kept)


def test_what_answers_and_is_not_right_is_left_as_it_is_and_described(checkout: Checkout) -> None:
    echo = component(checkout.root, nodes=("one", "two"))
    provider, endpoints = checkout.up(echo)
    before, kept = processes(provider), precious(provider)

    with pytest.raises(NotRight) as raised:
        checkout.up(echo, provider, asked=unsettled)

    said = str(raised.value).splitlines()
    assert said[0] == "answers, and is not right: two of three"
    assert said[1] == "it was left as it is; `gonogo up echo --replace` starts it anew, and loses:"
    assert [line.partition(" (")[0] for line in said[2:]] == [f"  {one.node}: {one.data}" for one in provider.servers()]
    assert all(re.search(r" \(\d+ KiB\)$", line) for line in said[2:])
    assert raised.value.kind == "thin"
    assert processes(provider) == before
    assert all(path.exists() for path in kept)
    ready(endpoints)


def test_what_does_not_answer_and_lives_is_left_as_it_is_too(checkout: Checkout) -> None:
    echo = component(checkout.root)
    provider, _ = checkout.up(echo)
    before, kept = processes(provider), precious(provider)

    def silent(_: Endpoints) -> None:
        raise TimedOut("echo", "no answer within 5 s")

    with pytest.raises(NotRight, match=r"^does not answer: no answer within 5 s"):
        checkout.up(echo, provider, asked=silent)

    assert processes(provider) == before
    assert all(path.exists() for path in kept)


def test_replacing_tells_what_is_lost_and_starts_anew(checkout: Checkout) -> None:
    echo, other = component(checkout.root, nodes=("one", "two")), component(checkout.root, "other", nodes=("three",))
    provider, _ = checkout.up(echo)
    checkout.up(other, provider)
    kept, before = precious(provider), processes(provider)
    told: list[str] = []

    def until_replaced(endpoints: Endpoints) -> None:
        (unsettled if processes(provider)["one"] == before["one"] else ready)(endpoints)

    provider.replacing(told.append)
    checkout.up(echo, provider, asked=until_replaced)
    checkout.up(other, provider)

    (lost,) = told
    assert lost.startswith("echo is replaced: answers, and is not right: two of three; lost with it:\n  one: ")
    assert [path.exists() for path in kept] == [False, False, True]
    assert [processes(provider)[node] == pid for node, pid in before.items()] == [False, False, True]


def test_a_dead_node_is_repaired_also_where_something_else_is_not_right(checkout: Checkout) -> None:
    echo = component(checkout.root, nodes=("one", "two"))
    provider, _ = checkout.up(echo)
    before, kept = processes(provider), precious(provider)
    kill(provider, "two")

    with pytest.raises(NotRight, match="not right: two of three"):
        checkout.up(echo, provider, asked=unsettled)

    assert [s.state for s in provider.servers()] == ["running", "running"]
    assert processes(provider)["one"] == before["one"]
    assert all(path.exists() for path in kept)


def test_a_dead_node_whose_port_somebody_else_has_is_left_alone(checkout: Checkout) -> None:
    echo = component(checkout.root, nodes=("one", "two"))
    provider, _ = checkout.up(echo)
    before, kept = processes(provider), precious(provider)
    kill(provider, "two")
    port = int(rows(provider)["two"].address.rpartition(":")[2])

    taken = f"two is dead, and another process, none of ours, listens on its port {port}"
    with socket.create_server(("127.0.0.1", port)), pytest.raises(NotRight, match=taken):
        checkout.up(echo, provider)

    assert processes(provider)["one"] == before["one"]
    assert all(path.exists() for path in kept)


def test_a_server_that_lives_and_listens_no_more_starts_again_on_its_data(checkout: Checkout) -> None:
    echo = component(checkout.root, nodes=("one", "two"))
    provider, endpoints = checkout.up(echo)
    before, kept = processes(provider), precious(provider)
    host, _, port = endpoints["address"].partition(":")
    with socket.create_connection((host, int(port)), 5) as connection:
        connection.sendall(b"hush")
    until(lambda: rows(provider)["one"].state == "silent", awaited="its silence", within=5)

    _, same = checkout.up(echo, provider)

    assert same == endpoints
    assert processes(provider)["two"] == before["two"]
    assert processes(provider)["one"] != before["one"]
    assert all(path.exists() for path in kept)


def test_what_never_became_right_is_asked_again_and_never_thrown_away(checkout: Checkout) -> None:
    half = component(checkout.root)
    path = half.folder / "embedded.toml"
    path.write_text(path.read_text().replace("ready = 20", "ready = 1"))
    provider = checkout.provider()
    with pytest.raises(DeployError, match="not ready within 1 s"):
        checkout.up(half, provider, asked=unsettled)
    before, kept = processes(provider), precious(provider)

    with pytest.raises(NotRight, match="not right: two of three"):
        checkout.up(half, provider, asked=unsettled)
    checkout.up(half, provider)

    assert processes(provider) == before
    assert all(path.exists() for path in kept)


def test_restoring_after_a_disturbance_throws_no_data_away(checkout: Checkout) -> None:
    echo = component(checkout.root, nodes=("one", "two"))
    provider, _ = checkout.up(echo)
    kept = precious(provider)

    with pytest.raises(DeployError, match="two of three"), provider.disturb(echo, "kill", "one", unsettled):
        pass

    assert all(path.exists() for path in kept)
    assert [s.state for s in provider.servers()] == ["running", "running"]


def test_what_never_came_up_starts_anew(checkout: Checkout) -> None:
    finish = '[[finish]]\nargv = ["/bin/sh", "-c", "test -e \'{{ deploy }}/allowed\' && touch finished"]\n'
    half = component(checkout.root, more=finish)
    path = half.folder / "embedded.toml"
    path.write_text(path.read_text().replace("ready = 20", "ready = 0.5"))
    provider = checkout.provider()
    with pytest.raises(DeployError):
        checkout.up(half, provider)
    path.write_text(path.read_text().replace("ready = 0.5", "ready = 20"))
    (half.folder / "allowed").touch()
    checkout.up(half, provider)
    assert (Path(rows(provider)["one"].data) / "finished").exists()


def test_a_component_whose_preparation_failed_can_be_asked_for_again(checkout: Checkout) -> None:
    prepare = '[[prepare]]\nargv = ["/bin/sh", "-c", "test -e \'{{ deploy }}/allowed\'"]\n'
    echo = component(checkout.root, more=prepare)
    provider = checkout.provider()
    with pytest.raises(DeployError, match="sh ended with code 1"):
        checkout.up(echo, provider)
    assert [s.state for s in provider.servers()] == ["dead"]
    (echo.folder / "allowed").touch()
    _, endpoints = checkout.up(echo, provider)
    ready(endpoints)
    assert [s.state for s in provider.servers()] == ["running"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('version = "1.0"', 'version = "1.1"', "version 1.0 in place of 1.1"),
        ('"server.py" = "server.py"', '"server.py" = "server.py"\n"more.ini" = "server.py"', "more.ini of one"),
        ("grace = 1", "grace = 2", "grace of one"),
        ('SEEN = "', 'SEEN = "/other', "command of one"),
        ('name = "one"', 'name = "two"', "nodes one in place of two"),
        ('password = "password"', 'password = "password"\nmore = "id"', "its generated values"),
    ],
)
def test_another_configuration_is_left_and_described_and_replaced_where_that_is_asked(
    checkout: Checkout, before: str, after: str, said: str
) -> None:
    echo = component(checkout.root)
    provider, endpoints = checkout.up(echo)
    was, kept = processes(provider), precious(provider)
    path = echo.folder / "embedded.toml"
    path.write_text(path.read_text().replace(before, after, 1))

    with pytest.raises(NotRight, match=f"^answers, and is not what would be started now: {said}"):
        checkout.up(echo, provider)
    left = processes(provider), [path.exists() for path in kept]
    provider.replacing(lambda _: None)
    _, new = checkout.up(echo, provider)

    assert left == (was, [True])
    ready(new)
    assert new["password"] != endpoints["password"]
    assert not any(path.exists() for path in kept)


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_umask_does_not_matter(checkout: Checkout, umask: int) -> None:
    before = os.umask(umask)
    try:
        provider, endpoints = checkout.up(component(checkout.root))
        provider.keep()
        provider.evidence("echo")
        data, platform = Path(rows(provider)["one"].data), platforms.listed(checkout.home)[0]
        folders = (data, platform.folder, platform.path.parent)
        modes = {path: path.stat().st_mode & 0o777 for one in folders for path in (one, *one.iterdir())}
    finally:
        os.umask(before)
    ready(endpoints)
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700, 0o711}
    assert {mode for path, mode in modes.items() if not path.is_dir()} == {0o600}
    assert (checkout.root / ".gonogo" / "logs").stat().st_mode & 0o777 == 0o700


def test_attached_is_what_is_up_dead_or_alive(checkout: Checkout) -> None:
    echo = component(checkout.root)
    provider, endpoints = checkout.up(echo)
    provider.keep()
    os.kill(processes(provider)["one"] or 0, signal.SIGKILL)
    other = checkout.provider()
    until(lambda: rows(other)["one"].state == "dead", awaited="its death", within=5)
    assert other.attached(echo) == endpoints
    assert other.attached(component(checkout.root, "never")) is None


def test_two_runs_in_one_checkout_have_platforms_of_their_own(checkout: Checkout) -> None:
    echo = component(checkout.root, nodes=("one", "two", "three"))
    first, second = checkout.provider(), checkout.provider()
    found: dict[str, Endpoints] = {}

    def deploy(name: str, provider: Embedded) -> None:
        found[name] = provider.up(echo, {}, ready, checkout.told.append)

    threads = [threading.Thread(target=deploy, args=pair) for pair in (("first", first), ("second", second))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [port for p in (first, second) for s in p.servers() for port in s.ports]
    assert len(set(numbers)) == len(numbers) == 12
    first.down()
    ready(found["second"])


# -- evidence


def test_evidence_is_bounded_redacted_and_kept(checkout: Checkout) -> None:
    provider = Embedded(checkout.root, home=checkout.home)
    learn("process serving")
    checkout.up(component(checkout.root), provider)
    log = Path(rows(provider)["one"].log)
    with log.open("a") as file:
        file.write("the first line\n" + "noise\n" * 50_000 + "the last line\n")
    (evidence,) = provider.evidence("echo")
    assert evidence.text
    assert "begin" in evidence.text
    assert evidence.text.endswith("the last line\n")
    assert evidence.truncated
    assert "process serving" not in evidence.text
    assert len(evidence.text) < 70_000
    provider.down()
    (kept,) = (checkout.root / ".gonogo" / "logs").rglob("*.log")
    assert kept.read_text().endswith("the last line\n")
    assert provider.evidence("echo") == []


# -- disturb


@pytest.mark.parametrize(("how", "state"), [("kill", "dead"), ("hang", "stopped"), ("restart", "running")])
def test_a_disturbed_node_is_restored(checkout: Checkout, how: str, state: str) -> None:
    echo = component(checkout.root, nodes=("one", "two"), options="launched")
    provider, endpoints = checkout.up(echo)
    with provider.disturb(echo, how, "one", ready) as server:
        until(lambda: rows(provider)["one"].state == state, awaited=state, within=5)
        assert server.node == "one"
        assert rows(provider)["two"].state == "running"
    ready(endpoints)
    assert [s.state for s in provider.servers()] == ["running", "running"]


def test_what_was_disturbed_is_restored_whatever_happens_meanwhile(checkout: Checkout) -> None:
    echo = component(checkout.root)
    provider, endpoints = checkout.up(echo)
    with pytest.raises(ZeroDivisionError), provider.disturb(echo, "kill", "one", ready):
        raise ZeroDivisionError
    ready(endpoints)
    assert provider.attached(echo) == endpoints


def test_a_component_that_starts_anew_keeps_its_addresses(checkout: Checkout) -> None:
    echo = component(checkout.root, nodes=("one", "two"), toml='repair = "component"')
    provider, endpoints = checkout.up(echo)
    before = processes(provider)
    with provider.disturb(echo, "kill", "two", ready):
        pass
    ready(endpoints)
    assert not set(before.values()) & set(processes(provider).values())


@pytest.mark.parametrize(
    ("how", "node", "said"), [("tickle", "one", "no way to disturb"), ("kill", "three", "no such node")]
)
def test_a_strange_disturbance_is_a_sentence(checkout: Checkout, how: str, node: str, said: str) -> None:
    echo = component(checkout.root)
    provider, endpoints = checkout.up(echo)
    with pytest.raises(ConfigError, match=said), provider.disturb(echo, how, node, ready):
        pass
    ready(endpoints)


def test_what_is_not_up_cannot_be_disturbed(checkout: Checkout) -> None:
    with pytest.raises(Gone), checkout.provider().disturb(component(checkout.root), "kill", "one", ready):
        pass


def test_servers_that_a_server_starts_are_rows(checkout: Checkout) -> None:
    children = '[[children]]\nnode = "worker"\nprogram = "sleep"\n'
    provider, _ = checkout.up(component(checkout.root, options="family launched", more=children))
    until(lambda: "worker-1" in rows(provider), awaited="the child", within=5)
    assert rows(provider)["worker-1"].pid == pids(Path(rows(provider)["one"].log).read_text())["nameless"]


# -- down


def test_down_takes_everything_down(checkout: Checkout) -> None:
    provider, _ = checkout.up(component(checkout.root, options="family"))
    log = Path(rows(provider)["one"].log)
    until(lambda: len(pids(log.read_text())) == 4, awaited="the family", within=5)
    family = [keeper.process(pid) for pid in pids(log.read_text()).values()]
    (platform,) = platforms.listed(checkout.home)
    provider.down()
    provider.down()
    assert not any(map(runs, family))
    assert not marked(platform.id)
    assert not platform.folder.exists()
    assert platforms.listed(checkout.home) == []
    assert provider.servers() == []


def test_down_takes_only_what_this_one_added_to_a_platform_that_was_there(checkout: Checkout) -> None:
    there, endpoints = checkout.up(component(checkout.root))
    there.keep()
    adding, added = checkout.up(component(checkout.root, "other"))
    adding.down()
    ready(endpoints)
    assert checkout.provider().attached(component(checkout.root, "other")) is None
    assert not ports.listens(int(added["address"].rpartition(":")[2]))
    checkout.provider().down()
    assert platforms.listed(checkout.home) == []


def test_down_takes_down_whatever_was_left_in_this_checkout(checkout: Checkout) -> None:
    first, second = checkout.provider(), checkout.provider()
    for provider in (first, second):
        checkout.up(component(checkout.root), provider)
        provider.keep()
    checkout.provider().down()
    assert platforms.listed(checkout.home) == []


def test_down_removes_what_a_killed_keeper_left_in_this_checkout_and_up_does_not(checkout: Checkout) -> None:
    echo = component(checkout.root)
    provider, _ = checkout.up(echo)
    provider.keep()
    (kept,), (platform,) = precious(provider), platforms.listed(checkout.home)
    keeper.send(platform.record.keeper, platform.record.keeper_start, signal.SIGKILL)
    until(lambda: not platform.alive, awaited="its end", within=5)
    Embedded(checkout.root.parent, home=checkout.home).down()

    anew, _ = checkout.up(echo)
    after_up = kept.exists()
    anew.down()
    checkout.provider().down()

    assert after_up
    assert not platform.folder.exists()
    assert not platform.path.exists()


def test_what_somebody_else_took_down_meanwhile_is_not_called_kept(checkout: Checkout) -> None:
    provider, _ = checkout.up(component(checkout.root))
    provider.keep()
    another, _ = checkout.up(component(checkout.root))
    provider.down()
    with pytest.raises(KeeperLost, match="has been taken down"):
        another.keep()


def test_down_of_one_component_leaves_the_others(checkout: Checkout) -> None:
    provider, endpoints = checkout.up(component(checkout.root))
    other = component(checkout.root, "other")
    checkout.up(other, provider)
    provider.down_only([other])
    ready(endpoints)
    assert {s.component for s in provider.servers()} == {"echo"}


def test_what_goes_with_a_component_is_told_disks_first_and_goes(checkout: Checkout) -> None:
    provider, _ = checkout.up(component(checkout.root))
    other = component(checkout.root, "other")
    checkout.up(other, provider)
    server = next(one for one in provider.servers() if one.component == "other")

    told = provider.removing([other])
    stayed = provider.remove([other])

    assert [(one.kind, one.name, one.lost) for one in told.goes] == [
        ("data folder", server.data, "its data"),
        ("server", server.node, ""),
    ]
    assert stayed == Removing()
    assert not Path(server.data).exists()
    assert {one.component for one in provider.servers()} == {"echo"}
    assert provider.removing([other]) == Removing()


def test_down_ends_what_is_still_on_its_way_up(checkout: Checkout) -> None:
    provider = checkout.provider()
    raised: list[BaseException] = []

    def deploy() -> None:
        try:
            provider.up(component(checkout.root, options="silent"), {}, ready, checkout.told.append)
        except DeployError as error:
            raised.append(error)

    thread = threading.Thread(target=deploy)
    thread.start()
    until(lambda: any("does not listen" in p.detail for p in checkout.told), awaited="the wait", within=10)
    provider.down()
    thread.join(10)
    assert [type(error) for error in raised] == [DeployError]
    assert platforms.listed(checkout.home) == []


def test_what_it_takes_and_whether_it_fits_is_known_before(checkout: Checkout, tmp_path: Path) -> None:
    echo = component(checkout.root, nodes=("one", "two"))
    large = component(checkout.root, "large")
    path = large.folder / "embedded.toml"
    path.write_text(path.read_text().replace("memory = 20", "memory = 99999999"))
    provider = checkout.provider()
    assert provider.takes(echo) == {"memory_mib": 20, "disk_mib": 1, "processes": 2}
    assert provider.version(echo) == "1.0"
    assert provider.fits([echo]) == []
    assert [p.where for p in provider.fits([echo, large])] == ["memory"]
    assert platforms.listed(checkout.home) == []


def test_what_is_up_has_its_room_already(checkout: Checkout) -> None:
    echo = component(checkout.root)
    provider, _ = checkout.up(echo)
    path = echo.folder / "embedded.toml"
    path.write_text(path.read_text().replace("memory = 20", "memory = 99999999"))
    assert provider.fits([echo]) == []


# -- faster starts

JAVA = """
[[prepare]]
argv = ["/bin/sh", "-c", "echo java/lang/Object > classes.txt"]
[class_data]
node = "one"
argv = ["{{ deploy }}/java"]
"""
MAKES = '#!/bin/sh\nfor one; do case $one in -XX:SharedArchiveFile=*) sleep 0.5; echo x > "${one#*=}";; esac; done\n'


def java(checkout: Checkout) -> Component:
    """A component with a program in place of the Java that makes the archive of its classes."""
    one = component(checkout.root, options="{{class_data}}", more=JAVA, nodes=("one", "two"))
    (one.folder / "java").write_text(MAKES)
    (one.folder / "java").chmod(0o755)
    return one


def last_arguments(provider: Embedded) -> dict[str, str]:
    """The last argument of each server."""
    return {
        node: Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[-2].decode()
        for node, pid in processes(provider).items()
    }


def test_the_first_run_has_an_archive_made_that_the_next_one_uses(checkout: Checkout) -> None:
    one, told = java(checkout), list[str]()
    first, _ = checkout.up(one)
    telling = last_arguments(first)

    first.prepare(told.append)
    first.down()
    second, _ = checkout.up(one)
    second.prepare(told.append)

    assert telling["one"].startswith("-XX:DumpLoadedClassList=")
    assert telling["two"] not in ("", telling["one"])
    assert "class" not in telling["two"]
    assert told == ["once, for faster starts: archives of the servers' classes, 20 s at most"]
    (archive,) = (checkout.home / "programs").glob("echo-classes-*")
    assert set(last_arguments(second).values()) == {f"-XX:SharedArchiveFile={archive}/classes.jsa"}


def test_a_run_that_ends_before_leaves_no_archive_and_no_process(checkout: Checkout) -> None:
    provider, _ = checkout.up(java(checkout))
    platform = platforms.listed(checkout.home)[0].id

    provider.down()

    assert not marked(platform)
    assert not [path for path in (checkout.home / "programs").glob("*") if path.suffix != ".part"]


def test_what_is_up_is_right_whether_or_not_its_archive_is_there(checkout: Checkout) -> None:
    one = java(checkout)
    provider, _ = checkout.up(one)
    before = processes(provider)
    provider.prepare(lambda _: None)

    checkout.up(one, provider)

    assert processes(provider) == before


def test_processor_time_is_known_of_what_this_provider_started(checkout: Checkout) -> None:
    one = component(checkout.root)
    provider, endpoints = checkout.up(one)
    provider.keep()

    def used_when_asked_something() -> float | None:
        ready(endpoints)
        return provider.used(one)

    used = until(used_when_asked_something, awaited="the first tick of its processor time", within=30, every=0)
    assert 0 < (used or 0) < 60
    assert checkout.provider().used(one) is None
