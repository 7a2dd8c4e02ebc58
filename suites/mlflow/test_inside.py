"""MLflow from inside its host."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.mlflow import Mlflow
from gonogo import saw, wrong
from gonogo.checks.inside import Inside

pytestmark = pytest.mark.needs("exec")


@pytest.mark.criterion("mlflow.account")
def test_runs_as_its_account(inside: Callable[[str], Inside]) -> None:
    """MLflow runs as the account that it was given."""
    server = inside("mlflow")

    users = server.users()

    saw(users, expected=server.expected_users())
    assert users == server.expected_users(), wrong("mlflow.wrong_account")


@pytest.mark.criterion("mlflow.listens")
def test_listens_where_it_should(inside: Callable[[str], Inside]) -> None:
    """MLflow listens on its address, and nowhere that another machine can reach."""
    server = inside("mlflow")

    silent, reachable = server.silent(), server.strangers_can_reach()

    saw(server.listening(), expected="on its address")
    assert silent == set(), wrong("mlflow.not_listening")
    saw(reachable, expected="only loopback")
    assert reachable == set(), wrong("mlflow.exposed")


@pytest.mark.criterion("mlflow.data_private")
@pytest.mark.needs("host")
def test_data_folder_is_its_own(inside: Callable[[str], Inside]) -> None:
    """MLflow's data folder belongs to its account, and nobody else can read it."""
    server = inside("mlflow")

    owners, modes = server.data_owners(), set(server.data_modes().values())

    saw(owners, expected=server.expected_users())
    assert owners == server.expected_users(), wrong("mlflow.data_of_another")
    saw(modes, expected={"700"})
    assert modes == {"700"}, wrong("mlflow.data_readable")


@pytest.mark.criterion("mlflow.data_room")
def test_data_folder_has_room(inside: Callable[[str], Inside], mlflow: Mlflow) -> None:
    """The file system below MLflow's data has room."""
    allowed = mlflow.expect["disk_used_percent"]

    used = inside("mlflow").fullest()

    saw(f"{used} %", expected=f"at most {allowed} %")
    assert used <= allowed, wrong("mlflow.disk_filling")
