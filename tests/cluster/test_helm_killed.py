"""Who deploys is killed at any moment: nothing of it lives on, the next `up` works, `sweep` brings the cluster back.

A moment is random, from a seed that is printed; ``GONOGO_TEST_SEED`` says it again. What ended before its moment is
begun anew with an earlier one. What the cluster holds of the target is compared, object by object.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from secrets import randbelow, token_hex

import pytest
from cluster.inventory import inventory, settled
from cluster.killed import Shell, definition, held, helm_killed, killed_after, lease, platform, state
from cluster.live import Cluster

from gonogo.core.waiting import pause

TYPICAL = {"up": 20.0, "down": 15.0, "pytest": 60.0}
"""Seconds that each works on the target where nobody kills it; less in a scene where one was seen to."""

EARLY = 0.15
"""The share of those that may be killed before they work on the target."""

HELMS = {"up": ("upgrade", "upgrade", "template"), "down": ("uninstall",)}

TURNS = 10


@dataclass
class Scene:
    """One target that nobody else has, and what the cluster held of it before: nothing."""

    cluster: Cluster
    folder: Path
    name: str
    file: Path
    random: Random
    operated: bool
    releases: int
    shell: Shell = field(default_factory=Shell)
    takes: dict[str, float] = field(default_factory=TYPICAL.copy)
    count: int = 0

    def log(self) -> Path:
        """A file for what the next process prints."""
        self.count += 1
        return self.folder / f"{self.count}.log"

    def words(self, what: str) -> list[str]:
        """The command line of what is killed, after ``python -m``."""
        target = ["--target", str(self.file)]
        if what == "pytest":
            return ["pytest", "suites/", "-m", "critical", "-q", "--out", str(self.folder / "out"), *target]
        return ["gonogo", what, *(["--yes"] if what == "down" else []), *target]

    def gonogo(self, *words: str) -> str:
        """What it said, once it ended well."""
        code, said = self.shell.gonogo(*words, "--target", str(self.file), log=self.log())
        assert code == 0, f"gonogo {' '.join(words)} ended with {code}\n{said[-4000:]}"
        return said

    def holder(self) -> str:
        """Who works on the target, as its Lease says it."""
        return held(lease(self.cluster, self.name))

    def killed(self, what: str) -> None:
        """Begin it and kill it at a random moment; nothing of it may live on."""
        for _ in range(5):
            moment, early = self.random.uniform(0, self.takes[what]), self.random.random() < EARLY
            before, process = self.holder(), self.shell.start(*self.words(what), log=self.log())
            while not early and process.poll() is None and self.holder() in (before, ""):
                pause(0.1, reason="it has not begun to change anything")
            begun = time.monotonic()
            if killed_after(process, moment):
                break
            self.takes[what] = time.monotonic() - begun
            if what == "down":
                self.gonogo("up")
        else:
            pytest.fail(f"{what} could not be killed: it always ended before")
        since = "start" if early else "Lease was taken"
        said(f"{what} killed {moment:.1f} s after its {since}; left: {state(self.cluster, self.name)}")
        assert self.shell.nobody_lives() == []

    def helm_killed(self, what: str) -> str:
        """Begin it and kill one of its helms; what it said, once it ended well all the same."""
        while True:
            log = self.log()
            process = self.shell.start(*self.words(what), log=log)
            verb = helm_killed(self.shell, process, self.random, self.random.choice(HELMS[what]), self.releases)
            assert process.wait(300) == 0, log.read_text()[-4000:]
            if verb:
                said(f"{verb} killed under {what}")
                assert "signal 9" in log.read_text()
                return log.read_text()
            self.gonogo("down" if what == "up" else "up", *(["--yes"] if what == "up" else []))

    def works(self) -> None:
        """The next `up` makes what is missing, and all of it does what it must."""
        self.gonogo("up")
        self.gonogo("check", "-m", "critical", "--out", str(self.folder / "out"))

    def swept(self) -> None:
        """`sweep` takes down all that is not to stay: nothing, where the killed one was not at work yet or any more."""
        stands = "kept nothing" not in state(self.cluster, self.name)
        before = inventory(self.cluster, self.name) if stands or self.operated else set()
        told = self.gonogo("sweep", "--yes")
        if stands:
            assert inventory(self.cluster, self.name) == before
            said("all of it is to stay")
            self.gonogo("down", "--yes")
        elif self.operated and definition(self.name) <= before and "was left behind" not in told:
            assert f"stays: CustomResourceDefinition gadgets.{self.name}.test" in told

    def as_before(self) -> None:
        """What is left is the definition that no release holds, if it was made; and with ``--crds`` nothing."""
        if self.operated:
            left = definition(self.name) & inventory(self.cluster, self.name)
            assert settled(self.cluster, self.name, left) == left
            self.gonogo("down", "--yes", "--crds")
        assert settled(self.cluster, self.name, set()) == set()


def components(turn: int) -> list[str]:
    """What a turn deploys: one component, more in each third turn, what needs both in the last one."""
    return ["postgresql", *(["s3"] if turn % 3 == 0 else []), *(["mlflow"] if turn == TURNS - 1 else [])]


def said(line: str) -> None:
    """For who repeats it, or looks into what was left."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@pytest.fixture
