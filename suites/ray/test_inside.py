"""Ray from inside its host."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.ray import Ray
from gonogo import saw, wrong
from gonogo.checks.inside import Inside

pytestmark = pytest.mark.needs("exec")


@pytest.mark.criterion("ray.account")
def test_runs_as_its_account(inside: Callable[[str], Inside]) -> None:
    """Ray's head and workers run as the account that they were given."""
    server = inside("ray")

    users = server.users()

    saw(users, expected=server.expected_users())
    assert users == server.expected_users(), wrong("ray.wrong_account")


@pytest.mark.criterion("ray.listens")
def test_listens_where_it_should(inside: Callable[[str], Inside]) -> None:
    """Ray's head listens on its address, and neither it nor a worker where another machine can reach it."""
    server = inside("ray")

    silent, reachable = server.silent(), server.strangers_can_reach()

    saw(server.listening(), expected="listening on its address")
    assert silent == set(), wrong("ray.not_listening")
    saw(reachable, expected="only loopback")
    assert reachable == set(), wrong("ray.exposed")


@pytest.mark.criterion("ray.data_private")
@pytest.mark.needs("host")
def test_data_folder_is_its_own(inside: Callable[[str], Inside]) -> None:
    """Ray's folder, with the sockets that take any task, belongs to its account, and nobody else can enter it."""
    server = inside("ray")

    owners, modes = server.data_owners(), set(server.data_modes().values())

    saw(owners, expected=server.expected_users())
    assert owners.items() <= server.expected_users().items(), wrong("ray.data_of_another")
    saw(modes, expected={"700"})
    assert modes == {"700"}, wrong("ray.data_readable")


@pytest.mark.criterion("ray.data_room")
def test_data_folder_has_room(inside: Callable[[str], Inside], ray: Ray) -> None:
    """The file system below Ray's data has room."""
    allowed = ray.expect["disk_used_percent"]

    used = inside("ray").fullest()

    saw(f"{used} %", expected=f"at most {allowed} %")
    assert used <= allowed, wrong("ray.disk_filling")
