"""Faults injected on purpose: a check that was never seen red proves nothing.

A drill is data (``suites/<component>/drills.toml``, or a file there whose name ends so): one fault, the criteria that
must see it, the outcome and cause they must show, and what must stay green meanwhile. Every fault is restored.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

import msgspec

from gonogo.catalog.registry import Component, Registry
from gonogo.catalog.target import Target
from gonogo.checks.certificates import ending
from gonogo.core.content import SUITES, Content, alone, state
from gonogo.core.endpoints import Endpoints, Secret
from gonogo.core.errors import ConfigError, Cut, Gone, GonogoError, Problem, Refused, TimedOut, Unavailable
from gonogo.core.files import load_toml, suggestion
from gonogo.core.outcomes import Mode, Outcome, Struct
from gonogo.providers import Deploys, Explains, Provider, close
from gonogo.providers.choose import unbreakable
from gonogo.results.model import CriterionResult, Results
from gonogo.results.timeline import Timeline
from gonogo.run.plan import unsupported
from gonogo.run.platform import SEEN, Platform
from gonogo.run.progress import Screen, original_stderr
from gonogo.run.session import Given, Session
from gonogo.run.standing import Fallen

FILE = "drills.toml"
RED = (Outcome.FAILED, Outcome.BROKEN, Outcome.BLOCKED)
"""The outcomes of a criterion that has seen the fault."""


TLS, HOST = "tls", "host"
"""What a drill may need of a target."""

SILENT = (Refused, Cut, Gone, TimedOut, Unavailable)
"""What says of a component no more than that it does not answer."""

COLOURS = {"✓": "green", "✗": "red", "–": "yellow"}
"""Of a drill that was seen and blamed right, of one that was not, and of one that the target cannot hold."""


class Fault(Struct, frozen=True, kw_only=True):
    """What is done: exactly one of the five.

    ``kill`` and ``hang`` name a node, ``endpoints`` replaces what the client is given, ``call`` names a
    context manager ``drill_<call>`` of the component's client, ``certificate`` the days after which the one ends that
    we show.
    """

    kill: str | None = None
    hang: str | None = None
    endpoints: dict[str, Any] | None = None
    call: str | None = None
    certificate: int | None = None

    def __post_init__(self) -> None:
        if sum(getattr(self, key) is not None for key in self.__struct_fields__) != 1:
            raise ValueError(f"a fault is exactly one of {', '.join(self.__struct_fields__)}")

    @property
    def breaking(self) -> tuple[str, str] | None:
        """How a node is broken, and which; None where the fault is another one."""
        if self.kill is not None:
            return "kill", self.kill
        return None if self.hang is None else ("hang", self.hang)

    def __str__(self) -> str:
        if self.endpoints is not None:
            return "other " + ", ".join(self.endpoints)
        if self.call is not None:
            return self.call.replace("_", " ")
        if self.certificate is not None:
            return f"our certificate ends in {self.certificate} days"
        return " ".join(self.breaking or ())


class Expectation(Struct, frozen=True, kw_only=True):
    """One table of the file. ``asks`` must all show ``outcome`` and ``cause``; ``green`` must pass.

    ``needs`` "tls": there is such a fault only where the component is asked with TLS; "host": it is made on the machine
    that its servers run on. Elsewhere the drill is left out.
    """

    fault: Fault
    asks: tuple[str, ...]
    outcome: Outcome
    cause: str
    green: tuple[str, ...] = ()
    needs: Literal["", "tls", "host"] = ""


@dataclass(frozen=True)
class Drill:
    """One fault of one component; ``name`` is ``<component>.<table>``."""

    name: str
    component: str
    expected: Expectation

    def listed(self) -> ListedDrill:
        """As ``gonogo drill --list`` shows it."""
        return ListedDrill(
            name=self.name,
            component=self.component,
            fault=str(self.expected.fault),
            asks=self.expected.asks,
            expected=f"{self.expected.outcome} {self.expected.cause}",
            green=self.expected.green,
        )


class ListedDrill(Struct, frozen=True, kw_only=True):
    """A drill that there is: a row of the verb's table."""

    name: str
    component: str
    fault: str
    asks: tuple[str, ...]
    expected: str
    green: tuple[str, ...]


