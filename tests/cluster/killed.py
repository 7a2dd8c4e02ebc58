"""A light platform by charts, and gonogo on it as a process that is killed: when, what it was at, what outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from secrets import token_hex
from typing import Any

from cluster.charts import charts
from cluster.live import IMAGE, Cluster
from cluster.standing import DEPLOYED, ROOT

from gonogo.core.errors import NotReady
from gonogo.core.waiting import pause, until

MARK = "GONOGO_TEST_MARK"
"""A variable of the environment, which every descendant has."""

LIVES = 3.0
"""Seconds in which everything that a killed process started must be gone."""

OPERATOR = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: PLURAL.GROUP}
spec:
  group: GROUP
  scope: Namespaced
  names: {plural: PLURAL, singular: SINGULAR, kind: KIND}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
WORKS = """
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: operator, labels: {app.kubernetes.io/instance: operator}}
spec:
  selector: {matchLabels: {app.kubernetes.io/instance: operator}}
  template:
    metadata: {labels: {app.kubernetes.io/instance: operator}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: operator, image: "IMAGE", command: [sleep, "9999"]}]
"""
HOOK = """
---
apiVersion: batch/v1
kind: Job
metadata: {name: postgresql-WHEN, annotations: {helm.sh/hook: WHEN}}
spec:
  backoffLimit: 0
  template:
    spec:
      terminationGracePeriodSeconds: 0
      restartPolicy: Never
      containers: [{name: hook, image: "IMAGE", command: [sleep, "SECONDS"]}]
"""
CUSTOM = """
---
apiVersion: GROUP/v1
kind: Widget
metadata: {name: one}
status: {conditions: [{type: Ready, status: "True"}]}
"""


def platform(
    folder: Path, name: str, identity: str, kubeconfig: str, components: Iterable[str], *, operated: bool = True
) -> Path:
    """Write a target of ``name`` in the namespace of that name, with its charts, and what makes moments telling.

    Jobs before and after an installation; where it is ``operated`` an operator in a namespace of its own, an object of
    its kind, and a definition that no release holds.
    """
    charts(folder)
    base = os.environ.get(IMAGE, "busybox")
    hooks = (_filled(HOOK, WHEN=when, IMAGE=base, SECONDS="1") for when in ("pre-install", "post-install"))
    with (folder / "postgresql/chart/templates/all.yaml").open("a") as more:
        more.write("".join(hooks))
    if operated:
        _operated(folder / "postgresql", name, base)
    target = folder / "t.toml"
    target.write_text(_target(name, identity, kubeconfig, list(components)))
    return target


def _operated(place: Path, name: str, base: str) -> None:
    own = place / "operator"
    (own / "templates").mkdir(parents=True)
    (own / "Chart.yaml").write_text("apiVersion: v2\nname: operator\nversion: 1.0.0\n")
    (own / "values.yaml").write_text("{}\n")
    (own / "templates/all.yaml").write_text(
        _filled(OPERATOR + WORKS, PLURAL="widgets", SINGULAR="widget", KIND="Widget", GROUP=f"{name}.test", IMAGE=base)
    )
    (place / "none.yaml").write_text("{}\n")
    described = (place / "helm.toml").read_text()
    operator = f"""[[releases]]
name = "operator"
chart = "operator"
values = "none.yaml"
namespace = "{name}-operator"
shared = true
serves = ["widgets.{name}.test/v1"]

"""
    (place / "helm.toml").write_text(described.replace("[[releases]]", operator + "[[releases]]"))
    with (place / "chart/templates/all.yaml").open("a") as more:
        more.write(_filled(CUSTOM, GROUP=f"{name}.test"))
    (place / "chart/crds").mkdir()
    (place / "chart/crds/gadgets.yaml").write_text(
        _filled(OPERATOR, PLURAL="gadgets", SINGULAR="gadget", KIND="Gadget", GROUP=f"{name}.test")
    )


def _target(name: str, identity: str, kubeconfig: str, components: list[str]) -> str:
    lacking = "".join(f'{one} = "not in this test"\n' for one in sorted(DEPLOYED - set(components)))
    return f"""
