"""What Ray answers, as outcome and cause."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import pytest
from scripted import Reply, Script, answers, serving

from fixtures import ray as ray_client
from fixtures.ray import ENDED, End, Ray
from gonogo.core.errors import ClientError, Denied, Garbled, NotAskable, TimedOut, Unavailable, Wrong

EXPECT = {
    "workers": 2,
    "max_workers": 4,
    "worker_cpus": 1,
    "remember_lost_hours": 24,
    "job_seconds": 0,
    "autoscaler_report_seconds": 3,
    "memory_used_percent": 95,
    "disk_used_percent": 85,
    "exceptions": (),
}
NODES, OBJECTS = "GET /api/v0/nodes", "GET /api/v0/objects"
KILLED = "Unexpected termination: health check failed due to missing too many heartbeats"
SCALED = "Expected termination: Terminated by autoscaler."


def ray(script: Script) -> Ray:
    """A client of the scripted head."""
    return Ray(script.endpoints("ray", expect=EXPECT, dashboard=script.url, token="secret"))


def node(id: str, *, head: bool = False, ended: str = "", hours_ago: float = 0) -> dict[str, object]:
    """A row of the state interface: alive, or ended with Ray's word on it."""
    return {
        "node_id": id,
        "is_head_node": head,
        "state": "DEAD" if ended else "ALIVE",
        "state_message": ended or None,
        "resources_total": {"CPU": 1.0},
        "end_time_ms": (time.time() - hours_ago * 3600) * 1000 if ended else 0,
    }


def listed(*rows: object, warning: str | None = None) -> list[Reply]:
    """The state interface's answer with these rows."""
    return answers({"data": {"result": {"result": rows, "partial_failure_warning": warning}}})


@pytest.mark.parametrize(
    ("replies", "meaning", "signature"),
    [
        ([Reply(401, "Unauthorized: Missing authentication token")], Denied, "ray.credentials_refused"),
        ([Reply(403, "Forbidden: Invalid authentication token")], Denied, "ray.credentials_refused"),
        (listed(node("w")), Unavailable, "ray.unavailable"),
        (answers({"data": None}), Garbled, "ray.answer_garbled"),
    ],
)
def test_what_the_nodes_mean(replies: list[Reply], meaning: type, signature: str) -> None:
    with serving({NODES: replies}) as script, closing(ray(script)) as client, pytest.raises(meaning) as raised:
        client.answers()

    assert raised.value.signature == signature


@pytest.mark.parametrize(
    ("row", "lost"),
    [
        (node("w"), []),
        (node("w", ended=KILLED), [f"w: {KILLED}"]),
        (node("w", ended=KILLED, hours_ago=25), []),
        (node("w", ended=SCALED), []),
    ],
)
def test_a_lost_node_is_told_from_one_that_was_meant_to_end(row: dict[str, object], lost: list[str]) -> None:
    replies = {NODES: listed(node("h", head=True), node("x"), node("y"), row)}

    with serving(replies) as script, closing(ray(script)) as client:
        found = client.lost()

    assert found == lost


LOGS = "GET /api/v0/logs"
FOUND, SILENT = Reply(body="{}"), Reply(500, '{"result": false}')
WARNING = "1 raylet failed to reply"


def test_a_node_that_ray_knows_to_be_dead_only_by_now_is_lost_whatever_its_agent_does() -> None:
    alive, dead = ([node("h", head=True), node("x"), node("y", ended=ended)] for ended in ("", KILLED))
    looks = [*listed(*alive) * 3, *listed(*dead)]  # lost, workers and agents are asked of the first
    replies = {OBJECTS: listed(warning=WARNING), NODES: looks, LOGS: [SILENT]}

    with serving(replies) as script, closing(ray(script)) as client, pytest.raises(Wrong) as wrong:
        client.has_its_nodes()

    assert wrong.value.signature == "ray.node_lost"
    assert KILLED in wrong.value.actual


@pytest.mark.parametrize(
    ("warning", "agents", "signature"),
    [
        (None, [FOUND], ""),
        (WARNING, [FOUND], "ray.node_silent"),
        (WARNING, [SILENT], "ray.agent_hung"),
    ],
)
def test_a_node_that_is_silent_is_told_from_one_whose_agent_is(
    warning: str | None, agents: list[Reply], signature: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_client, "NOTICES", 0.1)
    replies = {
        OBJECTS: listed(warning=warning),
        NODES: listed(node("h", head=True), node("x"), node("y")),
        LOGS: agents,
    }
    seen = ""
    with serving(replies) as script, closing(ray(script)) as client:
        try:
            client.has_its_nodes()
        except Wrong as wrong:
            seen = wrong.signature

    assert seen == signature


