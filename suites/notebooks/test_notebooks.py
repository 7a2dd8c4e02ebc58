"""Kubeflow's notebooks are taken up, answer, and keep what was written when they are stopped."""

from __future__ import annotations

import pytest

from fixtures.notebooks import Kept, Notebooks
from gonogo import containing, expect, nothing, something


@pytest.mark.criterion("notebooks.answers")
@pytest.mark.needs("kubernetes")
def test_answers(notebooks: Notebooks) -> None:
    """The cluster serves the kind Notebook, and shows its notebooks."""
    expect(notebooks.answers(), containing("notebooks"), cause="notebooks.answer_garbled")


@pytest.mark.criterion("notebooks.parts")
@pytest.mark.needs("kubernetes")
def test_every_part_is_ready(notebooks: Notebooks) -> None:
    """The notebook controller and whatever else is expected are there and ready."""
    seen = notebooks.parts()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="not ready")


@pytest.mark.criterion("notebooks.ready")
@pytest.mark.needs("kubernetes")
def test_every_notebook_is_ready_or_stopped(notebooks: Notebooks) -> None:
    """Every notebook in sight is ready, or stopped on purpose."""
    seen = notebooks.unready()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="not ready")


@pytest.mark.criterion("notebooks.claims")
@pytest.mark.needs("kubernetes")
def test_every_claim_is_there(notebooks: Notebooks) -> None:
    """Every claim that a notebook mounts is there, of stopped ones too."""
    seen = notebooks.claimless()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="without their claim")


@pytest.mark.criterion("notebooks.serves")
@pytest.mark.needs("kubernetes")
@pytest.mark.writes
def test_notebook_of_our_own_answers(notebooks: Notebooks) -> None:
    """A notebook of our own becomes ready, and its server answers below its prefix."""
    with notebooks.notebook() as made:
        version = notebooks.version_told(notebooks.started(made))

    expect(version, something(), cause="notebooks.not_reachable", message="the version that it tells")


@pytest.mark.criterion("notebooks.stopped")
@pytest.mark.needs("kubernetes")
@pytest.mark.writes
def test_stopped_notebook_keeps_its_claim(notebooks: Notebooks) -> None:
    """A notebook that is stopped gives its pod back and keeps its claim, with which it starts again."""
    with notebooks.notebook() as made:
        kept = notebooks.stopped_and_started(notebooks.started(made))

    expect(kept, Kept(stopped=True, started=True), cause="notebooks.claim_lost", message="its claim")
