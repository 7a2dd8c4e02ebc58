"""However the owner of a platform ends, nothing of the platform does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gonogo.core.waiting import until
from gonogo.providers.embedded import keeper, platforms
from gonogo.providers.embedded.provider import Embedded
from tests.small_servers import component, marked, pids, ready, runs

SLOW = '[[prepare]]\nargv = ["/bin/sleep", "1000"]\n'


class Owner:
    """A process that owns a platform, below a path with spaces and letters beyond ASCII, in locale C."""

    def __init__(self, folder: Path) -> None:
        self.root, self.home = folder / "ein Checkout ö", folder / "home"
        self.root.mkdir()
        self.home.mkdir()
        self.process: subprocess.Popen[str] | None = None

    def start(self, what: str) -> None:
        """Begin."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.platform_owner", str(self.root), str(self.home), what],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent.parent,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def until_it_says(self, words: str) -> None:
        """Returns once a line begins with these words."""
        assert self.process
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith(words):
                return
        raise AssertionError(f"it never said {words!r}")

    def platform(self) -> platforms.KnownPlatform:
        """The one that is up."""
        (one,) = platforms.listed(self.home)
        return one

    def family(self) -> list[keeper.Process | None]:
        """Every process of the server, once all of them run."""
        log = self.platform().logs("echo") / "one.log"
        until(lambda: log.exists() and len(pids(log.read_text())) == 4, awaited="the family", within=10)
        return [keeper.process(pid) for pid in pids(log.read_text()).values()]

    def end(self, number: int) -> None:
        """Signal it, and wait for its own end."""
        assert self.process
        self.process.send_signal(number)
        self.process.wait(20)


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    """An owner, gone afterwards with all that is its."""
    one = Owner(tmp_path)
    yield one
    if one.process:
        with one.process:
            one.process.kill()
    platforms.end_all(one.home)


def gone(platform: platforms.KnownPlatform, family: list[keeper.Process | None]) -> bool:
    """Whether nothing of the platform is left: no process, no data, no record."""
    return not any(
        (platform.alive, marked(platform.id), any(map(runs, family)), platform.folder.exists(), platform.path.exists())
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    ("moment", "options", "more"),
    [
        ("preparing configuration", "", SLOW),
        ("preparing one: sleep", "", SLOW),
        ("starting one", "silent family deaf", ""),
        ("up", "family deaf", ""),
    ],
)
def test_nothing_survives_the_owner(owner: Owner, number: int, moment: str, options: str, more: str) -> None:
    component(owner.root, options=options, more=more)
    owner.start("wait")
    owner.until_it_says(moment)
    platform = owner.platform()
    family = owner.family() if moment == "up" else []
    owner.end(number)
    until(lambda: gone(platform, family), awaited="the end of everything", within=10)
    assert platforms.clean(owner.home) == []


def test_nothing_survives_an_owner_that_is_killed_while_taking_down(owner: Owner) -> None:
    component(owner.root, options="family deaf")
    owner.start("down")
    owner.until_it_says("up")
    platform, family = owner.platform(), owner.family()
    owner.until_it_says("down")
    owner.end(signal.SIGKILL)
    until(lambda: gone(platform, family), awaited="the end of everything", within=10)
    assert platforms.listed(owner.home) == []


def test_a_forked_child_of_the_owner_does_not_hold_the_platform(owner: Owner) -> None:
    component(owner.root, options="family")
    owner.start("fork")
    owner.until_it_says("up")
    platform, family = owner.platform(), owner.family()
    owner.end(signal.SIGKILL)
    until(lambda: gone(platform, family), awaited="the end of everything", within=10)
    assert platforms.listed(owner.home) == []


def test_what_survived_a_killed_keeper_ends_with_the_next_run(owner: Owner) -> None:
    echo = component(owner.root, options="family deaf")
    owner.start("wait")
    owner.until_it_says("up")
    platform = owner.platform()
    told = dict(zip(pids((platform.logs("echo") / "one.log").read_text()), owner.family(), strict=False))
    keeper.send(platform.record.keeper, platform.record.keeper_start, signal.SIGKILL)
    owner.end(signal.SIGKILL)
    until(lambda: not runs(told["serving"]), awaited="the server, which dies with its keeper", within=5)
    left = marked(platform.id)
    provider = Embedded(owner.root, home=owner.home)
    provider.up(echo, {}, ready, lambda _: None)
    assert left
    assert not marked(platform.id)
    assert not platform.folder.exists()
    provider.down()
    nameless = told["nameless"]  # it forgot its environment and its keeper is gone: nobody can know it
    assert nameless
    keeper.send(nameless.pid, nameless.start, signal.SIGKILL)


def test_a_kept_platform_outlives_its_owner_until_another_process_takes_it_down(owner: Owner) -> None:
    echo = component(owner.root, options="family")
    owner.start("keep")
    owner.until_it_says("up")
    family = owner.family()
    owner.until_it_says("end")
    owner.end(0)
    other = Embedded(owner.root, home=owner.home)
    endpoints = other.attached(echo)
    assert endpoints
    ready(endpoints)
    platform = owner.platform()
    other.down()
    assert gone(platform, family)


def test_a_kept_platform_ends_without_its_checkout(owner: Owner) -> None:
    component(owner.root)
    owner.start("keep")
    owner.until_it_says("end")
    owner.end(0)
    assert Embedded(owner.root, home=owner.home).evidence("echo")  # whose logs are to be kept in the checkout
    owner.root.rename(owner.root.with_name("elsewhere"))
    platform = owner.platform()
    assert platforms.end_all(owner.home) == [platform.id]
    assert gone(platform, [])
    assert not owner.root.exists()
