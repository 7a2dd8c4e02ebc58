"""Kubeflow Pipelines runs what it is given, and tells what became of it."""

from __future__ import annotations

import secrets

import pytest

from fixtures.kfp import CANCELED, FAILED, SKIPPED, SUCCEEDED, Kfp, older
from gonogo import at_least, containing, expect, nothing, one_of, something


@pytest.mark.criterion("kfp.answers")
def test_answers(kfp: Kfp) -> None:
    """The API server answers, and knows its pipelines: its database answers."""
    expect(kfp.answers(), containing("pipelines"), cause="kfp.answer_garbled")


@pytest.mark.criterion("kfp.parts")
@pytest.mark.needs("kubernetes")
def test_every_part_is_ready(kfp: Kfp) -> None:
    """The API server, the persistence agent, the controllers and whatever else is expected are there and ready."""
    seen = kfp.parts()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="not ready")


@pytest.mark.criterion("kfp.mode")
def test_mode_is_the_expected_one(kfp: Kfp) -> None:
    """The API server keeps namespaces apart where the target expects it, and only there."""
    expect(kfp.multi_user(), kfp.expect["multi_user"], cause="kfp.mode_differs", message="multi-user mode")


@pytest.mark.criterion("kfp.authentication")
def test_unauthenticated_access_is_refused(kfp: Kfp) -> None:
    """In multi-user mode a request without credentials is refused."""
    expect(kfp.without_credentials(), at_least(300), cause="kfp.unauthenticated_access", message="HTTP status")


@pytest.mark.criterion("kfp.release")
def test_release_is_maintained(kfp: Kfp) -> None:
    """Kubeflow Pipelines is of a release that is maintained."""
    seen, least = kfp.release(), kfp.expect["release"]

    expect(older(seen, least), least, cause="kfp.outdated", message=f"it is {seen}; the older of both")


@pytest.mark.criterion("kfp.persistence")
@pytest.mark.needs("kubernetes")
def test_what_became_of_workflows_is_told(kfp: Kfp) -> None:
    """Every run whose workflow has ended is told to have: the persistence agent is alive."""
    seen = kfp.unpersisted()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="not told")


@pytest.mark.criterion("kfp.recurring")
def test_recurring_runs_are_made(kfp: Kfp) -> None:
    """Every recurring run with an interval that is switched on makes its runs."""
    seen = kfp.overdue()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="overdue")


@pytest.mark.criterion("kfp.upload")
@pytest.mark.writes
def test_uploaded_pipeline_is_kept(kfp: Kfp) -> None:
    """A pipeline that is uploaded is there with its version, and that has its tasks."""
    with kfp.pipeline(kfp.two_tasks()) as made:
        seen = kfp.uploaded(made)

    expect(seen, ["read", "write"], cause="kfp.upload_lost", message="tasks of the stored version")


@pytest.mark.criterion("kfp.run", "kfp.artifact")
@pytest.mark.writes
def test_run_succeeds_and_its_artifact_is_read_back(kfp: Kfp) -> None:
    """A run of two tasks succeeds, executed and not cached; the second one read what the first one wrote."""
    text = secrets.token_hex(8)
    with (
        kfp.experiment() as experiment,
        kfp.pipeline(kfp.two_tasks()) as made,
        kfp.run(made, experiment, text=text) as run,
    ):
        done = kfp.done(run)

    facts = {"run": done.run}
    expect(done.of("write"), {"write": SUCCEEDED}, cause="kfp.run_failed", facts=facts, message="tasks")
    expect(done.of("read"), {"read": SUCCEEDED}, cause="kfp.artifact_lost", facts=facts, message="tasks")
    expect(done.executors, [SUCCEEDED], cause="kfp.cached", message="what ran the tasks")
    expect(done.state, SUCCEEDED, cause="kfp.task_states_wrong", facts=facts, message=f"run {done.run}")


