"""Seven real servers, by the charts of ``tests/cluster/charts``: deployed by gonogo, then by helm alone."""

from __future__ import annotations

import base64
import json
import os
import re
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.children import GONOGO, Ended, run
from benchmarks.cluster import Lines, fresh, kubeconfig, program
from benchmarks.content import ROOT
from benchmarks.table import BenchmarkError, Row

if TYPE_CHECKING:
    from cluster.live import Cluster
    from relay import Asked

ROWS: Mapping[str, str] = {
    "helm-up": "`gonogo up` of seven: of its critical path, in no helm, no start and no wait for the cluster",
    "helm-again": "`gonogo up` of the same seven with nothing to do, best of 3",
    "helm-preflight": "`gonogo preflight` of those seven, over `gonogo plan` of them, best of 3 each",
    "helm-requests": "the most lists, or watches, of one kind in one namespace during that first `up`",
}
LONG = True

SEVEN = ("postgresql", "s3", "mlflow", "kafka", "neo4j", "elasticsearch", "ray")

EXPECTED = {"kafka": "voter_lag_seconds = 40", "elasticsearch": "data_nodes = 1", "ray": "workers = 1\nmax_workers = 1"}

NEEDS = {"mlflow": ("postgresql", "s3")}
"""What waits for what, as the components say; the others begin at once."""

APART = ("mlflow", "ray")
"""Those of the second namespace: a Secret of MLflow's has the name of one of the store's."""

SECOND = "-ml"

LONGEST = 480.0
"""Seconds that a peer may take for one chart, or ``up`` for all of them."""

SHIM = """#!/bin/sh
began=$(date +%s%N)
"{helm}" "$@"
code=$?
echo "$began $(date +%s%N) $*" >> "{log}"
exit $code
"""
"""A helm that writes down when it ran."""

OWN, THEIRS = "gonogo", "Helm"
"""How they call themselves to the API server."""


@dataclass
class Seen:
    """One ``up``: each component's phases with their instants, helm's runs, when it began and ended."""

    began: float
    ended: float = 0.0
    phases: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    helm: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    clock: list[float] = field(default_factory=list)

    @property
    def start(self) -> float:
        """The instant from which the verb itself counts: its libraries are loaded."""
        return min(self.clock)

    def at(self, component: str, phase: str) -> float:
        """When it came to this phase for the last time."""
        return max(instant for name, instant in self.phases[component] if name == phase)

    def path(self) -> list[str]:
        """The component that was ready last, and before it what it waited for longest."""
        last = max(SEVEN, key=lambda name: self.at(name, "ready"))
        path = [last]
        while needs := NEEDS.get(path[0]):
            path.insert(0, max(needs, key=lambda name: self.at(name, "ready")))
        return path

    def own(self) -> tuple[float, float]:
        """Seconds of the critical path, and those of them in which neither helm ran nor the cluster was waited for."""
        path = self.path()
        others = [run for name in path for run in self.helm.get(name, ())]
        others += [(self._waits(name), self.at(name, "ready")) for name in path]
        end = self.at(path[-1], "ready")
        own, until = 0.0, self.start
        for since, to in sorted(others):
            own += max(0.0, since - until)
            until = max(until, to)
        return end - self.start, own + max(0.0, end - until)

    def _waits(self, component: str) -> float:
        """Since when all of it is made, and waited for."""
        phases = [(name, instant) for name, instant in self.phases[component] if name != "ready"]
        made = max(i for i, (name, _) in enumerate(phases) if name != "waiting")
        return phases[made + 1][1]


def measure() -> Generator[Row]:
    """Up, up again, down; then the same charts by helm, in a namespace of their own."""
    from cluster.live import Cluster
    from relay import relaying

    cluster, helm = Cluster(kubeconfig()), program("helm")
    namespace = fresh("seven")
    with TemporaryDirectory() as place, relaying(kubeconfig(), Path(place)) as relay:
        folder = Path(place)
        through = relay.kubeconfig()
        direct = _target(folder / "straight", namespace, kubeconfig(), cluster)
        relayed = _target(folder / "counted", namespace, through, cluster)
        with _down(direct):
            seen = _up(relayed, folder, helm)
            asked = list(relay.requests)
            again = [run(*GONOGO, "up", *SEVEN, "--target", str(direct)) for _ in range(3)]
            given = _given(cluster, helm, namespace)
            preflight = _preflight(direct)
        relay.requests.clear()
        other = fresh("peer")
        with cluster.namespace(other), cluster.namespace(f"{other}{SECOND}"):
            installed, upgraded = _by_helm(cluster, helm, through, folder / "counted", other, given, namespace)
            theirs = [one for one in relay.requests if one.agent.startswith(THEIRS)]
    yield _share(seen, installed)
    best = min(again, key=lambda one: one.seconds)
    yield Row(
        "helm-again",
        figure=best.seconds,
        reach=2.0,
        beside={
            "the slowest of 3": max(one.seconds for one in again),
            "processor time of the best": best.cpu,
            "helm upgrade of each, one by one": upgraded,
        },
    )
    yield preflight
    yield _requests(asked, theirs)


