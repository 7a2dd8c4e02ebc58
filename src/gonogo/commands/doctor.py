"""``gonogo doctor``: what this machine lacks for a target, a row each, with the fix.

Each question is asked for real, and is bounded. What the embedded target needs is asked where ``gonogo plan`` asks it;
a target that attaches needs less, and the rows of what it does not need say so. Nothing is started, and nothing but
``GONOGO_HOME`` is made.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from enum import StrEnum
from functools import cached_property
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
from msgspec.structs import replace

from gonogo.catalog.registry import Component, Registry
from gonogo.catalog.target import Kubernetes, Target, asked
from gonogo.checks import clients
from gonogo.commands.checkout import loaded
from gonogo.commands.tables import Form, coloured, columns, for_programs
from gonogo.core.content import Content, Folder
from gonogo.core.endpoints import Timeouts
from gonogo.core.errors import ClientError, ConfigError, Problem
from gonogo.core.home import VARIABLE, home
from gonogo.core.ours import NotOurs
from gonogo.core.outcomes import Code, Outcome, Struct
from gonogo.core.outlet import say
from gonogo.providers.machine import ELSEWHERE, kind, unfit
from gonogo.render.blocks import block
from gonogo.run.plan import unsupported

PATIENCE = 5.0
"""Seconds that a server, a mirror or a program may take for its answer."""

SPARE = 2.0
"""Seconds that pip itself may take beside its one question."""

ASKED = "pip"
"""The package that a mirror is asked for: one that none is without."""

INSTALL = "{python} -m pip install 'gonogo[{extra}]'"

T = TypeVar("T")


class Lack(StrEnum):
    """What a row comes to."""

    OK = "ok"
    LACKING = "lacking"
    COULD_NOT_TELL = "could not tell"
    NOT_NEEDED = "not needed"


SHADES = {Lack.OK: "32", Lack.LACKING: "31", Lack.COULD_NOT_TELL: "35", Lack.NOT_NEEDED: "2"}


class Finding(msgspec.Struct, frozen=True):
    """One thing: what was seen of it, and the fix. ``needed``: the target cannot do without."""

    what: str
    state: Lack
    seen: str
    fix: str = ""
    needed: bool = True


class DoctorAnswer(Struct, frozen=True, kw_only=True):
    """What ``-o json`` prints."""

    schema: Literal["gonogo/doctor/1"] = "gonogo/doctor/1"
    rows: tuple[Finding, ...]


def run(target: str | None, form: Form) -> Code:
    """Print the rows; their code."""
    rows = examined(*loaded(target))
    lacking = (row.what for row in rows if row.needed and row.state is not Lack.OK)
    if not for_programs(DoctorAnswer(rows=tuple(rows)), form, lacking):
        say(text(rows, colour=coloured(), width=columns()))
    return code(rows)


def lacking(what: str, problems: Iterable[Problem]) -> Finding:
    """A row of the problems that somebody else has found."""
    problems = list(problems)
    fixes = dict.fromkeys(problem.hint for problem in problems if problem.hint)
    return Finding(what, Lack.LACKING, "; ".join(problem.what for problem in problems), "; ".join(fixes))


def examined(root: Path, registry: Registry, target: Target) -> list[Finding]:
    """Every row, in the order in which things are needed. Raises nothing for what is found."""
    with closing(Index()) as index:  # pip asks while the rest is looked at
        lacking = unsupported(registry, target)
        held = [target.variant(one) for name, one in registry.components.items() if name not in lacking]
        secured = target.tls is not None
        rows = [
            python(),
            *(embedded(root, held, secured=secured) if target.provider == "embedded" else attaching(target)),
        ]
        rows.append(libraries(registry.content, held))
        installing = any(row.state is Lack.LACKING for row in rows if row.what in ("server programs", "clients"))
        rows.append(index.row(needed=installing))
        rows += [cluster(registry, target), kubectl(), helm(needed=target.provider == "helm")]
    return rows


def code(rows: Iterable[Finding]) -> Code:
    """The exit code: 0 nothing that is needed is lacking, 1 something is, 3 that could not be told of all."""
    needed = {row.state for row in rows if row.needed}
    outcomes = {Lack.LACKING: Outcome.FAILED, Lack.COULD_NOT_TELL: Outcome.BROKEN}
    return Code.of(*(outcomes[state] for state in needed & outcomes.keys()))


# -- what is run, and on what


def python(version: tuple[int, ...] = sys.version_info[:2], distribution: str = "gonogo") -> Finding:
    """The interpreter, against what the package declares (core metadata, ``Requires-Python``)."""
    shown = ".".join(map(str, version))
    try:
        wanted = metadata.metadata(distribution)["Requires-Python"] or ""
    except metadata.PackageNotFoundError:
        wanted = ""
    bounds = re.findall(r"(>=|<)\s*(\d+)\.(\d+)", wanted)
    if not bounds:
        return Finding(
            "python", Lack.COULD_NOT_TELL, f"{shown}; no package says which it needs", "install gonogo by pip"
        )
    fits = all((version >= (int(a), int(b))) if sign == ">=" else (version < (int(a), int(b))) for sign, a, b in bounds)
    if fits:
        return Finding("python", Lack.OK, f"{shown}, {wanted} is needed")
    return Finding("python", Lack.LACKING, f"{shown}, {wanted} is needed", "install such a Python, and gonogo into it")


ROOM = ("memory", "data", "open files")
"""What :func:`gonogo.providers.embedded.room.room_for` finds short beside ``GONOGO_HOME``."""

OF_SERVERS = ("server programs", *ROOM, "repository", "stale platforms")


def attaching(target: Target) -> Iterator[Finding]:
    """Of what servers need, nothing: they run elsewhere."""
    for what in ("platform", VARIABLE, *OF_SERVERS):
        yield Finding(what, Lack.NOT_NEEDED, f"target {target.name!r} starts nothing here", needed=False)


def embedded(root: Path, components: list[Component], *, secured: bool) -> Iterator[Finding]:
    """What real servers on this machine need; ``secured``: those of a target on which they speak TLS."""
    if why := unfit():
        yield Finding("platform", Lack.LACKING, why, ELSEWHERE)
        for what in (VARIABLE, *OF_SERVERS):
            yield Finding(what, Lack.NOT_NEEDED, "no server of ours runs on such a machine", needed=False)
        return
    yield Finding("platform", Lack.OK, kind())
    try:
        place = home()
    except ConfigError as error:
        yield lacking(VARIABLE, error.problems)
        for what in OF_SERVERS:
            yield Finding(what, Lack.COULD_NOT_TELL, f"not without {VARIABLE}", f"see {VARIABLE}")
        return
    yield from Servers(root, components, place, secured=secured).rows()


class Servers:
    """The servers of some components, as far as they are not up, and what they need of ``GONOGO_HOME`` and machine."""

    def __init__(self, root: Path, components: Iterable[Component], place: Path, *, secured: bool) -> None:
        from gonogo.providers.embedded import platforms
        from gonogo.providers.embedded.spec import load

        self.place, self.secured = place, secured
        own = None
        with suppress(NotOurs, OSError):  # the row of platforms tells
            own = platforms.find(place, root)
        up = own.record.components if own is not None else {}
        known = ((load(one.folder), one.folder) for one in components if one.name not in up)
        self.specs = [(spec.securing() if secured else spec, folder) for spec, folder in known]

    def rows(self) -> Iterator[Finding]:
        """A row for each need."""
        short = {problem.where: problem for problem in self._short}
        free = shutil.disk_usage(self.place).free
        from gonogo.providers.embedded.room import available_memory, gib

        if VARIABLE in short:
            yield lacking(VARIABLE, [short[VARIABLE]])
        else:
            fetched = f"{gib(self._need.home)} have to be fetched" if self._need.home else "nothing has to be fetched"
            yield Finding(VARIABLE, Lack.OK, f"{self.place}: {fetched}, {gib(free)} free")
        yield self._programs()
        told = {
            "memory": f"needs {gib(self._need.memory)}, {gib(available_memory())} available",
            "data": f"needs {gib(self._need.data)} of disk while a run lasts, and has it",
            "open files": "the hard limit is high enough",
        }
        for what in ROOM:
            yield lacking(what, [short[what]]) if what in short else Finding(what, Lack.OK, told[what])
        yield self._repository()
        yield stale(self.place)

    @cached_property
    def _short(self) -> list[Problem]:
        from gonogo.providers.embedded.room import room_for

        try:
            room_for(self._need, self.place)
        except ConfigError as error:
            return error.problems
        return []

    @cached_property
    def _need(self) -> Any:
        """What they need, as far as it is known: of a program that is not installed nobody knows the size."""
        from gonogo.providers.embedded.room import MIB, Need

        try:
            return Need.of(self.specs, self.place)
        except ConfigError:
            memory, data = (sum(getattr(spec, key) for spec, _ in self.specs) * MIB for key in ("memory", "disk"))
            return Need(memory=memory, data=data, home=0, other_users=False)

    def _programs(self) -> Finding:
        """The Python packages that bring servers, Java among them."""
        from gonogo.providers.embedded.programs import installed

        found, problems = [], []
        for spec, folder in self.specs:
            for name, program in spec.programs.items():
                if program.package is not None:
                    try:
                        one = installed(program, f"program {name} of {folder.name}")
                        found.append(f"{name} of {one.package} {one.version}")
                    except ConfigError as error:
                        problems += error.problems
        if problems:
            row = lacking("server programs", problems)
            extra = "embedded-tls" if self.secured else "embedded"
            return replace(row, fix=INSTALL.format(python=sys.executable, extra=extra))
        return Finding("server programs", Lack.OK, ", ".join(dict.fromkeys(found)) or "all are there")

    def _repository(self) -> Finding:
        """The Maven repository, where a server still has to be fetched from it."""
        from gonogo.providers.embedded.repository import repository, user_settings

        try:
            absent = sum(1 for spec, folder in self.specs for _ in self._from_maven(spec, folder))
        except ConfigError:
            return Finding("repository", Lack.COULD_NOT_TELL, "not without the server programs", "see server programs")
        if not absent:
            return Finding("repository", Lack.NOT_NEEDED, "all that servers run from is there", needed=False)
        try:
            where = repository(user_settings())
            answered = bounded(lambda: _asked(where))
        except ConfigError as error:
            return lacking("repository", error.problems)
        seen = f"{where.host} ({where.setting}), for {absent} files"
        fix = "set a mirror in ~/.m2/settings.xml, or HTTPS_PROXY"
        if answered is None:
            return Finding("repository", Lack.COULD_NOT_TELL, f"{seen}: no answer within {PATIENCE:.0f} s", fix)
        if answered:
            return Finding("repository", Lack.LACKING, f"{seen}: {answered}", fix)
        return Finding("repository", Lack.OK, f"{seen}: answers")

    def _from_maven(self, spec: Any, folder: Folder) -> list[Path]:
        from gonogo.providers.embedded.environments import environment
        from gonogo.providers.embedded.fetch import missing
        from gonogo.providers.embedded.programs import installed

        elsewhere = {
            self.place / "programs" / (installed(one, name) if one.package else environment(name, folder / pins)).folder
            for name, one in spec.programs.items()
            if (pins := one.requirements or "") or one.package
        }
        return [path for path in missing(spec, folder, self.place) if path not in elsewhere]


def _asked(where: Any) -> str | None:
    """What stands between us and a repository; empty where it answers, whatever it has there; None for a time-out."""
    import httpx

    from gonogo.providers.embedded.repository import trust

    try:
        with httpx.Client(
            proxy=where.proxy, verify=trust(), auth=where.credentials, timeout=PATIENCE, trust_env=False
        ) as client:
            answer = client.head(f"{where.url}/", follow_redirects=True)
    except httpx.TimeoutException:
        return None
    except httpx.HTTPError as error:
        return str(error) or type(error).__name__
    refused = answer.status_code >= 500 or answer.status_code in (401, 407)
    return f"answers {answer.status_code}" if refused else ""


def stale(place: Path) -> Finding:
    """Platforms whose keeper was killed, servers without one, and records that nobody can believe."""
    from gonogo.providers.embedded import platforms

    try:
        dead = [one.id for one in platforms.abandoned(place)]
        orphans, strange = platforms.orphans(), platforms.strange(place)
    except (NotOurs, OSError) as error:
        return Finding(
            "stale platforms", Lack.LACKING, str(error), f"look at who made it below {place}, then move it away"
        )
    seen = [f"{one}: its keeper was killed" for one in dead]
    seen += [f"pid {one.pid}: a process of a killed keeper" for one in orphans]
    fixes = ["`gonogo sweep --yes` ends and removes what killed keepers left"] if seen else []
    if strange:
        fixes.append("look at the files that are not believed, then move them away")
    if fixes:
        return Finding("stale platforms", Lack.LACKING, "; ".join([*seen, *strange]), "; ".join(fixes))
    return Finding("stale platforms", Lack.OK, f"none; {len(platforms.listed(place))} up")


# -- packages


def libraries(content: Content, components: Iterable[Component]) -> Finding:
    """The client of every component, with the libraries that it asks with: loaded, as a check would."""
    loaded, problems = [], []
    for component in components:
        try:
            clients.load(content, component.name)
            loaded.append(component.name)
        except ConfigError as error:
            problems += [f"{component.name}: {problem.what}" for problem in error.problems]
        except Exception as error:
            # whatever a library does as it is loaded: here it is its fault, and the row says whose
            problems.append(f"{component.name}: {type(error).__name__}: {error}")
    if problems:
        fix = INSTALL.format(python=sys.executable, extra="platform")
        return Finding("clients", Lack.LACKING, "; ".join(problems), fix)
    return Finding("clients", Lack.OK, ", ".join(loaded) or "no component to ask")


class Index:
    """The Python package index, asked by pip itself, so that its own settings say which; in the background."""

    def __init__(self) -> None:
        self._process = None
        if find_spec("pip") is not None:
            told = ("--disable-pip-version-check", "--no-input", "--timeout", f"{PATIENCE:.0f}", "--retries", "0")
            command = [sys.executable, "-m", "pip", "index", "versions", *told, ASKED]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )

    def row(self, *, needed: bool) -> Finding:
        """What it said; ``needed``: something has to be installed."""
        row = self._row()
        if row.state is Lack.OK or needed:
            return row
        return replace(row, seen=f"{row.seen} (nothing has to be installed)", needed=False)

    def _row(self) -> Finding:
        if self._process is None:
            fix = f"{sys.executable} -m ensurepip"
            return Finding("package index", Lack.COULD_NOT_TELL, "this Python has no pip to ask it with", fix)
        fix = "look at `pip config list`, PIP_INDEX_URL and HTTPS_PROXY"
        try:
            _, said = self._process.communicate(timeout=PATIENCE + SPARE)
        except subprocess.TimeoutExpired:
            return Finding("package index", Lack.COULD_NOT_TELL, f"no answer within {PATIENCE + SPARE:.0f} s", fix)
        if self._process.returncode == 0:
            return Finding("package index", Lack.OK, "answers, by pip's settings")
        last = next((line for line in reversed(said.splitlines()) if line.strip()), "pip gave no reason")
        return Finding("package index", Lack.LACKING, f"pip finds no packages there: {last}", fix)

    def close(self) -> None:
        """Nothing of it stays."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