def scene(cluster: Cluster, kubeconfig: Path, images: None, tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    """Makes the scene of some components; what is left after a failure is taken away."""
    made: list[Scene] = []

    def make(*wanted: str, operated: bool = True) -> Scene:
        seed = int(os.environ.get("GONOGO_TEST_SEED") or randbelow(1_000_000))
        name = f"gonogo-test-{token_hex(3)}-killed"
        said(f"seed {seed}, target {name}")
        kube_system = cluster.find("Namespace", "kube-system") or {}
        folder = tmp_path / "platform"
        folder.mkdir()
        file = platform(folder, name, kube_system["metadata"]["uid"], str(kubeconfig), wanted, operated=operated)
        made.append(Scene(cluster, tmp_path, name, file, Random(seed), operated, len(wanted) + operated))
        return made[-1]

    yield make
    for one in made:
        for pid, _ in list(one.shell.descendants()):
            subprocess.run(["kill", "-9", str(pid)], check=False, capture_output=True)
        if inventory(cluster, one.name):
            one.shell.gonogo("down", "--yes", "--crds", "--target", str(one.file), log=one.log())
        for left in inventory(cluster, one.name):
            kind, _, name = left.partition("/")
            if kind in ("namespaces", "customresourcedefinitions"):
                cluster.delete({"n": "Namespace", "c": "CustomResourceDefinition"}[kind[0]], name)


@pytest.mark.slow  # 234 s on a busy machine
def test_each_is_killed_once(scene: Callable[..., Scene]) -> None:
    here = scene("postgresql")

    here.killed("up")
    here.helm_killed("up")
    here.works()
    here.killed("down")
    here.killed("pytest")
    here.swept()

    here.as_before()


def test_a_helm_that_is_killed_each_time_is_no_fault_of_the_chart(scene: Callable[..., Scene]) -> None:
    here = scene("postgresql")
    always = here.folder / "bin/helm"
    always.parent.mkdir()
    always.write_text(f'#!/bin/sh\n[ "$1" = upgrade ] && kill -9 $$\nexec {shutil.which("helm")} "$@"\n')
    always.chmod(0o755)
    here.shell.env = {"PATH": f"{always.parent}:{os.environ['PATH']}"}

    code, told = here.shell.gonogo("up", "--target", str(here.file), log=here.log())
    here.shell.env = {}
    here.swept()

    assert code == 3, told
    assert "`helm upgrade` of operator was ended from outside by signal 9, and is run once more" in told
    assert "by signal 9, again" in told
    here.as_before()


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(TURNS))
@pytest.mark.parametrize("what", ["up", "down", "pytest"])
def test_killed(what: str, turn: int, scene: Callable[..., Scene]) -> None:
    here = scene(*components(turn), operated=turn == 0)
    if what == "down":
        here.gonogo("up")

    here.killed(what)
    if turn % 2:
        here.works()
        here.gonogo("down", "--yes")
    else:
        here.swept()

    here.as_before()


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(TURNS))
@pytest.mark.parametrize("what", ["up", "down"])
def test_helm_killed(what: str, turn: int, scene: Callable[..., Scene]) -> None:
    here = scene(*components(turn), operated=turn == 0)
    if what == "down":
        here.gonogo("up")

    here.helm_killed(what)
    if what == "up":
        here.gonogo("check", "-m", "critical", "--out", str(here.folder / "out"))
        here.gonogo("down", "--yes")

    here.as_before()
