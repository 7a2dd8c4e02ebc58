"""The S3 store from inside its host."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.s3 import S3
from gonogo import saw, wrong
from gonogo.checks.inside import Inside

pytestmark = pytest.mark.needs("exec")


@pytest.mark.criterion("s3.account")
def test_runs_as_its_account(inside: Callable[[str], Inside]) -> None:
    """The S3 store runs as the account that it was given."""
    server = inside("s3")

    users = server.users()

    saw(users, expected=server.expected_users())
    assert users == server.expected_users(), wrong("s3.wrong_account")


@pytest.mark.criterion("s3.listens")
def test_listens_where_it_should(inside: Callable[[str], Inside]) -> None:
    """The S3 store listens on its address, and nowhere that another machine can reach."""
    server = inside("s3")

    silent, reachable = server.silent(), server.strangers_can_reach()

    saw(server.listening(), expected="listening on its address")
    assert silent == set(), wrong("s3.not_listening")
    saw(reachable, expected="only loopback")
    assert reachable == set(), wrong("s3.exposed")


@pytest.mark.criterion("s3.data_private")
@pytest.mark.needs("host")
def test_data_folder_is_its_own(inside: Callable[[str], Inside]) -> None:
    """The store's data folder belongs to its account, and nobody else can read it."""
    server = inside("s3")

    owners, modes = server.data_owners(), set(server.data_modes().values())

    saw(owners, expected=server.expected_users())
    assert owners == server.expected_users(), wrong("s3.data_of_another")
    saw(modes, expected={"700"})
    assert modes == {"700"}, wrong("s3.data_readable")


@pytest.mark.criterion("s3.data_room")
def test_data_folder_has_room(inside: Callable[[str], Inside], s3: S3) -> None:
    """The file system below the store's data has room."""
    allowed = s3.expect["disk_used_percent"]

    used = inside("s3").fullest()

    saw(f"{used} %", expected=f"at most {allowed} %")
    assert used <= allowed, wrong("s3.disk_filling")