@pytest.mark.criterion("kfp.failure")
@pytest.mark.writes
def test_failing_pipeline_is_told_as_failed(kfp: Kfp) -> None:
    """A run whose task fails ends FAILED, that task too, and the task behind it is never executed."""
    with (
        kfp.experiment() as experiment,
        kfp.pipeline(kfp.failing()) as made,
        kfp.run(made, experiment, text="x") as run,
    ):
        done = kfp.done(run)

    facts = {"run": done.run}
    expect(done.state, FAILED, cause="kfp.failure_hidden", facts=facts, message="run")
    expect(done.of("fail"), {"fail": FAILED}, cause="kfp.task_states_wrong", facts=facts, message="tasks")
    expect(
        done.tasks.get("after", ""), one_of("", SKIPPED), cause="kfp.task_states_wrong", facts=facts, message="after"
    )


@pytest.mark.criterion("kfp.reason")
@pytest.mark.needs("kubernetes")
@pytest.mark.writes
def test_reason_of_a_failure_is_in_its_pod(kfp: Kfp) -> None:
    """The pod of a task that failed says with which exit code: the API tells no error of it."""
    with (
        kfp.experiment() as experiment,
        kfp.pipeline(kfp.failing()) as made,
        kfp.run(made, experiment, text="x") as run,
    ):
        kfp.done(run)
        codes = kfp.exit_codes(run)

    expect(codes, something(), cause="kfp.reason_missing", facts={"run": run}, message="exit codes")


@pytest.mark.criterion("kfp.terminate")
@pytest.mark.writes
def test_terminated_run_ends(kfp: Kfp) -> None:
    """A run that is terminated ends, FAILED or CANCELED."""
    with (
        kfp.experiment() as experiment,
        kfp.pipeline(kfp.endless()) as made,
        kfp.run(made, experiment, text="x") as run,
    ):
        begun = kfp.begun(run)
        kfp.terminate(run)
        done = kfp.ended_early(run)

    expect(begun.state, "RUNNING", cause="kfp.run_failed", facts={"run": run}, message="before it was terminated")
    expect(done.state, one_of(FAILED, CANCELED), cause="kfp.not_terminated", facts={"run": run})


@pytest.mark.criterion("kfp.cache")
@pytest.mark.writes
def test_repeated_run_is_told_as_cached(kfp: Kfp) -> None:
    """A run that repeats another takes its result from the cache, and says so; the first one is executed."""
    text = secrets.token_hex(8)
    with kfp.experiment() as experiment, kfp.pipeline(kfp.cacheable()) as made:
        with kfp.run(made, experiment, text=text) as run:
            first = kfp.done(run)
        with kfp.run(made, experiment, text=text) as run:
            again = kfp.done(run)

    expect(first.executors, [SUCCEEDED], cause="kfp.cached", message="what ran the first")
    facts = {"run": again.run}
    expect(again.executors, [SKIPPED], cause="kfp.cache_unused", facts=facts, message="what ran the second")
    expect(again.of("write"), {"write": SUCCEEDED}, cause="kfp.task_states_wrong", facts=facts, message="tasks")


@pytest.mark.criterion("kfp.schedule")
@pytest.mark.writes
def test_recurring_run_of_our_own_makes_a_run(kfp: Kfp) -> None:
    """A recurring run of our own makes a run, and that succeeds."""
    with kfp.experiment() as experiment, kfp.pipeline(kfp.two_tasks()) as made:
        state = kfp.scheduled(made, experiment)

    expect(state, SUCCEEDED, cause="kfp.run_failed")


@pytest.mark.criterion("kfp.namespace")
@pytest.mark.writes
def test_experiment_is_in_its_namespace(kfp: Kfp) -> None:
    """An experiment of our own is listed, in multi-user mode in the namespace that it was made for."""
    with kfp.experiment() as experiment:
        seen = kfp.misplaced(experiment)

    expect(seen, nothing(), cause="kfp.namespace_wrong")
