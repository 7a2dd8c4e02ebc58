"""Controllers of pods: whether the desired pods are there, and which of their pods stands in the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gonogo.cluster.judge.containers import lasted, outlived, part
from gonogo.cluster.judge.doom import NEEDS, RULES, TERMINATIONS, doom, kubectl, recovering, typed
from gonogo.cluster.judge.endpoints import selected
from gonogo.cluster.judge.needs import WAITS, unready
from gonogo.cluster.judge.pods import last_lines, why_ended
from gonogo.cluster.judge.pods import pod as judged
from gonogo.cluster.judge.refusals import refused
from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.verdict import READY, Judgement, State, short
from gonogo.cluster.judge.world import World, condition, instant, named, reference, said

REVISION = "deployment.kubernetes.io/revision"
"""The annotation by which the newest ReplicaSet of a Deployment is known: the Deployment has that one's."""

GENERATION, OF_GENERATION = "deprecated.daemonset.template.generation", "pod-template-generation"
"""The annotation of a DaemonSet, and the label of its pods (kubernetes, pkg/controller/daemon/util)."""


def deployment(world: World, obj: Object) -> Judgement:
    """A Deployment, as ``kubectl rollout status`` reads it: the newest template everywhere, and all of it available."""
    spec, status = obj.get("spec", {}), obj.get("status", {})
    desired = spec.get("replicas", 1)
    if spec.get("paused"):
        return Judgement(State.SUSPENDED, "Paused", "its rollout is paused", _resume(obj))
    if (early := _not_observed(obj)) is not None:
        return early
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if desired == 0 and not status.get("replicas", 0):
        return scaled_to_zero(obj)
    if updated >= desired and available >= updated and status.get("replicas", 0) <= updated:
        return READY
    if available < desired:
        seen = f"{available} of {desired} available"
    elif updated < desired:
        seen = f"{updated} of {desired} have the newest template"
    else:
        seen = f"{status.get('replicas', 0) - updated} of the older template are still there"
    late = condition(obj, "Progressing")
    if late.get("reason") == "ProgressDeadlineExceeded":
        text = f"{seen}: {late.get('message', '')}"
        return _explained(world, obj, seen, doom("ProgressDeadlineExceeded", text, waited=None, command=kubectl(obj)))
    return _explained(world, obj, seen, Judgement(State.PROGRESSING, "Unavailable", seen, kubectl(obj)))


def replica_set(world: World, obj: Object) -> Judgement:
    """A ReplicaSet or ReplicationController: as many available pods as desired; of an old one are desired none."""
    spec, status = obj.get("spec", {}), obj.get("status", {})
    desired = spec.get("replicas", 1)
    if (early := _not_observed(obj)) is not None:
        return early
    available = status.get("availableReplicas", 0)
    if available >= desired and status.get("replicas", 0) <= desired:
        return READY
    seen = f"{available} of {desired} available"
    return _explained(world, obj, seen, Judgement(State.PROGRESSING, "Unavailable", seen, kubectl(obj)))


def stateful_set(world: World, obj: Object) -> Judgement:
    """A StatefulSet: all replicas ready, those from ``partition`` on of the newest template.

    With ``OnDelete`` nobody replaces pods of an older template until they are deleted by hand: ready all the same.
    """
    spec, status = obj.get("spec", {}), obj.get("status", {})
    desired, strategy = spec.get("replicas", 1), spec.get("updateStrategy", {})
    if (early := _not_observed(obj)) is not None:
        return early
    if desired == 0 and not status.get("replicas", 0):
        return scaled_to_zero(obj)
    ready = min(status.get("readyReplicas", 0), status.get("availableReplicas", desired))
    if ready < desired or status.get("replicas", 0) > desired:
        seen = f"{ready} of {desired} ready" if ready < desired else "replicas too many are still there"
        return _explained(world, obj, seen, Judgement(State.PROGRESSING, "Unavailable", seen, kubectl(obj)))
    updated = status.get("updatedReplicas", desired if not status.get("updateRevision") else 0)
    same = status.get("currentRevision") == status.get("updateRevision")
    if strategy.get("type") == "OnDelete":
        if same or updated >= desired:
            return READY
        return Judgement(
            State.READY, "OnDelete", f"{desired - updated} of {desired} keep the older template until deleted"
        )
    partition = strategy.get("rollingUpdate", {}).get("partition", 0)
    if same or updated >= desired - min(partition, desired):
        if partition and not same:
            return Judgement(
                State.READY, "Partitioned", f"the first {partition} keep the older template, as it asks for"
            )
        return READY
    seen = f"{updated} of {desired - min(partition, desired)} have the newest template"
    return _explained(world, obj, seen, Judgement(State.PROGRESSING, "RollingUpdate", seen, kubectl(obj)))