class DrillRow(Struct, frozen=True, kw_only=True):
    """What became of one drill: a row of the verb's table. Where it is not ``held``, the target cannot be asked."""

    name: str
    component: str
    fault: str
    expected: str
    outcome: str
    cause: str
    seen: bool
    blamed_right: bool
    seconds: float
    why: str = ""
    held: bool = True


def catalogue(place: Content | Path, registry: Registry, names: Iterable[str] = ()) -> list[Drill]:
    """The drills by name; ``names`` are drills or components. Raises ``ConfigError`` for unknown ones."""
    drills: list[Drill] = []
    problems: list[Problem] = []
    for path in alone(place).files(f"{SUITES}/*/*{FILE}"):
        for key, expected in load_toml(path, dict[str, Expectation]).items():  # type: ignore[type-var]
            for criterion in (*expected.asks, *expected.green):
                if criterion not in registry.criteria:
                    near = suggestion(criterion, registry.criteria)
                    problems.append(Problem(f"{path}: {key}", f"unknown criterion {criterion!r}", near))
            drill = Drill(f"{path.parent.name}.{key}", path.parent.name, expected)
            if any(one.name == drill.name for one in drills):
                problems.append(Problem(f"{path}: {key}", "there is a drill of this name in another file"))
            drills.append(drill)
    known = {d.name for d in drills} | {d.component for d in drills}
    problems += [Problem(n, "no such drill or component", suggestion(n, known)) for n in names if n not in known]
    if problems:
        raise ConfigError(*problems)
    return [d for d in drills if not names or {d.name, d.component} & set(names)]


def run_drills(registry: Registry, target: Target, drills: list[Drill]) -> list[DrillRow]:
    """Inject each fault in turn on the platform that is up, or on one of its own; a row each.

    What the target declares unsupported is not injected, and its row says so.

    Raises ``ConfigError`` where the target does not allow that, ``Fallen`` where not all components answer.
    """
    if not target.allows(Mode.DISRUPT):
        allowed = ", ".join(target.modes)
        raise ConfigError(Problem(str(target.path), f"modes allows {allowed}; drills need mode {Mode.DISRUPT}"))
    screen = Screen(original_stderr())
    platform = Platform(registry, target, mode=Mode.DISRUPT, report=screen.tell)
    asked = {c.partition(".")[0] for d in drills for c in (*d.expected.asks, *d.expected.green)}
    held_back = unsupported(registry, target)
    wanted = (asked | {d.component for d in drills}) & registry.components.keys() - held_back.keys()
    names = [name for name in registry.ordered(wanted) if name not in held_back]
    own = not platform.there(names)
    try:
        with screen:
            (platform.bring_up if own else platform.attach)(names)
            fallen = [s for s in map(platform.standing, names) if not s.up]
        if fallen:
            raise Fallen(*fallen)
        rows = []
        for number, drill in enumerate(drills, 1):
            why = _unheld_for(platform, drill, held_back)
            drill = replace(drill, expected=_asked_here(drill.expected, held_back))
            seen = _unheld(drill, why) if why else drilled(platform, drill)
            mark = "–" if why else "✓" if seen.seen and seen.blamed_right else "✗"
            told = f"{mark} {number}/{len(drills)} {seen.name:<36} {seen.outcome} {seen.cause}  {seen.seconds:.1f} s"
            screen.news(f"{told}  {seen.why}".rstrip(), COLOURS[mark])
            rows.append(seen)
        return rows
    finally:
        if own and isinstance(platform.provider, Deploys):
            platform.provider.down()
        close(platform.provider)


