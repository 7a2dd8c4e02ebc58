"""Ray: jobs compute on the nodes that the cluster should have, and its workers follow the demand."""

from __future__ import annotations

import pytest

from fixtures.ray import Ray
from gonogo import wrong

SUM_OF_SQUARES = """
import os, ray
ray.init()
@ray.remote(num_cpus=0.25)
def square(n):
    return n * n
print("sum of squares", sum(ray.get([square.remote(n) for n in range(4)])), os.environ["MARK"])
"""

DIVIDES_BY_ZERO = """
import ray
ray.init(log_to_driver=False)
@ray.remote(num_cpus=0.25)
def divide(n):
    return n / 0
ray.get(divide.remote(1))
"""

# every task waits for the other, so that one node cannot take both one after the other
MEETS_ON_TWO_NODES = """
import ray
from threading import Event
ray.init(log_to_driver=False)
@ray.remote(num_cpus=0)
class Table:
    def __init__(self): self.seats = set()
    def sit(self, node): self.seats.add(node); return len(self.seats)
@ray.remote(num_cpus=1, scheduling_strategy="SPREAD")
def guest(table):
    node = ray.get_runtime_context().get_node_id()
    for _ in range(100):
        if ray.get(table.sit.remote(node)) > 1:
            break
        Event().wait(0.1)
    return node
table = Table.remote()
print("nodes:", *sorted(set(ray.get([guest.remote(table) for _ in range(2)]))))
"""


@pytest.mark.criterion("ray.answers")
def test_head_answers(ray: Ray) -> None:
    """Ray's head knows the cluster's nodes, and is alive itself."""
    ray.answers()


@pytest.mark.criterion("ray.nodes")
def test_nodes_are_as_expected(ray: Ray) -> None:
    """Ray has the workers and CPUs that it should have; every node answers, and none ended unexpectedly."""
    few, most, cpus = ray.expect["workers"], ray.expect["max_workers"], ray.expect["worker_cpus"]

    lost = ray.lost()
    workers = ray.workers()
    small = [f"{w.id}: {w.cpus:g} CPU" for w in workers if w.cpus < cpus]

    assert not lost, wrong("ray.node_lost", expected="every node answers, none ended", actual=lost)
    assert len(workers) >= few, wrong("ray.worker_missing", expected=f"{few} workers", actual=f"{len(workers)} alive")
    assert len(workers) <= most, wrong("ray.worker_unexpected", expected=f"at most {most}", actual=f"{len(workers)}")
    assert not small, wrong("ray.worker_small", expected=f"{cpus} CPU each", actual=small)


@pytest.mark.criterion("ray.job")
@pytest.mark.writes
def test_job_computes(ray: Ray) -> None:
    """A job submitted over REST computes with remote tasks, succeeds, and its log holds the right result."""
    with ray.job(SUM_OF_SQUARES, {"MARK": "seen by the driver"}) as job:
        end = ray.end(job)

    assert end.ended, wrong("ray.job_unfinished", expected="an end", actual=str(end))
    assert (end.status, end.exit_code) == ("SUCCEEDED", 0), wrong(
        "ray.job_failed", expected="SUCCEEDED, exit code 0", actual=str(end)
    )
    assert "sum of squares 14 seen by the driver" in end.logs, wrong(
        "ray.job_result_wrong", expected="sum of squares 14 seen by the driver", actual=end.logs
    )


@pytest.mark.criterion("ray.failing_job")
@pytest.mark.writes
def test_failing_job_says_so(ray: Ray) -> None:
    """A job whose task raises an error ends as FAILED, and its message names the error."""
    with ray.job(DIVIDES_BY_ZERO) as job:
        end = ray.end(job)

    assert end.ended, wrong("ray.job_unfinished", expected="an end", actual=str(end))
    assert end.status == "FAILED", wrong("ray.failure_hidden", expected="FAILED", actual=str(end))
    assert "ZeroDivisionError" in end.message, wrong(
        "ray.failure_hidden", expected="a message with ZeroDivisionError", actual=end.message
    )


@pytest.mark.criterion("ray.two_nodes")
@pytest.mark.writes
def test_tasks_run_on_two_nodes(ray: Ray) -> None:
    """Tasks that are to be spread run on two nodes of the cluster at the same time."""
    known = {n.id for n in ray.nodes()}

    with ray.job(MEETS_ON_TWO_NODES) as job:
        end = ray.end(job)
        known |= {n.id for n in ray.nodes()}

    ran_on = set(end.logs.rpartition("nodes:")[2].split())
    assert end.ended, wrong("ray.job_unfinished", expected="an end", actual=str(end))
    assert end.status == "SUCCEEDED", wrong("ray.job_failed", expected="SUCCEEDED", actual=str(end))
    assert len(ran_on & known) >= 2, wrong("ray.tasks_on_one_node", expected="2 nodes", actual=ran_on)


@pytest.mark.criterion("ray.strangers")
def test_strangers_are_refused(ray: Ray) -> None:
    """Ray's Jobs interface, which runs any program, refuses a request without a token and one with a wrong one."""
    met = ray.strangers()

    assert min(met.values()) >= 400, wrong("ray.strangers_let_in", expected="HTTP 401 or 403", actual=met)


@pytest.mark.criterion("ray.dashboard")
def test_dashboard_opens(ray: Ray) -> None:
    """Ray's dashboard page opens."""
    page = ray.page()

    assert "Ray Dashboard" in page, wrong("ray.dashboard_missing", expected="the dashboard's page", actual=page)


@pytest.mark.criterion("ray.autoscaling")
@pytest.mark.disrupts
def test_workers_follow_the_demand(ray: Ray) -> None:
    """Tasks that find no CPU bring workers up to the maximum, and idleness takes them down to the minimum."""
    few, most = ray.expect["workers"], ray.expect["max_workers"]
    up_within, down_within = ray.expect["scale_up_seconds"], ray.expect["scale_down_seconds"]
    assert few < most, wrong("ray.autoscaling_off", expected="a maximum above the minimum", actual=f"both {most}")

    with ray.job(ray.hold(ray.cpus_at_most())):
        came = ray.workers_come_to(most, up_within)
    stayed = ray.workers_come_to(few, down_within)

    assert came == most, wrong("ray.not_scaled_up", expected=f"{most} workers", actual=f"{came} in {up_within} s")
    assert stayed == few, wrong("ray.not_scaled_down", expected=f"{few} workers", actual=f"{stayed} in {down_within} s")
