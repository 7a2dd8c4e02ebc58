"""What is seen inside a host: this process and its sockets, and tables as the kernel prints them."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import testinfra

from gonogo.checks.inside import Inside, address, look
from gonogo.core.errors import Forbidden, Gone, NotAskable
from gonogo.core.servers import Server

ME = pwd.getpwuid(os.geteuid()).pw_name
HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


@pytest.fixture
def port() -> Iterator[int]:
    """A port of loopback that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.fixture
def inside(tmp_path: Path, port: int) -> Inside:
    """A server that is this process, with a data folder whose name a shell could trip over."""
    data = tmp_path / "it's ünïque; data"
    data.mkdir(mode=0o700)
    here = f"127.0.0.1:{port}"
    server = Server("store", "one", "embedded", "up", address=here, pid=os.getpid(), data=str(data), user=ME)
    return look(lambda: [server], testinfra.get_host("local://"))("store")


def test_the_account_is_that_of_the_process(inside: Inside) -> None:
    assert inside.users() == inside.expected_users() == {"one": ME}


def test_a_socket_of_loopback_is_seen_and_is_nobody_elses(inside: Inside, port: int) -> None:
    assert f"127.0.0.1:{port}" in inside.listening()["one"]
    assert inside.silent() == set()
    assert f"one 127.0.0.1:{port}" not in inside.exposed()


def test_a_node_that_does_not_listen_where_it_should_is_named(inside: Inside) -> None:
    (server,) = inside.servers
    elsewhere = Server("store", "two", "embedded", "up", address="127.0.0.1:1", pid=server.pid)

    both = Inside("store", (server, elsewhere), inside.host)

    assert both.silent() == {"two"}
    assert both.addresses() == {"one": server.address, "two": "127.0.0.1:1"}
    assert both.heard() == {"one": server.address, "two": "nothing"}


def test_where_no_server_has_a_data_folder_nobody_can_ask_whose_it_is(inside: Inside) -> None:
    (server,) = inside.servers
    without = Inside("store", (replace(server, data=""),), inside.host)

    with pytest.raises(NotAskable, match="none of its servers has a data folder"):
        without.data_owners()


def test_a_server_that_another_one_starts_has_no_folder_of_its_own(inside: Inside) -> None:
    (server,) = inside.servers
    child = replace(server, node="child", data="", address="")

    both = Inside("store", (server, child), inside.host)

    assert both.expected_users() == {"one": ME, "child": ME}
    assert both.expected_owners() == both.data_owners() == {"one": ME}


def test_the_data_folder_is_seen_as_it_is(inside: Inside) -> None:
    (server,) = inside.servers
    twin = Inside("store", (server, server), inside.host)

    assert inside.data_owners() == {"one": ME}
    assert inside.data_modes() == {"one": "700"}
    assert 0 <= inside.fullest() <= 100
    assert inside.shared_data() == set()
    assert twin.shared_data() == {server.data}


@pytest.mark.parametrize(("state", "pid"), [("up", None), ("dead", 1)])
def test_a_process_that_ended_is_gone(state: str, pid: int | None) -> None:
    server = Server("store", "one", "embedded", state, pid=pid)

    with pytest.raises(Gone, match="one: its process is gone"):
        look(lambda: [server], testinfra.get_host("local://"))("store").users()


def test_a_component_without_a_process_is_gone() -> None:
    with pytest.raises(Gone, match="no server process of shop"):
        look(list, testinfra.get_host("local://"))("shop")


@pytest.mark.parametrize(("alive", "kind"), [(0, Forbidden), (1, Gone)], ids=["alive", "ended meanwhile"])
def test_what_may_not_be_read_is_told_from_what_has_ended(alive: int, kind: type[Exception]) -> None:
    def run(command: str) -> SimpleNamespace:
        return SimpleNamespace(rc=alive if command.startswith("test -d") else 1, stdout="", stderr="Permission denied")

    server = Server("store", "one", "embedded", "up", pid=7)

    with pytest.raises(kind, match="Permission denied"):
        Inside("store", (server,), SimpleNamespace(run=run)).users()


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        ("0100007F:1F90", "127.0.0.1:8080"),
        ("00000000:0050", "0.0.0.0:80"),
        ("00000000000000000000000001000000:1F90", "::1:8080"),
        ("00000000000000000000000000000000:1F90", ":::8080"),
        ("0000000000000000FFFF00000100007F:1F90", "127.0.0.1:8080"),
    ],
)
def test_addresses_of_the_kernel_are_read_as_people_write_them(field: str, shown: str) -> None:
    assert address(field) == shown


def test_only_listening_sockets_of_the_process_count_and_those_off_loopback_are_named() -> None:
    rows = {
        "ls -l": "0 -> socket:[11]\n1 -> socket:[12]\n2 -> socket:[13]\n3 -> /dev/null\n",
        "/net/tcp ": HEADER
        + "0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 11\n"  # ours, on loopback
        + "1: 00000000:1F91 00000000:0000 0A 0:0 0:0 0 0 0 12\n"  # ours, for everybody
        + "2: 00000000:1F92 00000000:0000 01 0:0 0:0 0 0 0 13\n"  # ours, a connection
        + "3: 00000000:1F93 00000000:0000 0A 0:0 0:0 0 0 0 99\n",  # another process's
        "/net/tcp6": HEADER + "0: 00000000000000000000000001000000:1F94 0:0 0A 0:0 0:0 0 0 0 13\n",
    }

    def run(command: str) -> SimpleNamespace:
        return SimpleNamespace(rc=0, stdout=next(text for part, text in rows.items() if part in command), stderr="")

    seen = Inside("store", (Server("store", "one", "embedded", "up", pid=7),), SimpleNamespace(run=run))

    assert seen.listening() == {"one": {"127.0.0.1:8080", "0.0.0.0:8081", "::1:8084"}}
    assert seen.exposed() == {"one 0.0.0.0:8081"}
