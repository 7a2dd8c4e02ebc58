"""Neo4j from inside its host."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.neo4j import Neo4j
from gonogo import saw, wrong
from gonogo.checks.inside import Inside

pytestmark = pytest.mark.needs("exec")


@pytest.mark.criterion("neo4j.account")
def test_runs_as_its_account(inside: Callable[[str], Inside]) -> None:
    """Neo4j runs as the account that it was given."""
    server = inside("neo4j")

    users = server.users()

    saw(users, expected=server.expected_users())
    assert users == server.expected_users(), wrong("neo4j.wrong_account")


@pytest.mark.criterion("neo4j.listens")
def test_listens_where_it_should(inside: Callable[[str], Inside]) -> None:
    """Neo4j listens on its address, and nowhere that another machine can reach."""
    server = inside("neo4j")

    silent, reachable = server.silent(), server.strangers_can_reach()

    saw(server.listening(), expected="listening on its address")
    assert silent == set(), wrong("neo4j.not_listening")
    saw(reachable, expected="only loopback")
    assert reachable == set(), wrong("neo4j.exposed")


@pytest.mark.criterion("neo4j.data_private")
@pytest.mark.needs("host")
def test_data_folder_is_its_own(inside: Callable[[str], Inside]) -> None:
    """Neo4j's data folder belongs to its account, and nobody else can read it."""
    server = inside("neo4j")

    owners, modes = server.data_owners(), set(server.data_modes().values())

    saw(owners, expected=server.expected_users())
    assert owners == server.expected_users(), wrong("neo4j.data_of_another")
    saw(modes, expected={"700"})
    assert modes == {"700"}, wrong("neo4j.data_readable")


@pytest.mark.criterion("neo4j.data_room")
def test_data_folder_has_room(inside: Callable[[str], Inside], neo4j: Neo4j) -> None:
    """The file system below Neo4j's data has room."""
    allowed = neo4j.expect["disk_used_percent"]

    used = inside("neo4j").fullest()

    saw(f"{used} %", expected=f"at most {allowed} %")
    assert used <= allowed, wrong("neo4j.disk_filling")