def _target(folder: Path, namespace: str, config: Path, cluster: Cluster) -> Path:
    from cluster.charts import charts

    folder.mkdir()
    charts(folder)
    uid = (cluster.find("Namespace", "kube-system") or {})["metadata"]["uid"]
    spaces = ", ".join(f'{name} = "{_space(name, namespace)}"' for name in SEVEN)
    others = sorted({path.parent.name for path in ROOT.glob("deploy/*/helm.toml")} - {*SEVEN})
    text = f"""
[target]
name = "{namespace}"
provider = "helm"
modes = ["read", "write"]
capabilities = ["kubernetes"]
[target.unsupported]
"elasticsearch.lifecycles" = "this distribution has neither lifecycle nor snapshot policies"
{"".join(f'{name} = "not in this measurement"' + chr(10) for name in others)}[kubernetes]
kubeconfig = {json.dumps(str(config))}
identity = "{uid}"
namespaces = ["{namespace}", "{namespace}{SECOND}"]
[deploy]
namespaces = {{ {spaces} }}
[limits]
connect = 15
check = 60
ready = 450
[checklist]
services = ["postgresql", "kafka"]
"""
    text += "".join(f"[components.{name}.expect]\n{said}\n" for name, said in EXPECTED.items())
    text += "".join(f'[components.{name}.helm]\nfolder = "{name}"\n' for name in SEVEN)
    path = folder / "there.toml"
    path.write_text(text)
    return path


def _space(component: str, namespace: str) -> str:
    return f"{namespace}{SECOND}" if component in APART else namespace


@contextmanager
def _down(target: Path) -> Iterator[None]:
    """Nothing is left of the target, however the body ends."""
    try:
        yield
    finally:
        run(*GONOGO, "down", "--yes", "--target", str(target))


def _up(target: Path, folder: Path, helm: str) -> Seen:
    """One ``gonogo up``, its helm written down. Raises ``BenchmarkError`` where something does not come up."""
    log, place = folder / "helm.log", folder / "bin"
    place.mkdir()
    shim = place / "helm"
    shim.write_text(SHIM.format(helm=helm, log=log))
    shim.chmod(0o755)
    offset = time.time() - time.monotonic()
    seen = Seen(time.monotonic())
    path = f"{place}{os.pathsep}{os.environ['PATH']}"
    with closing(Lines(*GONOGO, "up", *SEVEN, "--target", str(target), env={"PATH": path})) as lines:
        said = lines.all(LONGEST)
    seen.ended = time.monotonic()
    for instant, line in said:
        if found := re.match(r" *([\d.]+) s  (\S+) +(\w+)", line):
            seen.phases.setdefault(found[2], []).append((found[3], instant))
            seen.clock.append(instant - float(found[1]))
    if missing := [name for name in SEVEN if "ready" not in dict(seen.phases.get(name, ()))]:
        raise BenchmarkError(f"{', '.join(missing)} did not come up:\n" + "".join(line for _, line in said[-15:]))
    for line in log.read_text().splitlines():
        began, ended, verb, *words = line.split()
        component = next((word for word in words if not word.startswith("-")), "") if verb != "version" else ""
        seen.helm.setdefault(component, []).append((int(began) / 1e9 - offset, int(ended) / 1e9 - offset))
    return seen


def _share(seen: Seen, installed: Mapping[str, float]) -> Row:
    whole, own = seen.own()
    path = seen.path()
    ready = seen.at(path[-1], "ready")
    return Row(
        "helm-up",
        figure=100 * own / whole,
        reach=2.0,
        unit="%",
        beside={
            f"s, the critical path: {', '.join(path)}": whole,
            "s of that are gonogo's own": own,
            "of the whole process, with its start and its end": 100
            * (seen.ended - seen.began - whole + own)
            / (seen.ended - seen.began),
            "s, until the last of seven was ready": ready - seen.began,
            "s, helm install --wait one by one": sum(installed.values()),
            **{f"s of that, {name}": seconds for name, seconds in installed.items()},
        },
    )


