"""Katib admits what is valid and nothing else, collects metrics, and finds the best of two trials."""

from __future__ import annotations

import pytest

from fixtures.katib import LEAST, MOST, TRIALS, Katib
from gonogo import containing, expect, nothing


@pytest.mark.criterion("katib.answers")
@pytest.mark.needs("kubernetes")
def test_answers(katib: Katib) -> None:
    """The cluster serves Katib's kinds, and shows its experiments."""
    expect(katib.answers(), containing("experiments"), cause="katib.answer_garbled")


@pytest.mark.criterion("katib.parts")
@pytest.mark.needs("kubernetes")
def test_every_part_is_ready(katib: Katib) -> None:
    """Katib's controller, its db-manager and whatever else is expected are there and ready."""
    seen = katib.parts()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="not ready")


@pytest.mark.criterion("katib.admission")
@pytest.mark.needs("kubernetes")
def test_a_valid_experiment_is_admitted(katib: Katib) -> None:
    """A valid experiment is admitted, in a dry run."""
    seen = katib.refusing_valid()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="refused")


@pytest.mark.criterion("katib.admission")
@pytest.mark.needs("kubernetes")
def test_an_invalid_experiment_is_refused(katib: Katib) -> None:
    """An experiment that cannot be is refused, in a dry run."""
    seen = katib.admitting_invalid()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="admitted")


@pytest.mark.criterion("katib.injection")
@pytest.mark.needs("kubernetes")
def test_collectors_are_injected_where_experiments_are(katib: Katib) -> None:
    """The namespaces of experiments want metrics collectors in their pods; at least one does."""
    seen = katib.uninjected()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="without collectors")


@pytest.mark.criterion("katib.experiments")
@pytest.mark.needs("kubernetes")
def test_every_experiment_goes_on(katib: Katib) -> None:
    """Every experiment in sight is taken up, has a suggestion that serves, and gets the metrics of its trials."""
    seen = katib.stuck()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="stuck")


@pytest.mark.criterion("katib.tuning")
@pytest.mark.needs("kubernetes")
@pytest.mark.writes
def test_the_best_of_two_trials_is_found(katib: Katib) -> None:
    """Two trials succeed, and the one with the least loss is named as the best."""
    with katib.experiment() as made:
        seen = katib.tuned(made)

    expect(seen.succeeded, TRIALS, cause="katib.trial_failed", message="trials that succeeded")
    expect((bool(seen.best), seen.loss), (True, seen.least), cause="katib.no_optimum", message="the best trial's loss")
    expect(
        LEAST <= (seen.loss or 0) <= MOST, True, cause="katib.no_optimum", message=f"loss {seen.loss} is in the space"
    )
