"""The table of ``docs/charts.md``: each public chart rendered, and every object shown to an API server.

    PYTHONPATH=tests python -m cluster.charts_table FOLDER [--write] [--without CHART]

FOLDER is what ``cluster.public`` has brought. The charts of ``deploy/`` are given the values that a target of profile
``default`` gives them, the others those in ``public_values/``. Objects are sent with ``dryRun=All`` to the cluster of
``KUBECONFIG``, all of them into one namespace that is made for it. Definitions (CRDs) that the cluster has not are
made for that time, with the label ``gonogo-test=charts``, and removed; those that it has are used as they are.
``--write`` puts the table in the document, between its marks; a CHART is rendered alone.
"""  # fmt: skip

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

import yaml

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests")]

from cluster.live import Cluster, Object  # noqa: E402
from cluster.public import MADE  # noqa: E402
from test_deployed_charts import CHARTED, recipe  # noqa: E402

from gonogo.cluster.api import KINDS, Kind  # noqa: E402
from gonogo.core.errors import NotReady  # noqa: E402
from gonogo.core.waiting import until  # noqa: E402
from gonogo.providers.helm.mistakes import Definition, Mistake, definitions, of_objects, of_values  # noqa: E402
from gonogo.providers.helm.objects import objects  # noqa: E402
from gonogo.providers.helm.values import declared  # noqa: E402

VALUES = Path(__file__).with_name("public_values")
DOCUMENT = ROOT / "docs" / "charts.md"
BEGIN, END = "<!-- charts -->\n", "<!-- /charts -->\n"
CRD = "CustomResourceDefinition"
LABEL = {"gonogo-test": "charts"}
DOCUMENTED = {
    # keys that the chart mentions in comments alone
    "argo-cd": ("configs.params",),
}


class Given(NamedTuple):
    """A chart, its values and the objects beside it; ``of`` is the component, empty for one that gonogo has not."""

    chart: str
    release: str
    values: dict[str, Any]
    documented: tuple[str, ...]
    beside: list[Object]
    of: str = ""


class Shown(NamedTuple):
    """What came of a chart."""

    given: Given
    objects: list[Object]
    mistakes: list[Mistake]
    refused: list[str] | None
    pods: str = "–"
    claims: str = "–"


def every(folder: Path) -> Iterator[Given]:
    """Those of ``deploy/``, each with its manifests after the last of its charts, then the others."""
    for component in CHARTED:
        one = recipe(component)
        beside = [obj for manifest in one.spec.manifests for obj in one.manifest(manifest)]
        for release in one.spec.releases:
            last = release is one.spec.releases[-1]
            name = release.chart.rpartition("/")[2]
            yield Given(name, release.name, one.values(release), release.documented, beside if last else [], component)
    known = {path.name.partition(".")[0] for path in VALUES.iterdir()}
    known |= {path.parent.name for path in folder.glob(f"*/{MADE}")}
    for name in sorted(known):
        path, objs = VALUES / f"{name}.yaml", VALUES / f"{name}.objects.yaml"
        values = yaml.safe_load(path.read_text()) if path.exists() else {}
        beside = objects(name, objs.read_text()) if objs.exists() else []
        assert (folder / name).is_dir(), f"no chart {name}"
        yield Given(name, name, values, DOCUMENTED.get(name, ()), beside)


