"""Argo CD works, and every application is as Git has it, healthy, and looked at a short while ago."""

from __future__ import annotations

import pytest

from fixtures.argocd import Argocd
from gonogo import containing, expect, nothing


@pytest.mark.criterion("argocd.answers")
@pytest.mark.needs("kubernetes")
def test_answers(argocd: Argocd) -> None:
    """The cluster serves Argo CD's kinds, and shows its applications."""
    expect(argocd.answers(), containing("applications"), cause="argocd.answer_garbled")


@pytest.mark.criterion("argocd.parts")
@pytest.mark.needs("kubernetes")
def test_every_part_is_ready(argocd: Argocd) -> None:
    """Every expected server of Argo CD is there and ready."""
    seen = argocd.parts()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="not ready")


@pytest.mark.criterion("argocd.applications")
@pytest.mark.needs("kubernetes")
def test_every_expected_application_is_there(argocd: Argocd) -> None:
    """Every expected application is there, none is being deleted, and at least one is there."""
    seen = argocd.missing()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="missing")


@pytest.mark.criterion("argocd.conditions")
@pytest.mark.needs("kubernetes")
def test_no_application_has_an_error(argocd: Argocd) -> None:
    """Argo CD tells of no error of any application, and the project of each exists."""
    seen = argocd.erring()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="errors")


@pytest.mark.criterion("argocd.synced")
@pytest.mark.needs("kubernetes")
def test_every_application_is_synced(argocd: Argocd) -> None:
    """The cluster is as Git has it, for every application; else it is told who would sync it."""
    seen = argocd.unsynced()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="not synced")


@pytest.mark.criterion("argocd.windows")
@pytest.mark.needs("kubernetes")
def test_sync_windows_let_applications_be_synced(argocd: Argocd) -> None:
    """Every sync window can be read, and lets what is synced by itself be synced within some days."""
    seen = argocd.held()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="never synced")


@pytest.mark.criterion("argocd.operations")
@pytest.mark.needs("kubernetes")
def test_no_last_operation_failed(argocd: Argocd) -> None:
    """The last operation of every application has not failed, and none runs without end."""
    seen = argocd.failures()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="failed")


@pytest.mark.criterion("argocd.healthy")
@pytest.mark.needs("kubernetes")
def test_every_application_is_healthy(argocd: Argocd) -> None:
    """Every application is healthy as Argo CD says."""
    seen = argocd.unhealthy()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="not healthy")


@pytest.mark.criterion("argocd.reconciled")
@pytest.mark.needs("kubernetes")
def test_every_application_was_looked_at_lately(argocd: Argocd) -> None:
    """Argo CD has compared every application within twice its interval, by the API server's clock."""
    seen = argocd.stale()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="too long ago")


@pytest.mark.criterion("argocd.objects")
@pytest.mark.needs("kubernetes")
def test_what_applications_deploy_is_well(argocd: Argocd) -> None:
    """What applications deploy in this cluster is well by its own status, whether Argo CD knows its kind or not."""
    seen = argocd.objects()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="not well")


@pytest.mark.criterion("argocd.sets")
@pytest.mark.needs("kubernetes")
def test_every_application_set_makes_its_applications(argocd: Argocd) -> None:
    """Every ApplicationSet makes its applications, and its controller is there."""
    seen = argocd.broken_sets()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="broken")