# -- a cluster


def cluster(registry: Registry, target: Target) -> Finding:
    """The cluster of the target, else that of the kubeconfig there is: whether its API server answers us."""
    from gonogo.cluster.api import VERSION, Api, Version, read

    needed = target.kubernetes is not None or asked(None) is not None
    settings = target.kubernetes or asked(None) or Kubernetes()
    if not needed and not _kubeconfig():
        seen = "no kubeconfig, and the target has no [kubernetes]"
        return Finding("cluster", Lack.NOT_NEEDED, seen, needed=False)

    def told() -> Finding:
        try:
            with closing(Api(settings, timeouts=Timeouts(connect=PATIENCE, check=PATIENCE))) as api:
                version = read(api, VERSION, Version).git_version
                return Finding("cluster", Lack.OK, f"context {api.context} answers: {version}")
        except ConfigError as error:
            return lacking("cluster", error.problems)
        except ClientError as error:
            state = Lack.LACKING if error.outcome is Outcome.FAILED else Lack.COULD_NOT_TELL
            return Finding("cluster", state, str(error), registry.signature(error.signature).hint)

    row = bounded(told)
    if row is None:
        fix = "see whether kubectl reaches it with the same context; a credential plugin may wait for somebody"
        row = Finding("cluster", Lack.COULD_NOT_TELL, f"no answer within {PATIENCE:.0f} s", fix)
    return replace(row, needed=needed)


