"""The claims about a server's inside, asked of pods: what is said there, and what says nothing there."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from gonogo.cluster.inside import InsidePods, Pod, Shell
from gonogo.core.errors import ClientError, Forbidden, Garbled, Gone, NotAskable

POD = Pod("store", "store-0", "existing", "up", address="*:5432", user="70", container="app", namespace="data")
TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000    70        0 11
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000    70        0 12
   2: 00000000:1F91 0100007F:9C40 01 00000000:00000000 00:00000000 00000000    70        0 13
  sl  local_address                         remote_address                        st tx_queue rx_queue tr
   0: 00000000000000000000000000000000:1F92 00000000000000000000000000000000:0000 0A 0:0 00:0 0 70 0 14
"""


def pods(*servers: Pod, code: int = 0, fails: ClientError | None = None, **said: str) -> InsidePods:
    """Pods in which a command prints what stands for its first word."""

    def run(command: str) -> SimpleNamespace:
        if fails is not None:
            raise fails
        return SimpleNamespace(rc=code, stdout=said.get(command.split()[0], ""), stderr="df: not found")

    return InsidePods("store", servers or (POD,), lambda server: SimpleNamespace(run=run))


@pytest.mark.parametrize(
    ("printed", "user", "expected"),
    [
        ("70\n", "70", "70"),  # as its manifest wants it
        ("0\n70\n71\n", "70", "70"),  # the first process only launches
        ("0\n0\n", "0", "not root"),
        ("70\n0\n", "70", "70"),
    ],
)
def test_the_account_is_that_of_the_serving_process(printed: str, user: str, expected: str) -> None:
    assert pods(**{"for": printed}).users() == {"store-0": user}
    assert pods(replace(POD, user=""), **{"for": printed}).expected_users() == {"store-0": expected}
    assert pods(**{"for": printed}).expected_users() == {"store-0": "70"}


def test_a_pod_listens_with_all_sockets_of_its_network() -> None:
    seen = pods(cat=TABLE)

    assert seen.listening() == {"store-0": {"0.0.0.0:5432", "127.0.0.1:8080", ":::8082"}}
    assert seen.silent() == set()
    assert pods(replace(POD, address="*:8080"), cat=TABLE).silent() == {"store-0"}, "loopback is nobody else's"
    assert pods(replace(POD, address="*:8081"), cat=TABLE).silent() == {"store-0"}, "a connection is no listener"


def test_only_what_a_pod_opens_on_its_node_is_exposed() -> None:
    assert pods(cat=TABLE).exposed() == set()
    assert pods(replace(POD, exposed=("0.0.0.0:5432",))).exposed() == {"store-0 0.0.0.0:5432"}


def test_room_is_that_of_the_fullest_volume() -> None:
    table = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vdb 100 40 60 {} /data\n"
    twins = (replace(POD, claims=("/data", "/wal")), replace(POD, node="store-1", claims=("/data",)))

    assert pods(*twins, df=table.format("40%")).fullest() == 40
    with pytest.raises(NotAskable, match="none of its pods claims a volume"):
        pods(df=table.format("40%")).fullest()


def test_who_may_enter_a_volume_is_not_for_its_files_to_say() -> None:
    with pytest.raises(NotAskable, match="decided by its claim"):
        pods().data_owners()
    with pytest.raises(NotAskable, match="decided by its claim"):
        pods().data_modes()


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [(127, NotAskable, "the image of pod store-0 lacks a program"), (1, Forbidden, "pod store-0: `.*` ended with 1")],
)
def test_a_command_that_fails_is_no_claim_that_is_false(code: int, kind: type[ClientError], text: str) -> None:
    with pytest.raises(kind, match=text):
        pods(code=code).users()


def test_what_the_cluster_says_is_said_of_the_component() -> None:
    with pytest.raises(Gone) as caught:
        pods(fails=Gone("health", "container app is gone")).users()

    assert caught.value.signature == "store.process_gone"


@pytest.mark.parametrize("told", ["", "what?", "a b x% /data", "0 0 1234% /data", "0 0 " + "9" * 5000 + "% /data"])
def test_room_that_cannot_be_read_is_not_room(told: str) -> None:
    with pytest.raises(Garbled, match="what `df` said there cannot be read"):
        pods(replace(POD, claims=("/data",)), df=told).fullest()


@pytest.mark.parametrize("address", ["x:1", "0100007F", "0100007F:xyz", ":", "01:1", "0" * 999 + ":1"])
def test_a_table_of_sockets_that_cannot_be_read_says_nothing(address: str) -> None:
    table = f"  sl  local_address\n   0: {address} 00000000:0000 0A 0:0 00:0 0 70 0 11\n"

    with pytest.raises(Garbled, match="its table of sockets cannot be read"):
        pods(cat=table).silent()


def test_what_a_command_says_need_be_no_utf8() -> None:
    assert Shell(None, "data", "store-0", "app").decode(b"\xff ok") == "\ufffd ok"  # type: ignore[arg-type]