def _unheld(drill: Drill, why: str) -> DrillRow:
    """A drill that is not run: the target cannot be asked what must see its fault."""
    fault, expected = str(drill.expected.fault), f"{drill.expected.outcome} {drill.expected.cause}"
    return DrillRow(
        name=drill.name,
        component=drill.component,
        fault=fault,
        expected=expected,
        outcome=Outcome.UNSUPPORTED,
        cause="",
        seen=False,
        blamed_right=False,
        seconds=0.0,
        why=why,
        held=False,
    )


def _unheld_for(platform: Platform, drill: Drill, held_back: Mapping[str, str]) -> str:
    """Why the target cannot hold the fault, or cannot be asked what must see it; empty where it can."""
    needed = [drill.component, *(key for one in drill.expected.asks for key in (one, one.partition(".")[0]))]
    reasons = {**held_back, **platform.target.unsupported}
    if lacking := [reason for key in needed if (reason := reasons.get(key))]:
        return lacking[0]
    expected, component = drill.expected, platform.registry.components[drill.component]
    if expected.needs == TLS and not _encrypted(platform, drill.component):
        return f"{drill.component} is asked without TLS, and the fault is one of TLS"
    host = expected.needs == HOST or expected.fault.certificate is not None  # whose authority's key lies beside it
    if host and not platform.target.gives(HOST):
        return f"the fault is made on the servers' own machine: target {platform.target.name!r} lacks capability 'host'"
    if breaking := expected.fault.breaking:
        return unbreakable(platform.target, component, *breaking)
    return ""


def _asked_here(expected: Expectation, held_back: Mapping[str, str]) -> Expectation:
    """Without what must stay green of components that the target does not have."""
    green = tuple(one for one in expected.green if one.partition(".")[0] not in held_back)
    return msgspec.structs.replace(expected, green=green)


def _encrypted(platform: Platform, name: str) -> bool:
    """Whether the component is asked with TLS, as far as anybody can tell."""
    component = platform.registry.components[name]
    endpoints = platform.provider.attached(component)
    return endpoints is not None and component.encrypted(endpoints.addresses) is True


def drilled(platform: Platform, drill: Drill) -> DrillRow:
    """One fault, from its injection to its restoration."""
    timeline = Timeline()
    began, expected = timeline.now, drill.expected
    showed: dict[str, Showed] = {}
    why = ""
    try:
        with fault(platform, drill) as provider:
            showed = by_criterion(asked_under(platform, provider, (*expected.asks, *expected.green)))
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
    asked = {c: showed.get(c, Showed(Outcome.MISSING)) for c in (*expected.asks, *expected.green)}
    red = {c: asked[c] for c in expected.asks}
    pale = {c: asked[c] for c in expected.green if asked[c].outcome is not Outcome.PASSED}
    blamed = not why and all(_blamed(platform, drill, s) for s in red.values())
    if not why and pale:
        why = "not green: " + "; ".join(f"{c} {s}" for c, s in pale.items())
    elif not why and not blamed:
        why = "; ".join(f"{c} {s}" for c, s in red.items())
    first = red[expected.asks[0]]
    return DrillRow(
        name=drill.name,
        component=drill.component,
        fault=str(expected.fault),
        expected=f"{expected.outcome} {expected.cause}",
        outcome=first.outcome,
        cause=", ".join(first.causes),
        seen=all(s.outcome in RED for s in red.values()),
        blamed_right=blamed and not pale,
        seconds=round(timeline.now - began, 2),
        why=why,
    )


def _blamed(platform: Platform, drill: Drill, showed: Showed) -> bool:
    """Whether a criterion shows what it must; of servers that are silent that may be what the provider sees of them."""
    expected, name = drill.expected, drill.component
    if showed.outcome is expected.outcome and expected.cause in showed.causes:
        return True
    silent = expected.fault.breaking is not None and expected.cause in (f"{name}.{one.kind}" for one in SILENT)
    seen = showed.outcome is Outcome.FAILED and f"{name}.{SEEN}" in showed.causes
    return silent and seen and isinstance(platform.provider, Explains)


