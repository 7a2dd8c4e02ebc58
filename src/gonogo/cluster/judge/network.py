"""Services and Ingresses: whether somebody stands behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gonogo.cluster.judge.doom import RULES, doom, kubectl, typed
from gonogo.cluster.judge.endpoints import SERVICE_NAME, makers, ready_endpoints, selected
from gonogo.cluster.judge.pods import pod as judged
from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.verdict import READY, Judgement, State, short
from gonogo.cluster.judge.workloads import worst
from gonogo.cluster.judge.world import World, condition, controller, named, reference, said
from gonogo.results.model import Reference

BALANCER_PENDING = "LoadBalancerPending"
"""Nobody gave the Service an address yet: where no controller does, nobody ever will."""


def service(world: World, obj: Object) -> Judgement:
    """A Service: ready where an endpoint is; one without a selector is filled by somebody else."""
    spec = obj.get("spec", {})
    if spec.get("type") == "ExternalName":
        return READY
    selector = spec.get("selector")
    if selector:
        verdict = _behind(world, obj, {"matchLabels": selector})
        if verdict.state not in (State.READY, State.UNKNOWN):
            return verdict
    elif ready_endpoints(world, obj) == 0 and spec.get("clusterIP") != "None":
        verdict = Judgement(
            State.READY, "NoEndpoints", "it has no selector, and nobody has given it endpoints", kubectl(obj)
        )
    else:
        verdict = READY
    if spec.get("type") == "LoadBalancer" and not obj.get("status", {}).get("loadBalancer", {}).get("ingress"):
        return _load_balancer(world, obj, inside=verdict.state is State.READY)
    return verdict


def endpoint_slice(world: World, obj: Object) -> Judgement:
    """An EndpointSlice: ready where one of its endpoints is (absent means ready), else as its Service is."""
    endpoints = obj.get("endpoints", ())
    if any(one.get("conditions", {}).get("ready", True) for one in endpoints):
        return READY
    meta = obj["metadata"]
    owner = world.get("Service", meta.get("namespace", ""), meta.get("labels", {}).get(SERVICE_NAME, ""))
    if owner is not None and (verdict := service(world, owner)).state is not State.READY:
        return verdict._replace(cause=verdict.cause or reference(owner))
    if owner is not None and not endpoints:
        return READY
    text = f"none of its {len(endpoints)} endpoints is ready" if endpoints else "it lists no endpoint"
    return Judgement(State.PROGRESSING, "NoEndpoints", text, kubectl(obj))


def _behind(world: World, obj: Object, selector: dict[str, dict[str, str]]) -> Judgement:
    space = obj["metadata"].get("namespace", "")
    pods = list(selected(world, space, selector))
    if (missing := _port_missing(obj, pods)) and len(pods) > 0:
        return doom("TargetPortMissing", missing, waited=world.age(obj), command=kubectl(obj), cause=reference(obj))
    ready = ready_endpoints(world, obj)
    if ready:
        return READY
    if pods:
        if obj.get("spec", {}).get("publishNotReadyAddresses"):
            return READY
        serving = [pod for pod in pods if condition(pod, "Ready").get("status") == "True"]
        if serving:
            text = f"{len(serving)} of its {len(pods)} pods are ready, and none is among its endpoints"
            return Judgement(State.PROGRESSING, "NoEndpoints", text, kubectl(obj))
        why = worst(judged(world, pod) for pod in pods)
        seen = f"none of its {len(pods)} pods is ready"
        if why is not None and why.reason in RULES:
            return why._replace(message=short(f"{seen}: {why.message}", 600))
        return Judgement(State.PROGRESSING, "NoEndpoints", seen, kubectl(obj), why.cause if why else None)
    if not world.knows_all("Pod", space):
        if ready is None:
            text = "neither its pods nor its endpoints are known here"
            return Judgement(State.UNKNOWN, "EndpointsUnknown", text, kubectl(obj))
        return Judgement(State.PROGRESSING, "NoEndpoints", "it has no ready endpoint", kubectl(obj))
    return _selects_nothing(world, obj, selector)


def _selects_nothing(world: World, obj: Object, selector: dict[str, dict[str, str]]) -> Judgement:
    space, labels = obj["metadata"].get("namespace", ""), selector["matchLabels"]
    wanted = ",".join(f"{key}={value}" for key, value in labels.items())
    for maker in makers(world, space, selector):
        if maker.get("spec", {}).get("replicas", 1) == 0:
            text = f"{named(maker)} makes its pods, and 0 of them are desired"
            return Judgement(State.SUSPENDED, "ScaledToZero", text, kubectl(maker), reference(maker))
        text = f"{named(maker)} should make its pods and has not yet"
        return Judgement(State.PROGRESSING, "NoPods", text, kubectl(maker), reference(maker))
    if controller(obj) is not None:
        # Operators select by labels that they set later, or never, as for the replicas of a single instance.
        return Judgement(State.READY, "SelectsNothing", f"no pod has {wanted}; its owner decides", kubectl(obj))
    near = _nearest(world, space, labels)
    return doom(
        "SelectorMatchesNothing",
        f"no pod has {wanted}" + (f"; nearest: {near}" if near else ""),
        waited=world.age(obj),
        command=typed(space, "get", "pods", "--show-labels"),
        cause=reference(obj),
    )


def _nearest(world: World, space: str, wanted: dict[str, str]) -> str:
    """The pod that lacks fewest of the desired labels, and which."""
    best, lacks = "", len(wanted)
    for pod in selected(world, space, {}):
        labels = pod["metadata"].get("labels", {})
        off = {key: labels.get(key) for key, value in wanted.items() if labels.get(key) != value}
        if len(off) < lacks or (len(wanted) == 1 and off and not best and None not in off.values()):
            shown = ", ".join(f"{key}={value}" if value is not None else f"no {key}" for key, value in off.items())
            best, lacks = f"{named(pod)} has {shown}", len(off)
    return best


def _port_missing(obj: Object, pods: list[Object]) -> str:
    """The named port of a Service that no container of its pods declares."""
    declared = {
        port.get("name")
        for pod in pods
        for container in (*pod.get("spec", {}).get("initContainers", ()), *pod.get("spec", {}).get("containers", ()))
        for port in container.get("ports", ())
    }
    for port in obj.get("spec", {}).get("ports", ()):
        target = port.get("targetPort")
        if isinstance(target, str) and not target.isdecimal() and target not in declared:
            has = ", ".join(sorted(name for name in declared if name)) or "none with a name"
            return f"port {port.get('port', '')} goes to {target}, and its pods declare {has}"
    return ""


def _load_balancer(world: World, obj: Object, *, inside: bool) -> Judgement:
    events = world.events(obj, "SyncLoadBalancerFailed", "AllocationFailed")
    if events:
        waited = world.since(events[0].get("firstTimestamp", ""))
        return doom("LoadBalancerFailed", said(events[-1]), waited=waited, command=kubectl(obj), cause=reference(obj))
    text = "it waits for the address of its load balancer" + ("; inside the cluster it answers" if inside else "")
    hint = f"Look whether the cluster has a load balancer controller: {kubectl(obj)}"
    return Judgement(State.PROGRESSING, BALANCER_PENDING, text, hint)


def ingress(world: World, obj: Object) -> Judgement:
    """An Ingress: its class and Services are there, they have endpoints, and its controller gave it an address."""
    spec, space = obj.get("spec", {}), obj["metadata"].get("namespace", "")
    kind = spec.get("ingressClassName", "")
    if kind and world.absent("IngressClass", "", kind):
        text = f"there is no ingress class {kind}"
        command, cause = "kubectl get ingressclass", Reference(kind="IngressClass", name=kind)
        return doom("IngressClassMissing", text, waited=world.age(obj), command=command, cause=cause)
    for name, port in _backends(obj):
        if world.absent("Service", space, name):
            text, command = f"there is no Service {space}/{name}", typed(space, "get", "services")
            cause = Reference(kind="Service", namespace=space, name=name)
            return doom("BackendMissing", text, waited=world.age(obj), command=command, cause=cause)
        backend = world.get("Service", space, name)
        if backend is not None and (text := _no_port(backend, port)):
            return doom(
                "BackendMissing", text, waited=world.age(obj), command=kubectl(backend), cause=reference(backend)
            )
        if backend is not None:
            verdict = service(world, backend)
            if verdict.state in (State.FAILED, State.SUSPENDED):
                return verdict._replace(
                    message=short(f"Service {name}: {verdict.message}", 600), cause=verdict.cause or reference(backend)
                )
    if obj.get("status", {}).get("loadBalancer", {}).get("ingress"):
        return READY
    text = "its controller has not given it an address; some controllers never do"
    return Judgement(State.PROGRESSING, "AddressPending", text, kubectl(obj))


def _backends(obj: Object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and port of each Service that an Ingress sends to."""
    spec = obj.get("spec", {})
    backends = [spec.get("defaultBackend", {})]
    backends += [
        path.get("backend", {}) for rule in spec.get("rules", ()) for path in rule.get("http", {}).get("paths", ())
    ]
    for backend in backends:
        if name := backend.get("service", {}).get("name"):
            yield name, backend["service"].get("port", {})


def _no_port(service: Object, port: Mapping[str, Any]) -> str:
    """That a Service lacks the port that is asked of it; empty where it has it."""
    ports = service.get("spec", {}).get("ports", ())
    wanted = port.get("name") or port.get("number")
    if wanted is None or any(wanted in (p.get("name"), p.get("port")) for p in ports):
        return ""
    has = ", ".join(str(p.get("port", "")) for p in ports) or "none"
    return f"{named(service)} has no port {wanted}, its ports: {has}"