def rendered(folder: Path, given: Given) -> list[Object]:
    """As helm renders it, without its tests, or as kustomize has made it."""
    if (folder / given.chart / MADE).exists():
        return objects(given.chart, (folder / given.chart / MADE).read_text())
    command = ["helm", "template", given.release, str(folder / given.chart), "--namespace", "data", "--include-crds"]
    command += ["--skip-tests", "--values", "-"]
    done = subprocess.run(command, input=yaml.safe_dump(given.values), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{given.chart}: {done.stderr}"
    return objects(given.chart, done.stdout)


class Server:
    """An API server that is asked what it would do."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster, self._namespace = cluster, namespace
        self._kinds: dict[tuple[str, str], Kind | None] = {}
        self.made: list[str] = []

    def refusal(self, obj: Object) -> str:
        """Why it would not take the object; empty where it would."""
        kind = self._kind(obj["apiVersion"], obj["kind"])
        if kind is None:
            return f"{obj['kind']} of {obj['apiVersion']} is not served"
        meta = {key: value for key, value in obj["metadata"].items() if key != "namespace"}
        path = kind.path(self._namespace if kind.namespaced else None, meta["name"])
        query = "?dryRun=All&force=true&fieldManager=gonogo-tests"
        body = {**obj, "metadata": meta}
        try:
            self._cluster.told("PATCH", path, body, kind="application/apply-patch+yaml", query=query)
        except RuntimeError as error:
            told = str(error).partition("{")
            status = json.loads(told[1] + told[2]) if told[1] and told[2].endswith("}\n") else {}
            return f"{obj['kind']} {meta['name']}: {status.get('message') or str(error)[-300:]}"
        return ""

    def define(self, crds: Iterable[Object]) -> None:
        """Make the definitions that are not there."""
        where = KINDS[CRD]
        for crd in crds:
            name = crd["metadata"]["name"]
            if self._cluster.told("GET", where.path(name=name)) is not None:
                continue
            labels = {**(crd["metadata"].get("labels") or {}), **LABEL}
            self._cluster.told("POST", where.path(), {**crd, "metadata": {**crd["metadata"], "labels": labels}})
            self.made.append(name)

            def served(name: str = name) -> bool:
                there = self._cluster.told("GET", where.path(name=name)) or {}
                states = (there.get("status") or {}).get("conditions") or ()
                return any(one["type"] == "Established" and one["status"] == "True" for one in states)

            until(served, awaited=name, within=300, every=0.5)

    def undefine(self) -> None:
        """Remove what ``define`` made; one that has got objects meanwhile stays, and is named."""
        where = KINDS[CRD]
        for name in self.made:
            spec = (self._cluster.told("GET", where.path(name=name)) or {}).get("spec")
            if not spec:
                continue
            version = next(one["name"] for one in spec["versions"] if one["served"])
            kind = Kind(spec["group"], version, spec["names"]["plural"], spec["names"]["kind"], True)
            if (self._cluster.told("GET", kind.path()) or {}).get("items"):
                sys.stderr.write(f"left: {name}, somebody has made objects of it\n")
                continue
            self._cluster.told("DELETE", where.path(name=name))

    def _kind(self, api_version: str, name: str) -> Kind | None:
        if (api_version, name) not in self._kinds:
            group, _, version = api_version.rpartition("/")
            root = f"/apis/{quote(api_version)}" if group else f"/api/{version}"
            found = (self._cluster.told("GET", root) or {}).get("resources", ())
            self._kinds[api_version, name] = next(
                (
                    Kind(group, version, one["name"], name, one["namespaced"])
                    for one in found
                    if one["kind"] == name and "/" not in one["name"]
                ),
                None,
            )
            if self._kinds[api_version, name] is None:
                return self._kinds.pop((api_version, name))  # it may be defined later
        return self._kinds[api_version, name]


@contextmanager
def server() -> Iterator[Server]:
    """The cluster of ``KUBECONFIG``, with a namespace for the time of the body."""
    cluster = Cluster(Path(os.environ["KUBECONFIG"]))
    with cluster.namespace(f"gonogo-test-charts-{os.getpid()}") as namespace:
        there = Server(cluster, namespace)
        try:
            yield there
        finally:
            there.undefine()


def shown(folder: Path, asked: Server | None) -> list[Shown]:
    """All of them; without a server, what one has refused before is all that is known."""
    found = []
    known: dict[tuple[str, str], Definition] = {}
    crds: dict[tuple[str, str], Object] = {}

    def define(group: str, kind: str) -> Definition | Literal[False]:
        return known.get((group, kind), False)

    for given in every(folder):
        made = rendered(folder, given)
        known |= {(one.group, one.kind): one for one in definitions(made)}
        layers = [("values.yaml", given.values)]
        chart = declared(folder / given.chart)
        wrong = [*of_values(given.of, chart, layers, given.values, given.documented)] if chart.chart else []
        wrong += of_objects(given.of, given.chart, [*made, *given.beside], define, layers)
        refused = None
        crds |= {(crd["spec"]["group"], crd["spec"]["names"]["kind"]): crd for crd in made if crd["kind"] == CRD}
        if given.chart not in sys.argv[2:]:
            refused = _refusals(folder, given, [*made, *given.beside], asked, crds)
        found.append(Shown(given, [*made, *given.beside], wrong, refused, *_planned([*made, *given.beside])))
    return found


def _refusals(
    folder: Path, given: Given, objs: list[Object], asked: Server | None, crds: Mapping[tuple[str, str], Object]
) -> list[str] | None:
    """What the server refuses of a chart's objects; for the same chart and values ``asked.json`` holds its answer."""
    chart = given.chart
    path = folder / "asked.json"
    told: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    source = json.loads((folder / "came.json").read_text())[chart]
    inputs = json.dumps([source, given.release, given.values, given.beside], sort_keys=True, default=str)
    digest = hashlib.sha256(inputs.encode()).hexdigest()
    if told.get(chart, {}).get("digest") != digest:
        if asked is None:
            return None
        kinds = [(one["apiVersion"].rpartition("/")[0], one["kind"]) for one in objs]
        try:
            asked.define(crds[kind] for kind in dict.fromkeys(kinds) if kind in crds)
        except NotReady as error:  # then the server says so of its objects; on a busy one, ask again
            sys.stderr.write(f"{chart}: {error}\n")
        told[chart] = {"digest": digest, "refused": [why for one in objs if (why := asked.refusal(one))]}
        path.write_text(json.dumps(told, indent=2))
        sys.stderr.write(f"{chart}: {len(objs)} objects asked\n")
    return list(told[chart]["refused"])


def _planned(objs: list[Object]) -> tuple[str, str]:
    """Pods and claims that a plan expects of them; a kind that it does not know is named."""
    try:
        demand = import_module("gonogo.cluster.plan.expand").expand(objs, "data")
    except ImportError:
        return "–", "–"
    rest, most, passing = ([pod for pod in demand.pods if pod.when == when] for when in ("rest", "most", "passing"))
    pods = f"{len(rest)} to {len(rest) + len(most)}" if most else f"{len(rest)}"
    pods += f", {len(passing)} passing" if passing else ""
    pods += f", and {', '.join(sorted({one.kind for one in demand.untold}))}?" if demand.untold else ""
    size = sum(one.size for one in demand.every_claim) / (1 << 30)
    return pods, f"{len(demand.every_claim)} ({size:g}Gi)" if size else "0"


def table(found: list[Shown], came: dict[str, Any]) -> str:
    """In Markdown."""
    lines = [
        "| chart | version | from | of | objects | the server refuses | wrong keys and fields | pods | claims |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    notes: list[str] = []
    for one in found:
        source = came[one.given.chart]
        path = Path(sys.argv[1]) / one.given.chart / "Chart.yaml"
        version = source.get("version") or yaml.safe_load(path.read_text())["version"]
        place = f"{source['repository'].rpartition('github.com/')[2]} {source['at']} ({source['commit']})"
        name = f"{one.given.chart}" if one.given.of else f"{one.given.chart} *"
        kinds = f"{len(one.objects)}" + (f" ({len(one.given.beside)} beside it)" if one.given.beside else "")
        refused = "not asked" if one.refused is None else str(len(one.refused))
        cells = (name, version, place, source["day"], kinds, refused, len(one.mistakes), one.pods, one.claims)
        lines.append(f"| {' | '.join(map(str, cells))} |")
        notes += [f"- {one.given.chart}, refused: {why}" for why in one.refused or ()]
        notes += [f"- {one.given.chart}: {m.problem}" for m in one.mistakes]
        if source["without"]:
            notes.append(
                f"- {one.given.chart}: rendered without {', '.join(source['without'])}, which is off by default"
            )
    return "\n".join(lines) + "\n\n" + "\n".join(notes) + "\n"


def main() -> None:
    """Print the table, or write it."""
    folder = Path(sys.argv[1])
    came = json.loads((folder / "came.json").read_text())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was made goes then too
    if "KUBECONFIG" in os.environ:
        with server() as there:
            found = shown(folder, there)
    else:
        found = shown(folder, None)
    text = table(found, came)
    if "--write" not in sys.argv:
        sys.stdout.write(text)
        return
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
