"""Elasticsearch from inside its host."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.elasticsearch import Elasticsearch
from gonogo import saw, wrong
from gonogo.checks.inside import Inside

pytestmark = pytest.mark.needs("exec")


@pytest.mark.criterion("elasticsearch.account")
def test_runs_as_its_account(inside: Callable[[str], Inside]) -> None:
    """Every node runs as the account that it was given."""
    server = inside("elasticsearch")

    users = server.users()

    saw(users, expected=server.expected_users())
    assert users == server.expected_users(), wrong("elasticsearch.wrong_account")


@pytest.mark.criterion("elasticsearch.listens")
def test_listens_where_it_should(inside: Callable[[str], Inside]) -> None:
    """Every node listens on its address, and nowhere that another machine can reach."""
    server = inside("elasticsearch")

    silent, reachable = server.silent(), server.strangers_can_reach()

    saw(server.listening(), expected="listening on its address")
    assert silent == set(), wrong("elasticsearch.not_listening")
    saw(reachable, expected="only loopback")
    assert reachable == set(), wrong("elasticsearch.exposed")


@pytest.mark.criterion("elasticsearch.data_private")
@pytest.mark.needs("host")
def test_data_folder_is_its_own(inside: Callable[[str], Inside]) -> None:
    """Every node's data folder is its own: no other account can read it, and no other node uses it."""
    server = inside("elasticsearch")

    owners, modes = server.data_owners(), set(server.data_modes().values())

    saw(owners, expected=server.expected_users())
    assert owners == server.expected_users(), wrong("elasticsearch.data_of_another")
    saw(modes, expected={"700"})
    assert modes == {"700"}, wrong("elasticsearch.data_readable")
    saw(server.shared_data(), expected="a folder for each node")
    assert not server.shared_data(), wrong("elasticsearch.data_shared")


@pytest.mark.criterion("elasticsearch.data_room")
def test_data_folder_has_room(inside: Callable[[str], Inside], elasticsearch: Elasticsearch) -> None:
    """The file system below Elasticsearch's data has room."""
    allowed = elasticsearch.expect["disk_used_percent"]

    used = inside("elasticsearch").fullest()

    saw(f"{used} %", expected=f"at most {allowed} %")
    assert used <= allowed, wrong("elasticsearch.disk_filling")