[target]
name = "{name}"
provider = "helm"
modes = ["read", "write"]
capabilities = ["kubernetes"]
[target.unsupported]
{lacking}
[kubernetes]
kubeconfig = {json.dumps(kubeconfig)}
identity = "{identity}"
namespaces = ["{name}", "{name}-operator"]
[deploy.namespaces]
{"".join(f'{one} = "{name}"' + chr(10) for one in components)}
[limits]
connect = 15
check = 60
ready = 300
{"".join(f'[components.{one}.helm]{chr(10)}folder = "{one}"{chr(10)}' for one in components)}
"""


def definition(name: str) -> set[str]:
    """That which no release holds, as an inventory names it, with what the API server makes of its group by itself."""
    return {f"customresourcedefinitions/gadgets.{name}.test", f"apiservices/v1.{name}.test"}


@dataclass
class Shell:
    """Where somebody works: the folder, and what its environment says besides ours. All that it starts is marked."""

    cwd: Path = ROOT
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    mark: str = field(default_factory=lambda: token_hex(8))

    def start(self, *words: str, log: Path) -> subprocess.Popen[bytes]:
        """``python -m`` these words; what it prints goes to ``log``."""
        with log.open("wb") as out:
            return subprocess.Popen(
                [sys.executable, "-m", *words],
                cwd=self.cwd,
                env={**os.environ, MARK: self.mark, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def gonogo(self, *words: str, log: Path, within: float = 300) -> tuple[int, str]:
        """The exit code of gonogo, and what it said."""
        code = self.start("gonogo", *words, log=log).wait(within)
        return code, log.read_text(errors="replace")

    def descendants(self) -> Iterator[tuple[int, list[str]]]:
        """Pid and command line of every process that has the mark."""
        wanted = f"{MARK}={self.mark}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
                    if words:  # a zombie has none
                        yield int(folder.name), words

    def nobody_lives(self) -> list[str]:
        """What is still there of all that was started here; empty as soon as it is, within some seconds."""
        try:
            until(lambda: not list(self.descendants()), awaited="their end", within=LIVES, every=0.2)
        except NotReady:
            return [f"{pid} {' '.join(words)}" for pid, words in self.descendants()]
        return []


def killed_after(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Kill it then; whether it still ran."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
        return False
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def helm_killed(shell: Shell, process: subprocess.Popen[bytes], random: Random, verb: str, releases: int) -> str:
    """Kill one of as many helms under the living process, at a random moment; what it did, empty where none was."""
    skip, seen = random.randrange(releases), set[int]()
    while process.poll() is None:
        for pid, words in shell.descendants():
            if Path(words[0]).name != "helm" or words[1] != verb or pid in seen:
                continue
            seen.add(pid)
            if len(seen) <= skip:
                continue
            pause(random.uniform(0, 1.2), reason="the moment is random")
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                return f"helm {words[1]} {words[3] if words[2].startswith('-') else words[2]}"
        pause(0.02, reason="helm does not run at this moment")
    return ""


def state(cluster: Cluster, name: str) -> str:
    """What a killed one leaves, in a line: releases with their state, who holds the Lease, what is to stay."""
    secrets = [one["metadata"] for space in (name, f"{name}-operator") for one in cluster.every("Secret", space)]
    helms = [one["labels"] for one in secrets if (one.get("labels") or {}).get("owner") == "helm"]
    found = lease(cluster, name)
    return "; ".join(
        [
            ", ".join(f"{one['name']} v{one['version']} {one['status']}" for one in helms) or "no release",
            f"Lease of {held(found) or 'nobody'}" if found else "no Lease",
            f"kept {(found.get('metadata', {}).get('annotations') or {}).get('gonogo/kept') or 'nothing'}",
        ]
    )


def lease(cluster: Cluster, name: str) -> dict[str, Any]:
    """That of the target; empty where there is none."""
    return cluster.told("GET", f"/apis/coordination.k8s.io/v1/namespaces/{name}/leases/gonogo-{name}") or {}


def held(lease: Mapping[str, Any]) -> str:
    """By whom; empty where by nobody."""
    return str(lease.get("spec", {}).get("holderIdentity") or "")


def _filled(text: str, **given: str) -> str:
    for key, value in given.items():
        text = text.replace(key, value)
    return text
