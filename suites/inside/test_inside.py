"""From inside the hosts of server processes: one suite for every component that makes these claims."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gonogo import at_most, each, expect, nothing
from gonogo.checks.inside import Inside
from gonogo.core.endpoints import Endpoints

pytestmark = pytest.mark.needs("exec")


@pytest.mark.criterion("*.account")
def test_runs_as_its_account(component: str, inside: Callable[[str], Inside]) -> None:
    """Every server process runs as the account that it was given."""
    server = inside(component)

    expect(server.users(), server.expected_users(), cause=f"{component}.wrong_account")


@pytest.mark.criterion("*.listens")
def test_listens_where_it_should(component: str, inside: Callable[[str], Inside]) -> None:
    """Every server process listens on its address, and nowhere that another machine can reach."""
    server = inside(component)

    heard, exposed = server.heard(), server.exposed()

    expect(heard, server.addresses(), cause=f"{component}.not_listening")
    expect(exposed, nothing(), cause=f"{component}.exposed", message="reachable from other machines")


@pytest.mark.criterion("*.data_private")
@pytest.mark.needs("host")
def test_data_folder_is_its_own(component: str, inside: Callable[[str], Inside]) -> None:
    """Each data folder belongs to its server's account, is closed to all others, and no other server uses it."""
    server = inside(component)

    owners, modes, shared = server.data_owners(), server.data_modes(), server.shared_data()

    expect(owners, server.expected_owners(), cause=f"{component}.data_of_another")
    expect(modes, each("700"), cause=f"{component}.data_readable")
    expect(shared, nothing(), cause=f"{component}.data_shared", message="used by two servers")


@pytest.mark.criterion("*.data_room")
def test_data_folder_has_room(
    component: str, inside: Callable[[str], Inside], endpoints: Callable[[str], Endpoints]
) -> None:
    """The file system below the data has room."""
    allowed = endpoints(component).expect["disk_used_percent"]

    used = inside(component).fullest()

    expect(used, at_most(allowed, "%"), cause=f"{component}.disk_filling")