class Showed(NamedTuple):
    """What one criterion showed under a fault: its outcome, and the signatures its checks blamed."""

    outcome: Outcome
    causes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.outcome} {', '.join(self.causes)}".rstrip()


def by_criterion(results: Results) -> dict[str, Showed]:
    """Criterion to what it showed; one that was not asked, since its own component does not answer, as that did."""
    said = {c.name: c.answers for c in results.components} | {c.id: c.outcome for c in results.criteria}

    def outcome(criterion: CriterionResult) -> Outcome:
        by = criterion.blocked_by
        own = by in (criterion.component, f"{criterion.component}.answers")
        return said[by] if own and by in said else criterion.outcome

    blamed = {c.nodeid: c.cause.signature for c in results.checks if c.cause is not None}
    causes = {c.id: tuple(sorted({blamed[n] for n in c.checks if n in blamed})) for c in results.criteria}
    return {c.id: Showed(outcome(c), causes[c.id]) for c in results.criteria}


@contextmanager
def fault(platform: Platform, drill: Drill) -> Iterator[Provider]:
    """The fault for the time of the body, which sees the platform through the provider it is given."""
    what, name = drill.expected.fault, drill.component
    provider: Provider = platform.provider
    breaking: AbstractContextManager[Any] = nullcontext()
    with platform.client(name) as client, TemporaryDirectory() as folder:
        if what.endpoints is not None:
            provider = Altered(provider, name, what.endpoints)
        elif what.certificate is not None:
            provider = Altered(provider, name, _ending(client.endpoints, what.certificate, Path(folder)))
        elif what.call is not None:
            breaking = getattr(client, f"drill_{what.call}")()
        elif what.breaking is not None:
            breaking = platform.disturbed(name, *what.breaking)
        with breaking:
            yield provider


def _ending(endpoints: Endpoints, days: int, folder: Path) -> dict[str, Any]:
    """The endpoints with a certificate of ours that ends soon, by the platform's authority: its key lies beside it."""
    inner = endpoints.get("security")
    ca, cert = (inner["ssl_cafile"], inner["ssl_certfile"]) if inner else (endpoints["ca"], endpoints["cert"])
    key = Path(ca).with_name("ca.key").read_bytes()
    (soon := folder / "ending.crt").write_bytes(ending(Path(cert).read_bytes(), key, days=days))
    return {"security": {**endpoints["security"], "ssl_certfile": str(soon)}} if inner else {"cert": str(soon)}


def asked_under(platform: Platform, provider: Provider, criteria: Iterable[str]) -> Results:
    """The results of the checks of these criteria, asked by pytest in this process."""
    root = platform.registry.root
    # without a terminal reporter there are no options of its own, such as a `-ra` in addopts
    arguments = ["-p", "no:terminal", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib"]
    arguments += ["--mode", "write"]
    arguments += ["--out", str(state(root) / "drills")]
    for criterion in criteria:
        arguments += ["--criterion", criterion]
    with Path(os.devnull).open("w") as nowhere:
        session = Session(platform.registry.content, Given(provider, platform.target, nowhere))
        code = session.run(arguments)
    if session.results is None:
        raise GonogoError(f"pytest ended with {code} before it had results")
    return session.results


class Altered:
    """A provider whose one component is reached with other endpoints: a wrong password, a strange name."""

    def __init__(self, provider: Provider, component: str, changes: Mapping[str, Any]) -> None:
        self._provider, self._component, self._changes = provider, component, changes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # what it stands for is what it can (`isinstance` of Python 3.12 asks no __getattr__)
        return type(self._provider)

    def attached(self, component: Component) -> Endpoints | None:
        """The endpoints with the changes; a secret stays one."""
        endpoints = self._provider.attached(component)
        if endpoints is None or component.name != self._component:
            return endpoints
        secrets, addresses = dict(endpoints.secrets), dict(endpoints.addresses)
        for key, value in self._changes.items():
            if key in secrets:
                secrets[key] = Secret(str(value))
            else:
                addresses[key] = value
        return replace(endpoints, secrets=secrets, addresses=addresses)
