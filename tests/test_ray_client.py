"""What Ray answers, as outcome and cause."""

from __future__ import annotations

import json
import time
from contextlib import closing

import pytest
from scripted import Reply, Script, answers, serving

from fixtures import ray as ray_client
from fixtures.ray import ENDED, End, Ray
from gonogo.core.errors import Denied, Garbled, Unavailable

EXPECT = {"workers": 2, "max_workers": 4, "worker_cpus": 1, "remember_lost_hours": 24, "job_seconds": 0}
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
    ("row", "warning", "lost"),
    [
        (node("w"), None, []),
        (node("w", ended=KILLED), None, [f"w: {KILLED}"]),
        (node("w", ended=KILLED, hours_ago=25), None, []),
        (node("w", ended=SCALED), None, []),
        (node("w"), "1 raylet failed to reply", ["1 raylet failed to reply"]),
    ],
)
def test_a_lost_node_is_told_from_one_that_was_meant_to_end(
    row: dict[str, object], warning: str | None, lost: list[str]
) -> None:
    replies = {OBJECTS: listed(warning=warning), NODES: listed(node("h", head=True), node("x"), node("y"), row)}

    with serving(replies) as script, closing(ray(script)) as client:
        found = client.lost()

    assert found == lost


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
