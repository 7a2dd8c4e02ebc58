"""Rules over what is there: nodes, clocks, certificates, webhooks, namespaces, releases, budgets."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from gonogo.checks import expiry
from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.preflight import Line, counted
from gonogo.core.times import moment

RENEWED = 10.0
"""Seconds between two renewals of a node's Lease (kubelet, nodeLeaseDurationSeconds of 40, a quarter of it)."""

BACK = 3
"""Minor releases that a kubelet may be behind its API server (kubernetes.io/releases/version-skew-policy)."""

_VERSION = re.compile(r"v?(\d+)\.(\d+)")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
SERVICE_NAME = "kubernetes.io/service-name"


def nodes(every: Iterable[Object]) -> Line:
    """No node is cordoned, not ready, or short of memory, disk or process numbers."""
    every, faults = list(every), []
    for node in every:
        name, conditions = node["metadata"]["name"], node.get("status", {}).get("conditions") or ()
        states = {one.get("type"): one.get("status") for one in conditions}
        if node.get("spec", {}).get("unschedulable"):
            faults.append(f"node {name} is cordoned")
        if states.get("Ready") != "True":
            faults.append(f"node {name} is not ready")
        pressed = [kind for kind, status in states.items() if kind != "Ready" and status == "True"]
        faults += [f"node {name} has {kind}" for kind in pressed]
    unknown = () if every else ("the cluster shows no node",)
    return Line(
        observed=counted(len(every), "node"),
        threshold="each ready, schedulable and without pressure",
        source="conditions and spec.unschedulable of the nodes",
        faults=tuple(faults),
        unknown=unknown,
    )


def clocks(leases: Iterable[Object], every: Iterable[Object], now: datetime, apart: float) -> Line:
    """Nodes' clocks are close to the API server's: a Lease is renewed with the time of its kubelet.

    ``now`` is the API server's ``Date``, ``apart`` the seconds that are allowed beyond the pause between two renewals.
    """
    renewed = {one["metadata"]["name"]: moment(str(one.get("spec", {}).get("renewTime", ""))) for one in leases}
    faults, unknown, told = [], [], []
    for node in every:
        name, when = node["metadata"]["name"], renewed.get(node["metadata"]["name"])
        if when is None:
            unknown.append(f"node {name} has no Lease that says when it was renewed")
            continue
        behind = (now - when).total_seconds()
        told.append(f"{name} {behind:.0f} s ago")
        if behind < -apart - 1:  # the Date has no fraction
            faults.append(f"the clock of node {name} is {-behind:.0f} s ahead of the API server's")
        elif behind > RENEWED + apart:
            faults.append(f"node {name} renewed its Lease {behind:.0f} s ago by its own clock: behind, or silent")
    return Line(
        observed=f"Leases renewed: {', '.join(told[:8]) or 'none'}",
        threshold=f"at most {RENEWED + apart:.0f} s ago, and at most {apart:.0f} s in the future",
        source="renewTime of the Leases in kube-node-lease; Date of the API server",
        confidence="medium",
        faults=tuple(faults),
        unknown=tuple(unknown),
    )


def skew(every: Iterable[Object], server: str) -> Line:
    """No kubelet is newer than the API server, or more than three minor releases older."""
    own, faults, told, unknown = _version(server), [], set[str](), []
    for node in every:
        name, said = node["metadata"]["name"], str(node.get("status", {}).get("nodeInfo", {}).get("kubeletVersion", ""))
        there = _version(said)
        if own is None or there is None:
            unknown.append(f"node {name}: kubelet {said or 'of no version'}, API server {server}")
            continue
        told.add(said)
        if there > own:
            faults.append(f"the kubelet of node {name} ({said}) is newer than the API server ({server})")
        elif there[0] != own[0] or own[1] - there[1] > BACK:
            faults.append(f"the kubelet of node {name} ({said}) is too old for the API server ({server})")
    return Line(
        observed=f"API server {server}, kubelets {', '.join(sorted(told)) or 'none'}",
        threshold=f"kubelets as new as the API server, or up to {BACK} minor releases older",
        source="/version of the API server; nodeInfo of the nodes; Kubernetes' version skew policy",
        faults=tuple(faults),
        unknown=tuple(unknown),
    )