def daemon_set(world: World, obj: Object) -> Judgement:
    """A DaemonSet: an available pod of the newest template on every node that it means; it may mean none."""
    status = obj.get("status", {})
    if (early := _not_observed(obj)) is not None:
        return early
    desired = status.get("desiredNumberScheduled", 0)
    if desired == 0:
        return Judgement(State.READY, "NoNodeMeant", "no node is one that it means")
    updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    by_hand = obj.get("spec", {}).get("updateStrategy", {}).get("type") == "OnDelete"
    if available >= desired and (updated >= desired or by_hand):
        return READY
    seen = f"{available} of {desired} available"
    if available >= desired:
        seen = f"{updated} of {desired} have the newest template"
    return _explained(world, obj, seen, Judgement(State.PROGRESSING, "Unavailable", seen, kubectl(obj)))


def scaled_to_zero(obj: Object) -> Judgement:
    """A controller of which no pod is desired is not ill, and it is not health either."""
    command = kubectl(obj, "scale", "--replicas=1")
    return Judgement(State.SUSPENDED, "ScaledToZero", "0 replicas are desired", command)


# -- jobs


def job(world: World, obj: Object) -> Judgement:
    """A Job: complete, failed for a reason of its controller, suspended, or at work."""
    spec, status = obj.get("spec", {}), obj.get("status", {})
    for kind in ("Failed", "FailureTarget"):
        if condition(obj, kind).get("status") == "True":
            return _job_failed(
                world, obj, condition(obj, kind).get("reason", ""), condition(obj, kind).get("message", "")
            )
    for kind in ("Complete", "SuccessCriteriaMet"):
        if condition(obj, kind).get("status") == "True":
            return Judgement(State.READY, "Completed", f"{status.get('succeeded', 0)} succeeded")
    if spec.get("suspend"):
        return Judgement(State.SUSPENDED, "Suspended", "it is suspended", kubectl(obj))
    tries = f"{status.get('failed', 0)} tries failed, the limit is {spec.get('backoffLimit', 6)}; "
    seen = (
        (tries if status.get("failed") else "")
        + f"{status.get('succeeded', 0)} of {spec.get('completions', spec.get('parallelism', 1))} succeeded"
        + f", {status.get('active', 0)} at work"
    )
    found = _explained(world, obj, seen, Judgement(State.PROGRESSING, "Running", seen, kubectl(obj)))
    single = not status.get("succeeded") and spec.get("backoffLimitPerIndex") is None
    if single and found.state is not State.FAILED and found.reason not in RULES:
        return _tries(world, obj) or found
    return found


def _tries(world: World, obj: Object) -> Judgement | None:
    """What the last tries of a Job ended with, of which nothing has succeeded: as many alike are a crash loop."""
    ended = [pod for pod in world.children(obj, "Pod") if pod.get("status", {}).get("phase") == "Failed"]
    ends = [(pod, end) for pod in _newest_first(ended) if (end := why_ended(pod)).container]
    if not ends:
        return None
    (pod, last), status = ends[0], obj.get("status", {})
    failed = max(status.get("failed", 0), len(ended))  # its controller counts them later than they end
    seen = f"{failed} tries failed, the limit is {obj.get('spec', {}).get('backoffLimit', 6)}"
    again = f"{seen}; {status.get('active', 0)} at work: {last.text}"
    verdict = doom(last.reason, again, waited=None, command=kubectl(pod, "logs", "-c", last.container))
    verdict = verdict._replace(cause=part(pod, last.container), container=last.container, exit_code=last.code)
    log = last_lines(world, pod, last.container)
    verdict = verdict._replace(message=short(f"{again}{log}", 600))
    if (need := unready(world, pod)) is not None and (world.age(obj) or 0.0) < NEEDS:
        return recovering(verdict, f"{named(need)}, which it names, has no ready endpoint")
    alike = [end for _, end in ends[:TERMINATIONS] if (end.container, end.code) == (last.container, last.code)]
    if len(alike) < TERMINATIONS:
        return recovering(verdict, f"given up at {TERMINATIONS} ends alike")
    if any(_outlives(world, one, pod) for one in world.children(obj, "Pod")):
        return recovering(verdict, "the try at work has run for longer")
    return verdict


def _outlives(world: World, pod: Object, before: Object) -> bool:
    """Whether a pod runs for much longer now than a try before it did."""
    runs = (one.get("state", {}).get("running") for one in pod.get("status", {}).get("containerStatuses", ()))
    ran = max((world.since(one.get("startedAt", "")) or 0.0 for one in runs if one), default=None)
    ends = (one.get("state", {}).get("terminated") for one in before.get("status", {}).get("containerStatuses", ()))
    took = max((lasted(one) or 0.0 for one in ends if one), default=0.0)
    return ran is not None and outlived(ran, took)


def _job_failed(world: World, obj: Object, reason: str, text: str) -> Judgement:
    word = reason if reason in RULES else "JobFailed"
    ended = [p for p in world.children(obj, "Pod") if p.get("status", {}).get("phase") == "Failed"]
    verdict = doom(word, f"{reason}: {text}" if text else reason, waited=None, command=kubectl(obj))
    if reason:
        verdict = verdict._replace(reason=reason)
    why = worst(judged(world, p) for p in _newest_first(ended))
    return verdict if why is None else _because(verdict, why)


