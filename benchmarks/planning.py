"""``gonogo plan`` of every chart at hand, next to helm, which makes the same objects and says nothing of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from benchmarks.children import GONOGO, run
from benchmarks.cluster import kubeconfig, program
from benchmarks.content import ROOT, copied
from benchmarks.table import BenchmarkError, Row
from gonogo.core.errors import ConfigError
from gonogo.core.home import home
from gonogo.providers.helm.charts import fetch
from gonogo.providers.helm.spec import Release, load

ROWS: Mapping[str, str] = {
    "helm-plan": "`gonogo plan` of every chart at hand, best of 5: over what helm takes to render them on all cores",
}
LONG = True

TIMES = 5

VALUES = ROOT / "tests" / "cluster" / "public_values"

SHIM = """#!/bin/sh
case "$1" in
template)
    given=$(mktemp "{log}/XXXXXXXX")
    cat > "$given.yaml"
    printf '%s\\n' "$@" > "$given"
    exec "{helm}" "$@" < "$given.yaml" ;;
esac
exec "{helm}" "$@"
"""
"""A helm that writes down what it is asked to render, and the values for it."""

COMPONENT = '[endpoints]\nrequired = ["url"]\n'

OTHER = """
namespace = "data"
[endpoints]
url = "http://there"
[[releases]]
name = "{release}"
chart = "chart.tgz"
documented = {documented}
"""

REMOTE = re.compile(r'^repository = .*\nchart = "(?P<chart>[^"]+)"\nversion = .*\n(?:digest = .*\n)?', re.MULTILINE)


def measure() -> Generator[Row]:
    """One plan writes down what it has rendered; then it, and helm with the same words, one by one and side by side."""
    helm = program("helm")
    with copied() as root:
        wanted, charts = _content(root)
        target = _target(root, wanted)
        asked = _asked(root, target, helm)
        plan: list[float] = []
        serial: list[float] = []
        beside: list[float] = []
        cpu: list[float] = []
        for _ in range(TIMES):
            ended = run(*GONOGO, "plan", "--target", str(target), cwd=root, good=(0, 1, 3))
            plan.append(ended.seconds)
            cpu.append(ended.cpu)
            serial.append(_clocked(lambda: [one() for one in asked]))
            beside.append(_clocked(lambda: _side_by_side(asked)))
    yield Row(
        "helm-plan",
        figure=min(plan) - min(beside),
        reach=0.5,
        beside={
            f"gonogo plan, {len(wanted)} components, {charts} charts": min(plan),
            f"helm template of the same, {len(asked)} times, {os.cpu_count()} at once": min(beside),
            "helm template of the same, one by one": min(serial),
            "processor time of that plan, helm's with it": min(cpu),
            "(times) gonogo plan by helm template one by one": min(plan) / min(serial),
            "gonogo plan less helm template one by one": min(plan) - min(serial),
        },
    )


def _clocked(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _side_by_side(asked: Iterable[Callable[[], object]]) -> None:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in [pool.submit(one) for one in asked]:
            done.result()


# -- what is planned


def _content(root: Path) -> tuple[list[str], int]:
    """The components of this copy whose charts are at hand, with the others of ``docs/charts.md``; what is not is told.

    A chart of the folder that ``GONOGO_TEST_CHARTS`` names comes first, whatever its version; then what is kept in
    ``GONOGO_HOME``, or can be fetched.
    """
    wanted, charts = [], 0
    for path in sorted(root.glob("deploy/*/helm.toml")):
        folder = path.parent
        try:
            found = {one.chart: _packed(one, folder) for one in load(folder).releases}
        except (ConfigError, BenchmarkError) as error:
            _left_out(folder.name, error)
            continue
        text = REMOTE.sub(lambda one, found=found: f'chart = "{found[one["chart"]].name}"\n', path.read_text())
        path.write_text(text)
        wanted.append(folder.name)
        charts += len(found)
    for name in sorted({path.name.partition(".")[0] for path in VALUES.iterdir()}):
        try:
            wanted.append(_other(root, name))
        except BenchmarkError as error:
            _left_out(name, error)
            continue
        charts += 1
    if not charts:
        raise BenchmarkError("no chart is at hand: GONOGO_TEST_CHARTS names no folder with them (docs/charts.md)")
    return wanted, charts


def _left_out(name: str, why: object) -> None:
    print(f"left out: {name}: {why}", file=sys.stderr)


def _public(name: str) -> Path | None:
    """The folder of a public chart."""
    place = Path(os.environ.get("GONOGO_TEST_CHARTS") or os.devnull) / name
    return place if (place / "Chart.yaml").is_file() else None


def _packed(release: Release, folder: Path) -> Path:
    """The chart of a release, packed, in a folder. Raises ``ConfigError`` where it cannot be had."""
    name = release.chart.rpartition("/")[2]
    public = _public(name)
    if public is not None:
        came = json.loads((public.parent / "came.json").read_text())
        version = came[name].get("version") or yaml.safe_load((public / "Chart.yaml").read_text())["version"]
        if release.version != version:
            print(f"{name}: {version} in place of {release.version}", file=sys.stderr)
        return _pack(public, folder / f"{name}.tgz")
    kept = fetch(release, folder, home()).path
    (folder / f"{name}.tgz").write_bytes(kept.read_bytes())
    return folder / f"{name}.tgz"


def _pack(chart: Path, into: Path) -> Path:
    """As its authors publish it: without what their ``.helmignore`` names."""
    with TemporaryDirectory() as place:
        run(program("helm"), "package", str(chart), "--destination", place)
        [made] = Path(place).iterdir()
        into.write_bytes(made.read_bytes())
    return into


def _other(root: Path, chart: str) -> str:
    """A component for a chart that gonogo does not deploy; its name. Raises ``BenchmarkError``: it is not at hand."""
    from cluster.charts_table import DOCUMENTED

    public = _public(chart)
    if public is None:
        raise BenchmarkError("GONOGO_TEST_CHARTS names no folder with its chart")
    name = f"public_{chart.replace('-', '_')}"
    folder = root / "deploy" / name
    folder.mkdir()
    _pack(public, folder / "chart.tgz")
    (folder / "component.toml").write_text(f'title = "{chart}"\n{COMPONENT}')
    text = OTHER.format(release=chart, documented=json.dumps(DOCUMENTED.get(chart, ())))
    for given, kept in ((f"{chart}.yaml", "values.yaml"), (f"{chart}.objects.yaml", "objects.yaml")):
        if (VALUES / given).exists():  # a file of ours is a template
            (folder / kept).write_text(f"{{% raw %}}\n{(VALUES / given).read_text()}\n{{% endraw %}}\n")
    if (folder / "objects.yaml").exists():
        text += '[[manifests]]\nfile = "objects.yaml"\n'
    (folder / "helm.toml").write_text(text)
    with (root / "reports" / "criteria.toml").open("a") as criteria:
        criteria.write(f'\n[{name}.answers]\nlevel = "critical"\nclaim = "It answers"\n')
    return name


def _target(root: Path, wanted: Iterable[str]) -> Path:
    every = {path.parent.name for path in root.glob("deploy/*/component.toml")}
    without = "".join(f'{name} = "not in this measurement"\n' for name in sorted(every - {*wanted}))
    path = root / "deploy" / "targets" / "planned.toml"
    path.write_text(
        f'[target]\nname = "planned"\nprovider = "helm"\n[target.unsupported]\n{without}'
        f"[kubernetes]\nkubeconfig = {json.dumps(str(kubeconfig()))}\n"
    )
    return path


def _asked(root: Path, target: Path, helm: str) -> list[Callable[[], object]]:
    """What a plan asks helm to render, each as a call."""
    log, place = root / "asked", root / "bin"
    log.mkdir()
    place.mkdir()
    (place / "helm").write_text(SHIM.format(helm=helm, log=log))
    (place / "helm").chmod(0o755)
    with _first_in_path(place):
        first = run(*GONOGO, "plan", "--target", str(target), "-o", "json", cwd=root, good=(0, 1, 3))
    told = first.output[first.output.index("{") :]
    lost = [one for one in json.loads(told)["findings"] if one["cause"] in ("not_rendered", "cluster")]
    if lost:
        raise BenchmarkError(f"nothing to compare: {lost[0]['message']}")
    found = []
    for given in sorted(log.glob("*.yaml")):
        words = given.with_suffix("").read_text().splitlines()
        code = _ended(helm, words, given)
        found.append(lambda given=given, words=words, code=code: _rendered(helm, words, given, code))
    return found


@contextmanager
def _first_in_path(place: Path) -> Iterator[None]:
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{place}{os.pathsep}{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _rendered(helm: str, words: Sequence[str], values: Path, code: int) -> None:
    """As for the plan: a chart may refuse values of which not all is known before what it needs is up."""
    if (ended := _ended(helm, words, values)) != code:
        raise BenchmarkError(f"`helm {' '.join(words)}` ended with code {ended}, and with {code} before")


def _ended(helm: str, words: Sequence[str], values: Path) -> int:
    with values.open("rb") as given:
        return subprocess.run([helm, *words], stdin=given, capture_output=True, check=False).returncode
