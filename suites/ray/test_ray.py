"""Ray: jobs compute on the nodes that the cluster should have, and its workers follow the demand."""

from __future__ import annotations

import pytest

from fixtures.ray import ENDED, Ray
from gonogo import above, at_least, at_most, containing, each, expect, nothing, one_of, something

SUM_OF_SQUARES = """
import ray
ray.init(log_to_driver=False)
@ray.remote
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


@pytest.mark.criterion("ray.agents")
def test_every_agent_answers(ray: Ray) -> None:
    """On every node that is alive the dashboard agent answers, which takes jobs and hands out logs."""
    silent, left = ray.silent_agents()

    expect(silent, {}, cause="ray.agent_hung", message=f"agents that do not answer ({left} not asked)")


@pytest.mark.criterion("ray.autoscaler")
def test_autoscaler_reports(ray: Ray) -> None:
    """The autoscaler reports, without an error, and its provider gives the nodes that it asks for."""
    ray.has_its_autoscaler()


@pytest.mark.criterion("ray.demands")
def test_demands_can_be_met(ray: Ray) -> None:
    """No running job waits for a node larger than any that there is or comes."""
    expect(ray.infeasible(), nothing(), cause="ray.demand_infeasible", message="what waits for a node that none is")


@pytest.mark.criterion("ray.jobs")
def test_jobs_of_others_are_not_lost(ray: Ray) -> None:
    """No job waits to be started for longer than a small one takes, and Ray itself lost no series of jobs."""
    stuck, lost = ray.stuck(), ray.broken_off()

    expect(stuck, nothing(), cause="ray.job_unfinished", message="jobs that wait to be started")
    expect(len(lost), at_most(ray.expect["lost_jobs"]), cause="ray.jobs_lost", message=f"jobs that Ray lost: {lost}")


@pytest.mark.criterion("ray.room")
def test_nodes_have_room(ray: Ray) -> None:
    """No node's memory, disk or object store is near what Ray stops tasks and objects at."""
    ray.has_room()


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


@pytest.mark.criterion("ray.scalable")
@pytest.mark.needs("kubernetes")
def test_what_is_to_scale_can(ray: Ray) -> None:
    """A RayCluster with a range has an autoscaler beside its head, with its rights and the CPUs of each group."""
    seen = ray.unable_to_scale()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="cannot scale")


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
