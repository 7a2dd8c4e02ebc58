"""Kafka from inside its host."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.kafka import Kafka
from gonogo import saw, wrong
from gonogo.checks.inside import Inside

pytestmark = pytest.mark.needs("exec")


@pytest.mark.criterion("kafka.account")
def test_runs_as_its_account(inside: Callable[[str], Inside]) -> None:
    """Every broker runs as the account that it was given."""
    server = inside("kafka")

    users = server.users()

    saw(users, expected=server.expected_users())
    assert users == server.expected_users(), wrong("kafka.wrong_account")


@pytest.mark.criterion("kafka.listens")
def test_listens_where_it_should(inside: Callable[[str], Inside]) -> None:
    """Every broker listens on its address, and nowhere that another machine can reach."""
    server = inside("kafka")

    silent, reachable = server.silent(), server.strangers_can_reach()

    saw(server.listening(), expected="listening on its address")
    assert silent == set(), wrong("kafka.not_listening")
    saw(reachable, expected="only loopback")
    assert reachable == set(), wrong("kafka.exposed")


@pytest.mark.criterion("kafka.data_private")
@pytest.mark.needs("host")
def test_data_folder_is_its_own(inside: Callable[[str], Inside]) -> None:
    """Every broker's data folder is its own: no other account can read it, and no other broker uses it."""
    server = inside("kafka")

    owners, modes = server.data_owners(), set(server.data_modes().values())

    saw(owners, expected=server.expected_users())
    assert owners == server.expected_users(), wrong("kafka.data_of_another")
    saw(modes, expected={"700"})
    assert modes == {"700"}, wrong("kafka.data_readable")
    saw(server.shared_data(), expected="a folder for each broker")
    assert not server.shared_data(), wrong("kafka.data_shared")


@pytest.mark.criterion("kafka.data_room")
def test_data_folder_has_room(inside: Callable[[str], Inside], kafka: Kafka) -> None:
    """The file system below Kafka's data has room."""
    allowed = kafka.expect["disk_used_percent"]

    used = inside("kafka").fullest()

    saw(f"{used} %", expected=f"at most {allowed} %")
    assert used <= allowed, wrong("kafka.disk_filling")