@pytest.mark.parametrize(
    ("agents", "silent"),
    [
        ([FOUND], {}),
        ([SILENT, FOUND], {}),  # a busy one answers the second time
        ([Reply(404, "no such node")], {"h (head)": "no answer within 5 s (HTTP 404)"}),
        ([SILENT], {"h (head)": "no answer within 5 s (HTTP 500)"}),
    ],
)
def test_an_agent_is_silent_where_it_does_not_answer_twice(agents: list[Reply], silent: dict[str, str]) -> None:
    replies = {NODES: listed(node("h", head=True), node("gone", ended=SCALED)), LOGS: agents}

    with serving(replies) as script, closing(ray(script)) as client:
        found, left = client.silent_agents()

    assert found == silent
    assert left == 0


@pytest.mark.parametrize(
    ("error", "agents", "signature"),
    [
        (TimedOut("ray", "timed out"), [SILENT], "ray.agent_hung"),
        (TimedOut("ray", "timed out"), [FOUND], "ray.job_not_taken"),
        (Unavailable("ray", "HTTP 500", kind="job_refused"), [SILENT], ""),  # which says its own cause
    ],
)
def test_a_job_that_hangs_while_ray_answers_is_explained(
    error: ClientError, agents: list[Reply], signature: str
) -> None:
    with serving({NODES: listed(node("h", head=True)), LOGS: agents}) as script, closing(ray(script)) as client:
        reason = client.why(error)

    assert (reason.signature if reason else "") == signature


def test_why_a_job_hangs_nobody_knows_where_ray_itself_does_not_serve() -> None:
    with (
        serving({NODES: listed(node("w")), LOGS: [SILENT]}) as script,
        closing(ray(script)) as client,
        pytest.raises(Unavailable, match="no head node is alive"),
    ):
        client.why(TimedOut("ray", "timed out"))


def test_of_a_traceback_the_last_line_is_told() -> None:
    traceback = (
        "Traceback (most recent call last):\n  File x\nTimeoutError: Failed to get head node agent within 60 seconds"
    )

    replies = {"POST /api/jobs/": [Reply(500, traceback)]}
    with serving(replies) as script, closing(ray(script)) as client, pytest.raises(Unavailable) as raised:
        client._rest.json("POST", "/api/jobs/")

    assert raised.value.signature == "ray.job_refused"
    assert "Failed to get head node agent" in str(raised.value)
    assert "Traceback" not in str(raised.value)


def reported(age: float, error: str | None, report: dict[str, Any]) -> list[Reply]:
    """The cluster's status as the autoscaler wrote it down so many seconds ago."""
    told = {"time": time.time() - age, "autoscalerReport": report}
    return answers({"data": {"clusterStatus": told, "autoscalingError": error}})


def status(age: float = 1, error: str | None = None, **report: Any) -> Callable[[], list[Reply]]:
    """What makes it when it is asked for."""
    return partial(reported, age, error, report)


def unreported() -> list[Reply]:
    """The same where nobody writes it down, as the autoscaler's version 2."""
    return answers({"data": {"clusterStatus": None, "autoscalingError": None}})


def given(available: bool) -> dict[str, Any]:
    """What the autoscaler says of a node type that its provider gives, or does not."""
    why = {"category": "Quota", "description": "no more GPUs"}
    row = {"isAvailable": available, "unavailableNodeInformation": None if available else why}
    return {"nodeAvailabilities": {"gpu": row}}


@pytest.mark.parametrize(
    ("replies", "signature"),
    [
        (status(), ""),
        (status(age=2), ""),
        (status(age=45), "ray.autoscaler_silent"),
        (status(error="KeyError: max_workers"), "ray.autoscaler_failed"),
        (status(nodeAvailabilitySummary=given(True)), ""),
        (status(nodeAvailabilitySummary=given(False)), "ray.node_type_unavailable"),
    ],
)
def test_an_autoscaler_is_well_while_it_reports_and_is_given_nodes(
    replies: Callable[[], list[Reply]], signature: str
) -> None:
    seen = ""
    with serving({"GET /api/cluster_status": replies()}) as script, closing(ray(script)) as client:
        try:
            client.has_its_autoscaler()
        except Wrong as wrong:
            seen = wrong.signature

    assert seen == signature


def test_a_monitor_that_is_only_busy_reports_a_little_later() -> None:
    late, next_one = reported(10, None, {}), reported(-1, None, {})

    with serving({"GET /api/cluster_status": [*late, *next_one]}) as script, closing(ray(script)) as client:
        assert client.has_its_autoscaler().age <= 3


