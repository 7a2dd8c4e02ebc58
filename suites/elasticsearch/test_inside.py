"""Elasticsearch from inside its host."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.elasticsearch import Elasticsearch
from gonogo import wrong
from gonogo.inside import Inside

pytestmark = pytest.mark.needs("host")


@pytest.mark.criterion("elasticsearch.account")
def test_runs_as_its_account(inside: Callable[[str], Inside]) -> None:
    """Every node runs as the account that it was given."""
    server = inside("elasticsearch")

    users = server.users()

    assert users == server.expected_users(), wrong(
        "elasticsearch.wrong_account", expected=server.expected_users(), actual=users
    )


@pytest.mark.criterion("elasticsearch.listens")
def test_listens_where_it_should(inside: Callable[[str], Inside]) -> None:
    """Every node listens on its address, and nowhere that another machine can reach."""
    server = inside("elasticsearch")

    silent, reachable = server.silent(), server.strangers_can_reach()

    assert silent == set(), wrong(
        "elasticsearch.not_listening", expected="listening on its address", actual=server.listening()
    )
    assert reachable == set(), wrong("elasticsearch.exposed", expected="only loopback", actual=reachable)


@pytest.mark.criterion("elasticsearch.data_private")
def test_data_folder_is_its_own(inside: Callable[[str], Inside]) -> None:
    """Every node's data folder is its own: no other account can read it, and no other node uses it."""
    server = inside("elasticsearch")

    owners, modes = server.data_owners(), set(server.data_modes().values())

    assert owners == server.expected_users(), wrong(
        "elasticsearch.data_of_another", expected=server.expected_users(), actual=owners
    )
    assert modes == {"700"}, wrong("elasticsearch.data_readable", expected={"700"}, actual=modes)
    assert not server.shared_data(), wrong(
        "elasticsearch.data_shared", expected="a folder for each node", actual=server.shared_data()
    )


@pytest.mark.criterion("elasticsearch.data_room")
def test_data_folder_has_room(inside: Callable[[str], Inside], elasticsearch: Elasticsearch) -> None:
    """The file system below Elasticsearch's data has room."""
    allowed = elasticsearch.expect["disk_used_percent"]

    used = inside("elasticsearch").fullest()

    assert used <= allowed, wrong("elasticsearch.disk_filling", expected=f"at most {allowed} %", actual=f"{used} %")