def minor(server: str) -> int:
    """The minor release of an API server's version; 0 where it says none."""
    found = _version(server)
    return found[1] if found else 0


def _version(release: str) -> tuple[int, int] | None:
    found = _VERSION.match(release)
    return (int(found[1]), int(found[2])) if found else None


# -- trust


def bundles(configurations: Iterable[Object]) -> Iterator[tuple[str, str]]:
    """Where each caBundle stands, and the bundle, of webhooks, aggregated APIs and definitions."""
    for one in configurations:
        name, spec = f"{one.get('kind', '')} {one['metadata']['name']}", one.get("spec", {})
        for hook in one.get("webhooks") or ():
            yield f"{name}, webhook {hook.get('name', '')}", (hook.get("clientConfig") or {}).get("caBundle", "")
        if "caBundle" in spec:
            yield name, spec["caBundle"]
        conversion = ((spec.get("conversion") or {}).get("webhook") or {}).get("clientConfig") or {}
        yield f"{name}, conversion", conversion.get("caBundle", "")


def certificates(
    trusted: Iterable[tuple[str, str]], ends: Iterable[tuple[str, datetime | None]], now: datetime, days: float
) -> Line:
    """Nothing that is trusted or shown expires within so many days; of a bundle the certificate that holds longest.

    ``trusted`` are bundles by where they stand, ``ends`` the ends of certificates that others told.
    """
    found: dict[str, datetime | None] = dict(ends)
    for where, bundle in trusted:
        if bundle:
            found[where] = _longest(bundle)
    faults, unknown = [], []
    for where, end in sorted(found.items()):
        if end is None:
            unknown.append(f"{where}: no certificate whose end can be read")
        elif end - now < timedelta(days=days):
            left = (end - now).total_seconds() / 86_400
            faults.append(
                f"{where} expires in {left:.1f} days" if left > 0 else f"{where} expired {-left:.1f} days ago"
            )
    first = min((end for end in found.values() if end is not None), default=None)
    told = f", the first ends {first:%Y-%m-%d %H:%M} UTC" if first else ""
    return Line(
        observed=f"{counted(len(found), 'certificate or bundle', 'certificates and bundles')}{told}",
        threshold=f"none expires within {days:g} days",
        source="the API server's port; caBundles of webhooks, APIServices and definitions; status of Certificates",
        confidence="medium",
        faults=tuple(faults),
        unknown=tuple(unknown),
    )


def _longest(bundle: str) -> datetime | None:
    try:
        pem = base64.b64decode(bundle, validate=True).decode("ascii", "replace")
    except (ValueError, binascii.Error):
        return None
    return max((end for one in _PEM.findall(pem) if (end := expiry.of_certificate(one))), default=None)


def webhooks(configurations: Iterable[Object], services: Iterable[Object], slices: Iterable[Object]) -> Line:
    """Every Service that a webhook, an aggregated API or a conversion calls is there, with a ready endpoint."""
    there = {(one["metadata"].get("namespace", ""), one["metadata"]["name"]) for one in services}
    ready = {
        (one["metadata"].get("namespace", ""), (one["metadata"].get("labels") or {}).get(SERVICE_NAME, ""))
        for one in slices
        for endpoint in one.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") is not False
    }
    faults, ignored, asked = [], 0, 0
    for where, service, fails in _called(configurations):
        asked += 1
        place = service.get("namespace", ""), service.get("name", "")
        what = "does not exist" if place not in there else "has no ready endpoint" if place not in ready else ""
        if what and fails:
            faults.append(f"{where} calls Service {place[0]}/{place[1]}, which {what}")
        elif what:
            ignored += 1
    told = f", {ignored} without one whose failures are ignored" if ignored else ""
    return Line(
        observed=f"{counted(asked, 'webhook or API', 'webhooks and APIs')} behind Services{told}",
        threshold="a ready endpoint behind each whose failure refuses requests",
        source="webhook configurations, APIServices and definitions; EndpointSlices",
        faults=tuple(faults),
    )