def test_an_autoscaler_that_leaves_no_report_is_not_judged() -> None:
    replies = {"GET /api/cluster_status": unreported()}

    with serving(replies) as script, closing(ray(script)) as client, pytest.raises(NotAskable):
        client.has_its_autoscaler()


def ago(seconds: float) -> float:
    """A time in milliseconds."""
    return (time.time() - seconds) * 1000


def task(needs: dict[str, float], **changed: Any) -> dict[str, Any]:
    """A row of a task that waits for a node; ``creation_time_ms`` is how many seconds before the test."""
    fine = {"name": "train", "job_id": "01", "placement_group_id": None, "label_selector": {}}
    return {**fine, "required_resources": needs, "creation_time_ms": 300, **changed}


def group(state: str) -> dict[str, Any]:
    """A row of a placement group that waits, and has for minutes."""
    stats = {"scheduling_state": state, "creation_request_received_ns": str(int(ago(300) * 1e6))}
    return {"name": "", "placement_group_id": "pg1", "stats": stats}


@pytest.mark.parametrize(
    ("tasks", "groups", "report", "found"),
    [
        ([], [], status(), []),
        ([task({"CPU": 1.0})], [], status(), []),  # the cluster is full, no more
        ([task({"CPU": 64.0})], [], status(), ["tasks that need 64 CPU: train"]),
        ([task({"CPU": 1.0, "TPU": 1.0})], [], status(), ["tasks that need 1 CPU, 1 TPU: train"]),
        ([task({"CPU": 64.0}, creation_time_ms=-60)], [], status(), []),
        ([task({"CPU": 64.0})], [], status(pendingLaunches={"large": 1}), []),
        ([task({"CPU": 64.0})], [], partial(unreported), []),
        ([task({"CPU": 64.0}, job_id="ended")], [], status(), []),
        ([task({"CPU_group_0_pg1": 1.0}, placement_group_id="pg1")], [], status(), []),
        ([task({"CPU": 1.0}, label_selector={"zone": "a"})], [], status(), []),
        ([], [group("INFEASIBLE")], status(), ["placement groups that fit nowhere: pg1"]),
        ([], [group("NO_RESOURCES")], status(), []),
    ],
)
def test_a_demand_is_infeasible_where_no_node_is_as_large_and_none_comes(
    tasks: list[Any], groups: list[Any], report: Callable[[], list[Reply]], found: list[str]
) -> None:
    replies = {
        "GET /api/cluster_status": report(),
        "GET /api/v0/tasks": listed(*({**one, "creation_time_ms": ago(one["creation_time_ms"])} for one in tasks)),
        "GET /api/v0/placement_groups": listed(*groups),
        "GET /api/jobs/": answers([{"job_id": "01", "status": "RUNNING"}, {"job_id": "ended", "status": "STOPPED"}]),
        NODES: listed(node("h", head=True), node("w")),
    }

    with serving(replies) as script, closing(ray(script)) as client:
        assert client.infeasible() == found


def submitted(name: str, **changed: Any) -> dict[str, Any]:
    """A row of a job of an application."""
    now = time.time() * 1000
    fine = {"status": "FAILED", "entrypoint": "python x.py", "error_type": None, "start_time": now, "end_time": now}
    return {"submission_id": name, "job_id": None, **fine, **changed}


DIED = {"error_type": "JOB_SUPERVISOR_ACTOR_DIED"}


@pytest.mark.parametrize(
    ("row", "stuck", "lost"),
    [
        (submitted("etl"), False, False),
        (submitted("etl", error_type="JOB_ENTRYPOINT_COMMAND_ERROR"), False, False),
        (submitted("etl", **DIED), False, True),
        (submitted("etl", error_type="JOB_SUPERVISOR_ACTOR_START_TIMEOUT"), False, True),
        (submitted("etl", **DIED, end_time=0), False, False),
        (submitted("etl", **DIED, entrypoint="Entrypoint not found."), False, False),
        (submitted("pv-20261130115212-8f09fe-1", **DIED), False, False),
        (submitted("etl", status="PENDING", start_time=1), True, False),
        (submitted("etl", status="RUNNING", start_time=1), False, False),
    ],
)
def test_a_job_that_ray_lost_is_told_from_one_that_failed(row: dict[str, Any], stuck: bool, lost: bool) -> None:
    with serving({"GET /api/jobs/": answers([row])}) as script, closing(ray(script)) as client:
        assert bool(client.stuck()) == stuck
        assert bool(client.broken_off()) == lost