def _kubeconfig() -> bool:
    named = os.environ.get("KUBECONFIG") or "~/.kube/config"
    files = [Path(os.path.expanduser(one)) for one in named.split(os.pathsep) if one]  # noqa: PTH111 - no user, no error
    return any(map(os.path.lexists, files)) or bool(os.environ.get("KUBERNETES_SERVICE_HOST"))


def kubectl() -> Finding:
    """The program that what is said by hand is typed with."""
    return _program("kubectl", ("version", "--client"), "gonogo asks the API server itself; its hints name kubectl")


def helm(*, needed: bool = False) -> Finding:
    """The program that deploys charts: of the version that is needed, where the target deploys by it."""
    if not needed:
        return _program("helm", ("version", "--short"), "this target deploys no charts; you may")
    from gonogo.providers.helm.program import found, versioned

    try:
        path = found()
        return Finding("helm", Lack.OK, f"{'.'.join(map(str, versioned(path)))} at {path}")
    except ConfigError as error:
        return lacking("helm", error.problems)


def _program(name: str, words: tuple[str, ...], purpose: str) -> Finding:
    """A program that may be there, and its version; it is never needed."""
    path = shutil.which(name)
    if path is None:
        return Finding(name, Lack.NOT_NEEDED, f"not found; {purpose}", needed=False)
    fix = f"try `{name} {' '.join(words)}` yourself"
    try:
        done = subprocess.run(
            [path, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return Finding(name, Lack.COULD_NOT_TELL, f"{path}: no answer within {PATIENCE:.0f} s", fix, needed=False)
    except (OSError, UnicodeDecodeError) as error:
        return Finding(name, Lack.LACKING, f"{path}: {error}", fix, needed=False)
    said = (done.stdout.strip() or done.stderr.strip() or "no word").splitlines()[0]
    if done.returncode != 0:
        return Finding(name, Lack.LACKING, f"{path} ends with {done.returncode}: {said}", fix, needed=False)
    return Finding(name, Lack.OK, f"{said}; {purpose}", needed=False)


def bounded(ask: Callable[[], T | None]) -> T | None:
    """What the question comes to; None where it has come to nothing within the patience: then it goes on alone.

    Raises what it raises.
    """
    came: list[T | None] = []
    raised: list[Exception] = []

    def asked() -> None:
        try:
            came.append(ask())
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=asked, name="doctor", daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if raised:
        raise raised[0]
    return came[0] if came else None


# -- as text


def text(rows: Iterable[Finding], *, colour: bool, width: int) -> str:
    """For people: what, its state and what was seen, and the fix below; no line is wider than ``width``."""
    lines = []
    for row in rows:
        told = [f"{row.state}: {row.seen}", *([f"  fix: {row.fix}"] if row.fix and row.state is not Lack.OK else [])]
        lines += block(row.what, told, colour=colour, width=width, beside=18, shade=SHADES[row.state])
    return "\n".join(lines)
