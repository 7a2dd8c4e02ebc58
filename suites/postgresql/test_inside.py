"""PostgreSQL from inside its host."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.postgresql import Postgresql
from gonogo import saw, wrong
from gonogo.checks.inside import Inside

pytestmark = pytest.mark.needs("exec")


@pytest.mark.criterion("postgresql.account")
def test_runs_as_its_account(inside: Callable[[str], Inside]) -> None:
    """PostgreSQL runs as the account that it was given."""
    server = inside("postgresql")

    users = server.users()

    saw(users, expected=server.expected_users())
    assert users == server.expected_users(), wrong("postgresql.wrong_account")


@pytest.mark.criterion("postgresql.listens")
def test_listens_where_it_should(inside: Callable[[str], Inside]) -> None:
    """PostgreSQL listens on its address, and nowhere that another machine can reach."""
    server = inside("postgresql")

    silent, reachable = server.silent(), server.strangers_can_reach()

    saw(server.listening(), expected="listening on its address")
    assert silent == set(), wrong("postgresql.not_listening")
    saw(reachable, expected="only loopback")
    assert reachable == set(), wrong("postgresql.exposed")


@pytest.mark.criterion("postgresql.data_private")
@pytest.mark.needs("host")
def test_data_folder_is_its_own(inside: Callable[[str], Inside]) -> None:
    """PostgreSQL's data folder belongs to its account, and nobody else can read it."""
    server = inside("postgresql")

    owners, modes = server.data_owners(), set(server.data_modes().values())

    saw(owners, expected=server.expected_users())
    assert owners == server.expected_users(), wrong("postgresql.data_of_another")
    saw(modes, expected={"700"})
    assert modes == {"700"}, wrong("postgresql.data_readable")


@pytest.mark.criterion("postgresql.data_room")
def test_data_folder_has_room(inside: Callable[[str], Inside], postgresql: Postgresql) -> None:
    """The file system below PostgreSQL's data has room."""
    allowed = postgresql.expect["disk_used_percent"]

    used = inside("postgresql").fullest()

    saw(f"{used} %", expected=f"at most {allowed} %")
    assert used <= allowed, wrong("postgresql.disk_filling")