def _preflight(target: Path) -> Row:
    """All lines about the cluster and the plan, and two services; in turn with the plan alone."""
    best: dict[str, Ended] = {}
    for verb in ("plan", "preflight") * 3:
        ended = run(*GONOGO, verb, "--target", str(target), good=(0, 1, 3))
        best[verb] = min(best.get(verb, ended), ended, key=lambda one: one.seconds)
    beside = {f"gonogo {verb}": ended.seconds for verb, ended in best.items()}
    cpu = {f"processor time of gonogo {verb}": ended.cpu for verb, ended in best.items()}
    figure = best["preflight"].seconds - best["plan"].seconds
    return Row("helm-preflight", figure=figure, reach=2.0, beside={**beside, **cpu})


# -- what is asked


def _requests(asked: Iterable[Asked], theirs: Iterable[Asked]) -> Row:
    every = list(asked)
    own = [one for one in every if one.agent.startswith(OWN)]
    beside_own = [one for one in every if one.agent.startswith(THEIRS)]
    if not own:
        raise BenchmarkError("nothing went through the relay")
    reads, single, writes, ways = Counter[str](), Counter[str](), 0, 0
    for one in own:
        verb = _verb(one)
        if "portforward" in one.path:
            ways += 1
        elif verb in ("list", "watch"):
            reads[f"{verb} {one.path}"] += 1
        elif verb == "get":
            single[one.path] += 1
        else:
            writes += 1
    worst, times = reads.most_common(1)[0]
    object_, gets = single.most_common(1)[0]
    return Row(
        "helm-requests",
        figure=float(times),
        reach=1.0,
        unit="",
        beside={
            f"that is {_short(worst)}": float(times),
            "gonogo's own requests together": float(len(own)),
            "of them lists and watches": float(reads.total()),
            "of them reads of one object": float(single.total()),
            f"of those, the most of one: {_short(object_)}": float(gets),
            "of them writes": float(writes),
            "of them ways to servers": float(ways),
            "requests of the helm that gonogo runs": float(len(beside_own)),
            "helm install --wait, seven times": float(len(list(theirs))),
        },
    )


def _verb(one: Asked) -> str:
    if one.method != "GET":
        return one.method.lower()
    if one.query.get("watch") in ("1", "true"):
        return "watch"
    words = one.path.strip("/").split("/")
    if words[0] not in ("api", "apis"):
        return "get"
    rest = words[2 if words[0] == "api" else 3 :]
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        rest = rest[2:]
    return "list" if len(rest) == 1 else "get"


def _short(path: str) -> str:
    return re.sub(r"gonogo-bench-\w+-seven", "…", path)


# -- the peer


def _given(cluster: Cluster, helm: str, namespace: str) -> dict[str, Any]:
    """What the charts were given: the values of each, and the Secrets that gonogo made."""
    asked = {name: ("get", "values", name, "-n", _space(name, namespace), "-o", "json") for name in SEVEN}
    values = {name: run(helm, *words).output for name, words in asked.items()}
    secrets = [
        one
        for space in (namespace, f"{namespace}{SECOND}")
        for one in cluster.every("Secret", space)
        if one.get("type") == "Opaque" and "gonogo/target" in (one["metadata"].get("labels") or {})
    ]
    return {"values": values, "secrets": secrets}


def _by_helm(
    cluster: Cluster, helm: str, config: Path, charts: Path, other: str, given: Mapping[str, Any], namespace: str
) -> tuple[dict[str, float], float]:
    """Seconds of each ``helm install --wait``, in order, and of all ``helm upgrade``; the charts' Secrets are there."""
    for one in given["secrets"]:
        data = {
            key: base64.b64encode(base64.b64decode(value).decode().replace(namespace, other).encode()).decode()
            for key, value in (one.get("data") or {}).items()
        }
        meta = {"name": one["metadata"]["name"]}
        space = one["metadata"]["namespace"].replace(namespace, other)
        cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "Opaque", "data": data}, space)
    where = {name: ("-n", _space(name, other), "--kubeconfig", str(config)) for name in SEVEN}
    installed: dict[str, float] = {}
    for name in SEVEN:
        values = charts / f"{name}.json"
        values.write_text(given["values"][name].replace(namespace, other))
        asked = ("--values", str(values), "--wait", f"--timeout={LONGEST:.0f}s")
        installed[name] = run(helm, "install", name, str(charts / name / "chart"), *asked, *where[name]).seconds
    upgraded: list[Ended] = []
    for name in SEVEN:
        chart, values = charts / name / "chart", charts / f"{name}.json"
        upgraded.append(run(helm, "upgrade", name, str(chart), "--values", str(values), *where[name]))
    return installed, sum(one.seconds for one in upgraded)