def cron_job(world: World, obj: Object) -> Judgement:
    """A CronJob: suspended, scheduled, or failed as its last Job that is done did."""
    if obj.get("spec", {}).get("suspend"):
        return Judgement(State.SUSPENDED, "Suspended", "it is suspended", kubectl(obj))
    events = world.events(obj, "InvalidSchedule", "UnparseableSchedule", "UnknownTimeZone", "FailedNeedsStart")
    if events:
        return doom("ScheduleInvalid", said(events[-1]), waited=None, command=kubectl(obj))
    done = [j for j in world.children(obj, "Job") if _is_true(j, "Complete") or _is_true(j, "Failed")]
    well = instant(obj.get("status", {}).get("lastSuccessfulTime", ""))
    if done and _is_true(last := next(_newest_first(done)), "Failed") and not (well and _made(last) < well.timestamp()):
        failed = job(world, last)
        return failed._replace(message=short(f"its last Job failed: {failed.message}", 600), cause=reference(last))
    return READY


def _is_true(obj: Object, kind: str) -> bool:
    return condition(obj, kind).get("status") == "True"


# -- why


def pods_of(world: World, obj: Object) -> list[Object]:
    """The pods that decide on a controller: its own, those of a Deployment's newest ReplicaSet, or what it selects.

    Those of an older template that its controller replaces say nothing of the newest.
    """
    space = obj["metadata"].get("namespace", "")
    if obj["kind"] == "Deployment" and any(True for _ in world.children(obj, "ReplicaSet")):
        return [pod for newest in _sets(world, obj) for pod in world.children(newest, "Pod")]
    pods = list(world.children(obj, "Pod"))
    if obj["kind"] == "DaemonSet" and (newest := obj["metadata"].get("annotations", {}).get(GENERATION)):
        pods = [pod for pod in pods if pod["metadata"].get("labels", {}).get(OF_GENERATION, newest) == newest]
    if pods or obj["metadata"].get("uid"):
        return pods
    selector = obj.get("spec", {}).get("selector", {})
    return list(selected(world, space, selector)) if selector.get("matchLabels") else []


def worst(verdicts: Iterable[Judgement]) -> Judgement | None:
    """The one that tells most of those that are not ready: failed before unknown before named before nameless."""
    bad = [verdict for verdict in verdicts if verdict.state is not State.READY]
    return min(bad, key=lambda verdict: (verdict.state.severity, verdict.reason not in RULES), default=None)


def _explained(world: World, obj: Object, seen: str, verdict: Judgement) -> Judgement:
    """The controller's own verdict, or its worst pod's, or why it was refused to make one."""
    pods = pods_of(world, obj)
    why = worst(judged(world, pod) for pod in pods)
    refusal = refused(world, obj) or next(filter(None, (refused(world, s) for s in _sets(world, obj))), None)
    found = worst(v for v in (why, refusal) if v is not None)
    if found is None or (found.reason not in (*RULES, WAITS) and found.state is State.PROGRESSING):
        return verdict
    if found.reason not in RULES and any(pod.get("status", {}).get("phase") != "Failed" for pod in pods):
        found = recovering(found, "another pod takes its place")  # a node ended it, which may never happen again
    if found.state is State.UNKNOWN:
        found = found._replace(state=State.PROGRESSING)
    if verdict.state is State.FAILED:
        return _because(verdict, found)._replace(reason=found.reason)
    return found._replace(message=short(f"{seen}: {found.message}", 600))


def _because(verdict: Judgement, why: Judgement) -> Judgement:
    """A controller that gave up, with its pod's reason."""
    return verdict._replace(message=short(f"{verdict.message}; {why.told}", 600), hint=why.hint, cause=why.cause)


def _sets(world: World, obj: Object) -> Iterator[Object]:
    """The newest ReplicaSet of a Deployment, unless one is known to be newer that has not been seen yet."""
    if obj["kind"] == "Deployment":
        newest = sorted(world.children(obj, "ReplicaSet"), key=_revision, reverse=True)[:1]
        yield from (one for one in newest if _revision(one)[0] >= _revision(obj)[0])


def _revision(obj: Object) -> tuple[int, str]:
    told = obj["metadata"].get("annotations", {}).get(REVISION, "")
    return int(told) if told.isdecimal() else 0, obj["metadata"].get("creationTimestamp", "")


def _newest_first(objects: Iterable[Object]) -> Iterator[Object]:
    return iter(sorted(objects, key=_made, reverse=True))


def _made(obj: Object) -> float:
    then = instant(obj["metadata"].get("creationTimestamp", ""))
    return then.timestamp() if then else 0.0


def _not_observed(obj: Object) -> Judgement | None:
    """What the controller has not seen yet says nothing (API conventions, ``observedGeneration``)."""
    generation, observed = obj["metadata"].get("generation", 0), obj.get("status", {}).get("observedGeneration", 0)
    if observed >= generation:
        return None
    text = f"its controller has seen generation {observed}, not yet {generation}"
    return Judgement(State.PROGRESSING, "NotObserved", text, kubectl(obj))


def _resume(obj: Object) -> str:
    meta = obj["metadata"]
    return typed(meta.get("namespace", ""), "rollout", "resume", "deployment", meta["name"])