def summary(memory: float = 30, disk: float = 40, fallback: int = 0) -> list[Reply]:
    """What the agent of one node told of its room."""
    store = {"objectStoreBytesFallback": str(fallback)} if fallback else {}
    raylet = {"nodeId": "w", "state": "ALIVE", "storeStats": store}
    row = {"mem": [100, 100 - memory, memory, memory], "disk": {"/": {"percent": disk}}, "raylet": raylet}
    return answers({"data": {"summary": [row]}})


@pytest.mark.parametrize(
    ("replies", "signature"),
    [
        (summary(), ""),
        (summary(memory=97), "ray.memory_short"),
        (summary(disk=91), "ray.disk_short"),
        (summary(fallback=1 << 24), "ray.object_store_full"),
    ],
)
def test_a_node_has_room_until_ray_would_stop_its_tasks(replies: list[Reply], signature: str) -> None:
    seen = ""
    with serving({"GET /nodes": replies}) as script, closing(ray(script)) as client:
        try:
            client.has_room()
        except Wrong as wrong:
            seen = wrong.signature

    assert seen == signature


def test_a_job_that_does_not_end_is_told_as_it_stands() -> None:
    replies = {
        "GET /api/jobs/j": answers({"status": "PENDING", "message": "It may be waiting for resources"}),
        "GET /api/jobs/j/logs": answers({"logs": ""}),
    }

    with serving(replies) as script, closing(ray(script)) as client:
        end = client.end("j")

    assert end.status not in ENDED
    assert str(end) == "PENDING, no exit code: It may be waiting for resources"


def test_a_job_is_shown_by_what_it_said_last() -> None:
    end = End("SUCCEEDED", "Job finished successfully.", 0, "connected\nsum of squares 14\n")

    assert str(end) == "SUCCEEDED, exit code 0: sum of squares 14"


@pytest.mark.parametrize(
    ("after", "deleted"),
    [
        ([Reply(404, "gone")], 1),
        ([Reply(404, "gone"), Reply(body=json.dumps({"status": "FAILED"})), Reply(404, "gone")], 2),
    ],
)
def test_a_record_that_comes_back_is_deleted_again(
    after: list[Reply], deleted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_client, "MONITOR_SECONDS", 0.15)
    there = Reply(body=json.dumps({"status": "STOPPED"}))
    replies = {
        "GET /api/jobs/j": [there, there, *after],
        "POST /api/jobs/j/stop": answers({"stopped": True}),
        "DELETE /api/jobs/j": answers({"deleted": True}),
    }

    with serving(replies) as script, closing(ray(script)) as client:
        client.remove("job", "j")

    assert [line for line, _ in script.asked].count("DELETE /api/jobs/j") == deleted


def test_who_has_no_credentials_brings_no_token_of_ours() -> None:
    with serving({"GET /api/jobs/": [Reply(401, "Missing"), Reply(403, "Invalid")]}) as script:
        with closing(ray(script)) as client:
            met = client.without_credentials()
        brought = [headers.get("Authorization") for _, headers in script.asked]

    assert met == {"no token": 401, "a wrong token": 403}
    assert brought[0] is None
    assert "secret" not in str(brought[1])


ACTORS, APPLICATION = "GET /api/v0/actors", "application of Ray Serve"
OURS, OTHERS = "pv-20261201000000-abcdef-4", "shop"


def actors(*classes: str) -> list[Reply]:
    """The state interface's answer with live actors of these classes."""
    return listed(*({"class_name": one} for one in classes))


def test_an_application_of_ours_is_left_over_and_another_is_not() -> None:
    serve = actors("ServeController", f"ServeReplica:{OURS}:model", f"ServeReplica:{OTHERS}:model", "Gate")
    with serving({"GET /api/jobs/": answers([]), ACTORS: serve}) as script, closing(ray(script)) as client:
        found = [(left.kind, left.name) for left in client.leftovers()]

    assert found == [(APPLICATION, OURS)]


def test_where_serve_is_gone_no_application_is_left_to_delete() -> None:
    with serving({ACTORS: actors("Gate")}) as script, closing(ray(script)) as client:
        client.remove(APPLICATION, OURS)

    assert [line for line, _ in script.asked] == [ACTORS]


def test_an_application_goes_by_a_job_that_leaves_serve_to_others() -> None:
    program = ray_client.UNDEPLOY.format(application=OURS)

    assert f"if {OURS!r} in serve.status().applications" in program
    assert f'_internal_kv_get(b"started by {OURS}") and not serve.status().applications' in program
    compile(program, "program", "exec")


def test_an_answer_that_lists_no_actors_is_garbled() -> None:
    script = serving({ACTORS: answers({"data": None})})
    with script as there, closing(ray(there)) as client, pytest.raises(Garbled, match="actors"):
        client.served()