def called_services(configurations: Iterable[Object]) -> Iterator[Mapping[str, Any]]:
    """The Services that the API server calls."""
    return (service for _, service, _ in _called(configurations))


def _called(configurations: Iterable[Object]) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    for one in configurations:
        name, spec = f"{one.get('kind', '')} {one['metadata']['name']}", one.get("spec", {})
        for hook in one.get("webhooks") or ():
            if service := (hook.get("clientConfig") or {}).get("service"):
                yield f"{name}, webhook {hook.get('name', '')},", service, hook.get("failurePolicy", "Fail") == "Fail"
        if service := spec.get("service"):
            yield name, service, True
        conversion = (spec.get("conversion") or {}).get("webhook") or {}
        if service := (conversion.get("clientConfig") or {}).get("service"):
            yield f"{name}, conversion,", service, True


# -- in the way


def namespaces(wanted: Iterable[str], there: Mapping[str, Object], *, made: bool) -> Line:
    """No namespace that is deployed to is on its way out; ``made``: one that is not there is made."""
    names, faults = sorted(set(wanted)), []
    for name in names:
        one = there.get(name)
        if one is None and not made:
            faults.append(f"there is no namespace {name}")
        elif one is not None and one.get("status", {}).get("phase", "Active") != "Active":
            held = [c.get("message", "") for c in one["status"].get("conditions") or () if c.get("status") == "True"]
            faults.append(f"namespace {name} is {one['status']['phase']}" + (f": {held[-1]}" if held else ""))
    return Line(
        observed=f"{sum(name in there for name in names)} of {len(names)} namespaces are there",
        threshold="none is Terminating" if made else "each is there and Active",
        source="namespaces of the plan and of [kubernetes]",
        faults=tuple(faults),
        unknown=() if names else ("the target file names no namespace",),
    )


def releases(secrets: Iterable[tuple[str, Mapping[str, Any]]]) -> Line:
    """No helm release is in the midst of a change: helm refuses the next one.

    ``secrets`` are namespaces and metadata of Secrets that are labelled ``owner=helm``.
    """
    newest: dict[tuple[str, str], tuple[int, str]] = {}
    for space, meta in secrets:
        labels = meta.get("labels") or {}
        number = int(labels.get("version", 0)) if str(labels.get("version", "")).isdigit() else 0
        key = space, str(labels.get("name", ""))
        newest[key] = max(newest.get(key, (-1, "")), (number, str(labels.get("status", ""))))
    faults = [
        f"release {space}/{name} is {status} since revision {number}"
        for (space, name), (number, status) in sorted(newest.items())
        if status.startswith("pending") or status == "uninstalling"
    ]
    failed = sorted(f"{space}/{name}" for (space, name), (_, status) in newest.items() if status == "failed")
    told = f", failed: {', '.join(failed)}" if failed else ""
    return Line(
        observed=f"{counted(len(newest), 'helm release')}{told}",
        threshold="none pending",
        source="labels of helm's Secrets",
        faults=tuple(faults),
    )


def drains(budgets: Iterable[Object]) -> Line:
    """A PodDisruptionBudget that allows no disruption holds up whoever drains a node."""
    every, faults = list(budgets), []
    for one in every:
        status, name = one.get("status", {}), f"{one['metadata'].get('namespace', '')}/{one['metadata']['name']}"
        if status.get("expectedPods", 0) > 0 and status.get("disruptionsAllowed", 0) == 0:
            faults.append(
                f"budget {name} allows no disruption: {status.get('currentHealthy', 0)} of "
                f"{status.get('expectedPods', 0)} pods healthy, {status.get('desiredHealthy', 0)} needed"
            )
    return Line(
        observed=counted(len(every), "budget"),
        threshold="each allows a disruption",
        source="status of the PodDisruptionBudgets",
        faults=tuple(faults),
    )
