"""Kafka from inside its host."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.kafka import Kafka
from gonogo import wrong
from gonogo.inside import Inside

pytestmark = pytest.mark.needs("host")


@pytest.mark.criterion("kafka.account")
def test_runs_as_its_account(inside: Callable[[str], Inside]) -> None:
    """Every broker runs as the account that it was given."""
    server = inside("kafka")

    users = server.users()

    assert users == server.expected_users(), wrong(
        "kafka.wrong_account", expected=server.expected_users(), actual=users
    )


@pytest.mark.criterion("kafka.listens")
def test_listens_where_it_should(inside: Callable[[str], Inside]) -> None:
    """Every broker listens on its address, and nowhere that another machine can reach."""
    server = inside("kafka")

    silent, reachable = server.silent(), server.strangers_can_reach()

    assert silent == set(), wrong("kafka.not_listening", expected="listening on its address", actual=server.listening())
    assert reachable == set(), wrong("kafka.exposed", expected="only loopback", actual=reachable)


@pytest.mark.criterion("kafka.data_private")
def test_data_folder_is_its_own(inside: Callable[[str], Inside]) -> None:
    """Every broker's data folder is its own: no other account can read it, and no other broker uses it."""
    server = inside("kafka")

    owners, modes = server.data_owners(), set(server.data_modes().values())

    assert owners == server.expected_users(), wrong(
        "kafka.data_of_another", expected=server.expected_users(), actual=owners
    )
    assert modes == {"700"}, wrong("kafka.data_readable", expected={"700"}, actual=modes)
    assert not server.shared_data(), wrong(
        "kafka.data_shared", expected="a folder for each broker", actual=server.shared_data()
    )


@pytest.mark.criterion("kafka.data_room")
def test_data_folder_has_room(inside: Callable[[str], Inside], kafka: Kafka) -> None:
    """The file system below Kafka's data has room."""
    allowed = kafka.expect["disk_used_percent"]

    used = inside("kafka").fullest()

    assert used <= allowed, wrong("kafka.disk_filling", expected=f"at most {allowed} %", actual=f"{used} %")
