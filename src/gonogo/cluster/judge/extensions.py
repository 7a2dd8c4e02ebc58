"""What extends the API server: definitions, aggregated APIs, webhooks. Each stands on a Service of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gonogo.cluster.judge.doom import doom, kubectl, recovering, typed
from gonogo.cluster.judge.endpoints import ready_endpoints
from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.verdict import READY, Judgement, State, short
from gonogo.cluster.judge.world import World, condition
from gonogo.results.model import Reference


def definition(world: World, obj: Object) -> Judgement:
    """A CustomResourceDefinition: its names accepted, established, and its conversion webhook answering."""
    taken = condition(obj, "NamesAccepted")
    if taken.get("status") == "False":
        waited = world.since(taken.get("lastTransitionTime", ""))
        return doom("NamesTaken", taken.get("message", ""), waited=waited, command=kubectl(obj))
    if condition(obj, "Established").get("status") != "True":
        text = condition(obj, "Established").get("message") or "the API server does not serve it yet"
        return Judgement(State.PROGRESSING, "NotEstablished", short(text), kubectl(obj))
    conversion = obj.get("spec", {}).get("conversion", {})
    if conversion.get("strategy") == "Webhook":
        config = conversion.get("webhook", {}).get("clientConfig", {})
        return _client(world, obj, config, "its conversion webhook") or READY
    return READY


def api_service(world: World, obj: Object) -> Judgement:
    """An APIService: available, as the aggregation layer says; a local one always is."""
    found = condition(obj, "Available")
    if found.get("status") == "True":
        return READY
    if found.get("status") == "False":
        service = obj.get("spec", {}).get("service", {})
        cause = _service(service) if service else None
        text = f"{found.get('reason', '')}: {found.get('message', '')}"
        waited = world.since(found.get("lastTransitionTime", ""))
        return doom("APIUnavailable", text, waited=waited, command=kubectl(obj), cause=cause)
    return Judgement(State.PROGRESSING, "NotObserved", "the API server has not asked it yet", kubectl(obj))


def _service(told: Mapping[str, Any]) -> Reference:
    return Reference(kind="Service", namespace=told.get("namespace", ""), name=told.get("name", ""))


def webhooks(world: World, obj: Object) -> Judgement:
    """A webhook configuration: the Services that it calls have ready endpoints.

    Where all that are down may be ignored (``failurePolicy: Ignore``), nothing is refused, so that it recovers.
    """
    ignored = None
    for hook in obj.get("webhooks", ()):
        verdict = _client(world, obj, hook.get("clientConfig", {}), f"webhook {hook.get('name', '')}")
        if verdict is None:
            continue
        if hook.get("failurePolicy", "Fail") == "Fail":
            return verdict
        ignored = ignored or recovering(verdict, "its failures are ignored")
    return ignored or READY


def _client(world: World, obj: Object, config: Mapping[str, Any], what: str) -> Judgement | None:
    """The verdict on what the API server calls for ``what``; None where it can be called, or where nobody knows."""
    if not config.get("service"):
        return None
    cause = _service(config["service"])
    space, name, command = cause.namespace, cause.name, typed(cause.namespace, "get", "service,pods,endpointslices")
    target = world.get("Service", space, name)
    if target is None:
        if not world.absent("Service", space, name):
            return None
        text = f"{what} calls {cause}, which does not exist"
        return doom("WebhookUnready", text, waited=world.age(obj), command=command, cause=cause)
    if ready_endpoints(world, target) == 0:
        text = f"{what} calls {cause}, which has no ready endpoint"
        return doom("WebhookUnready", text, waited=world.age(obj), command=command, cause=cause)
    if not config.get("caBundle"):
        text = f"{what} has no caBundle, so that the API server trusts nobody there"
        return doom("CABundleMissing", text, waited=world.age(obj), command=kubectl(obj))
    return None
