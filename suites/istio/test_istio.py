"""The mesh is where it is wanted and nowhere else, in every pod there, and does no harm."""

from __future__ import annotations

import pytest

from fixtures.istio import Istio
from gonogo import containing, expect, nothing


@pytest.mark.criterion("istio.answers")
@pytest.mark.needs("kubernetes")
def test_answers(istio: Istio) -> None:
    """The cluster shows its namespaces, and which are in the mesh."""
    expect(istio.answers(), containing("namespaces"), cause="istio.answer_garbled")


@pytest.mark.criterion("istio.control")
@pytest.mark.needs("kubernetes")
def test_istiod_is_ready_and_asked(istio: Istio) -> None:
    """The control plane, istiod, is ready, and the API server asks it for sidecars."""
    seen = istio.control()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="not ready")


@pytest.mark.criterion("istio.injected")
@pytest.mark.needs("kubernetes")
def test_sidecars_are_where_they_are_wanted(istio: Istio) -> None:
    """Every pod of the wanted namespaces has a sidecar that is ready, and no other namespace is in the mesh."""
    seen = istio.uninjected()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="not as wanted")


@pytest.mark.criterion("istio.server_first")
@pytest.mark.needs("kubernetes")
def test_ports_on_which_servers_speak_first_say_so(istio: Istio) -> None:
    """In the mesh, every port on which the server speaks first names its protocol."""
    seen = istio.unnamed()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="unnamed")


@pytest.mark.criterion("istio.jobs")
@pytest.mark.needs("kubernetes")
def test_no_job_is_held_by_its_sidecar(istio: Istio) -> None:
    """No running pod of a Job has a sidecar that does not end with the work."""
    seen = istio.held()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="held")


@pytest.mark.criterion("istio.clients")
@pytest.mark.needs("kubernetes")
def test_no_client_is_shut_out(istio: Istio) -> None:
    """Where mutual TLS is a must, every client has a sidecar."""
    seen = istio.shut_out()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="shut out")
