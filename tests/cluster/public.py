"""Brings the public charts of ``public.toml``, each into a folder of its name: what ``GONOGO_TEST_CHARTS`` names.

    PYTHONPATH=tests python -m cluster.public FOLDER

A chart that is no more than a dependency which is switched off by default is taken out of who asks for it where it is
not among them; what was taken out, and each chart's commit and its day, stand in ``FOLDER/came.json``.
"""  # fmt: skip

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import yaml

SOURCES = Path(__file__).with_name("public.toml")

MADE = "all.yaml"
"""What kustomize makes, where there is no chart."""


def bring(folder: Path) -> dict[str, Any]:
    """All of them; what is there of a name is made anew. Where each came from, by its name."""
    charts: dict[str, dict[str, str]] = tomllib.loads(SOURCES.read_text())["charts"]
    clones = folder / ".clones"
    came: dict[str, Any] = {}
    for name, source in charts.items():
        clone = clones / source["repository"].rpartition("github.com/")[2].replace("/", "+")
        if not clone.is_dir():
            _git("clone", "--quiet", "--no-checkout", "--filter=blob:none", source["repository"], str(clone))
        packed = _git("-C", str(clone), "archive", f"{source['at']}:{source['folder']}")
        shutil.rmtree(folder / name, ignore_errors=True)
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder / name, filter="data")
        if place := source.get("kustomize"):
            made = subprocess.run(["kubectl", "kustomize", folder / name / place], check=True, capture_output=True)
            (folder / name / MADE).write_bytes(made.stdout)
        elif version := source.get("version"):
            for path in (folder / name).rglob("*.yaml"):
                path.write_text(path.read_text().replace("{operatorVersion}", version))
        commit, day = _git("-C", str(clone), "log", "-1", "--format=%h %cs", source["at"]).decode().split()
        came[name] = {**source, "commit": commit, "day": day}
    for name in charts:
        came[name]["without"] = _complete(folder / name, folder)
    (folder / "came.json").write_text(json.dumps(came, indent=2))
    return came


def _complete(chart: Path, folder: Path) -> list[str]:
    """Lay what a chart depends on beside it; those that cannot be had and are off are taken out, and named."""
    path = chart / "Chart.yaml"
    if not path.exists():
        return []
    told = yaml.safe_load(path.read_text())
    kept, without = [], []
    for one in told.get("dependencies", ()):
        inner = chart / "charts" / one["name"]
        local = str(one.get("repository", "")).removeprefix("file://")
        if (chart / local).is_dir() and local not in ("", one.get("repository")):
            shutil.copytree(chart / local, inner, dirs_exist_ok=True)
        elif not inner.is_dir() and one["name"] == "common":
            shutil.copytree(folder / "common", inner)
        if inner.is_dir():
            kept.append(one)
        else:
            without.append(one["name"])
    if without:
        path.write_text(yaml.safe_dump({**told, "dependencies": kept}))
    for inner in chart.glob("charts/*"):
        if inner.is_dir():
            without += _complete(inner, folder)
    return without


def _git(*words: str) -> bytes:
    return subprocess.run(["git", *words], check=True, capture_output=True).stdout


if __name__ == "__main__":
    for name, one in bring(Path(sys.argv[1])).items():
        without = f", without {', '.join(one['without'])}" if one["without"] else ""
        sys.stdout.write(f"{name}: {one['at']}, {one['commit']} of {one['day']}{without}\n")
