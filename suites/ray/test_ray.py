"""Ray: jobs compute on the nodes that the cluster should have, and its workers follow the demand."""

from __future__ import annotations

import pytest

from fixtures.ray import ENDED, Ray
from gonogo import above, at_least, containing, each, expect, one_of, something

SUM_OF_SQUARES = """
import ray
ray.init(log_to_driver=False)
@ray.remote(num_cpus=0.25)
def square(n):
    return n * n
print("sum of squares", sum(ray.get([square.remote(n) for n in range(4)])))
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
@ray.remote(num_cpus=0.25, scheduling_strategy="SPREAD")
def guest(table):
    node = ray.get_runtime_context().get_node_id()
    for _ in range(300):
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
    expect(ray.answers(), something(), cause="ray.answer_garbled")


@pytest.mark.criterion("ray.nodes")
def test_nodes_are_as_expected(ray: Ray) -> None:
    """Ray has the workers and CPUs that it should have; every node answers, and none ended unexpectedly."""
    ray.has_its_nodes()


@pytest.mark.criterion("ray.job")
@pytest.mark.writes
def test_job_computes(ray: Ray) -> None:
    """A job submitted over REST computes with remote tasks, succeeds, and its log holds the right result."""
    with ray.job(SUM_OF_SQUARES) as job:
        end = ray.end(job)

    expect(end.status, one_of(*ENDED), cause="ray.job_unfinished", message=end.message)
    expect((end.status, end.exit_code), ("SUCCEEDED", 0), cause="ray.job_failed", message=str(end))
    expect(end.logs, containing("sum of squares 14"), cause="ray.job_result_wrong")


@pytest.mark.criterion("ray.failing_job")
@pytest.mark.writes
def test_failing_job_says_so(ray: Ray) -> None:
    """A job whose task raises an error ends as FAILED, and its message names the error."""
    with ray.job(DIVIDES_BY_ZERO) as job:
        end = ray.end(job)

    expect(end.status, one_of(*ENDED), cause="ray.job_unfinished", message=end.message)
    expect(end.status, "FAILED", cause="ray.failure_hidden")
    expect(end.message, containing("ZeroDivisionError"), cause="ray.failure_hidden")


@pytest.mark.criterion("ray.two_nodes")
@pytest.mark.writes
def test_tasks_run_on_two_nodes(ray: Ray) -> None:
    """Tasks that are to be spread run on two nodes of the cluster at the same time."""
    known = {n.id for n in ray.nodes()}

    with ray.job(MEETS_ON_TWO_NODES) as job:
        end = ray.end(job)
        known |= {n.id for n in ray.nodes()}

    ran_on = set(end.logs.rpartition("nodes:")[2].split())
    expect(end.status, one_of(*ENDED), cause="ray.job_unfinished", message=end.message)
    expect(end.status, "SUCCEEDED", cause="ray.job_failed", message=str(end))
    expect(len(ran_on & known), at_least(2, "nodes"), cause="ray.tasks_on_one_node")


@pytest.mark.criterion("ray.authentication")
def test_unauthenticated_access_is_refused(ray: Ray) -> None:
    """Ray's Jobs interface, which runs any program, refuses a request without a token and one with a wrong one."""
    expect(ray.without_credentials(), each(at_least(400)), cause="ray.unauthenticated_access", message="HTTP status")


@pytest.mark.criterion("ray.dashboard")
def test_dashboard_opens(ray: Ray) -> None:
    """Ray's dashboard page opens."""
    expect(ray.page_title(), "Ray Dashboard", cause="ray.dashboard_missing")


@pytest.mark.criterion("ray.autoscaling")
@pytest.mark.disrupts
def test_workers_follow_the_demand(ray: Ray) -> None:
    """Tasks that find no CPU bring workers up to the maximum, and idleness takes them down to the minimum."""
    few, most = ray.expect["workers"], ray.expect["max_workers"]
    up_within, down_within = ray.expect["scale_up_seconds"], ray.expect["scale_down_seconds"]
    expect(most, above(few, "workers"), cause="ray.autoscaling_off", message="the maximum")

    with ray.job(ray.hold(ray.cpus_at_most())):
        came = ray.workers_come_to(most, up_within)
    stayed = ray.workers_come_to(few, down_within)

    expect(came, most, cause="ray.not_scaled_up", message=f"workers within {up_within} s")
    expect(stayed, few, cause="ray.not_scaled_down", message=f"workers within {down_within} s of idleness")
