"""Objects to the pods and claims that their controllers make of them: a pure function per kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from gonogo.cluster.judge.shapes import BUILT_IN, Object, known_as, plain
from gonogo.cluster.plan import operators, workloads
from gonogo.cluster.plan.demand import Beside, Demand, Expander, Found, PlannedClaim, PlannedPod, Untold
from gonogo.cluster.plan.workloads import INSTALLS, hooks

EXPANDERS: Mapping[str, Expander] = {**workloads.KINDS, **operators.EXPANDERS}
"""By kind, as a world knows it."""

PODLESS = frozenset(
    {
        "AppProject.argoproj.io",
        "Certificate.cert-manager.io",
        "ClusterIssuer.cert-manager.io",
        "Issuer.cert-manager.io",
        "ClusterPolicy.kyverno.io",
        "Policy.kyverno.io",
        "ExternalSecret.external-secrets.io",
        "SealedSecret.bitnami.com",
        "PodMonitor.monitoring.coreos.com",
        "PrometheusRule.monitoring.coreos.com",
        "ServiceMonitor.monitoring.coreos.com",
        "GRPCRoute.gateway.networking.k8s.io",
        "HTTPRoute.gateway.networking.k8s.io",
        "TLSRoute.gateway.networking.k8s.io",
        "VolumeSnapshot.snapshot.storage.k8s.io",
        "VolumeSnapshotClass.snapshot.storage.k8s.io",
        "VolumeSnapshotContent.snapshot.storage.k8s.io",
        *operators.PODLESS,
    }
)
"""Custom kinds of which it is known that nobody makes pods for them."""


def expand(objects: Iterable[Object], namespace: str, nodes: Sequence[Object] | None = None) -> Demand:
    """What is made of objects that belong together; ``namespace`` is that of those that name none.

    Hooks of other occasions than an installation make nothing. What is of a kind without a function here, unless it is
    known to make no pods, is :class:`Untold`, as is what does not fit its kind.
    """
    every = [plain(one) for one in objects]
    beside = Beside(namespace, every, nodes)
    return _summed(made for one in every for made in _made(one, beside))


def each(objects: Iterable[Object], namespace: str) -> list[Demand]:
    """The same, a demand for each of the objects, in their order."""
    every = [plain(one) for one in objects]
    beside = Beside(namespace, every)
    return [_summed(_made(one, beside)) for one in every]


def _summed(made: Iterable[Found]) -> Demand:
    found = [*made]
    return Demand(
        pods=tuple(one for one in found if isinstance(one, PlannedPod)),
        claims=tuple(one for one in found if isinstance(one, PlannedClaim)),
        untold=tuple(dict.fromkeys(one for one in found if isinstance(one, Untold))),
    )


def _made(obj: Object, beside: Beside) -> Iterator[Found]:
    asked = hooks(obj)
    if asked and not any(one in INSTALLS for one in asked):
        return
    kind = known_as(obj["apiVersion"], obj["kind"])
    expander = EXPANDERS.get(kind)
    if expander is None:
        if kind not in PODLESS and obj["apiVersion"].rpartition("/")[0] not in BUILT_IN:
            why = "nobody here knows what pods its operator makes of it"
            yield Untold(kind=kind, name=obj["metadata"]["name"], why=why)
        return
    try:
        yield from list(expander(obj, beside))
    except (TypeError, AttributeError, KeyError, ValueError) as fault:
        why = f"it does not fit its kind: {type(fault).__name__} {fault}"
        yield Untold(kind=kind, name=obj["metadata"]["name"], why=why)
