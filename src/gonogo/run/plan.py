"""What may run, decided once, at collection: a pure function of checks, registry, target and mode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from gonogo.catalog.registry import Component, Registry
from gonogo.catalog.target import Target, known_capabilities
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import suggestion
from gonogo.core.outcomes import Mode, Outcome, Skip, Struct
from gonogo.providers.choose import unbreakable
from gonogo.providers.machine import unfit
from gonogo.results.model import CriterionResult, TargetInfo, function_of
from gonogo.run.declared import Declared

MARKERS = frozenset({"criterion", "needs", "writes", "disrupts", "critical", "important", "optional"})
"""What a check may carry: the markers of docs/contract.md, and the levels that follow from its criterion."""

PYTEST_MARKERS = frozenset({"parametrize", "skip", "skipif", "xfail", "usefixtures", "filterwarnings"})

KUBERNETES = "kubernetes"

TLS = "tls"
"""What a check may need that no target declares: each component has it or not, as its addresses say."""

PODS = "pods"
"""What a target lacks that attaches to a component by an address, behind which nobody knows the pods."""


NODES = "nodes"
"""What a target lacks that cannot break the server on purpose that a check wants broken."""

WRITABLE = "write"
"""What a target lacks that does not name what of a component may be written, and has to."""

WAYS = ("kill", "hang", "restart")
"""How a server can be broken."""


class Planned(Struct, frozen=True, kw_only=True):
    """One check as collected. ``components_used`` are its criterion's component and its clients.

    ``needs`` are capabilities, ``breaks`` the words of each ``disrupts("kill", "store", "store-2")``, ``markers`` the
    names of all markers it carries; ``selected`` is false where an option left it out.
    """

    nodeid: str
    criteria: tuple[str, ...]
    component: str
    components_used: tuple[str, ...] = ()
    mode: Mode = Mode.READ
    needs: tuple[str, ...] = ()
    breaks: tuple[tuple[str, ...], ...] = ()
    selected: bool = True
    markers: tuple[str, ...] = ()


class Unasked(NamedTuple):
    """Why a selected check is not run: skipped or unsupported, the reason, and as fields what decides on it."""

    outcome: Outcome
    reason: str
    skip: Skip | None = None
    wants: Mode | None = None
    lacks: str = ""


@dataclass(frozen=True)
class RunPlan:
    """The whole of what will happen.

    ``components`` is what must be up, each after what it needs; ``criteria`` those of the profile with all checks
    that the files declare or pytest collected, nothing asked yet; ``deselected`` are those of them that are left out.
    """

    mode: Mode
    target: TargetInfo
    items: Mapping[str, Planned]
    unasked: Mapping[str, Unasked]
    runnable: tuple[str, ...]
    components: tuple[str, ...]
    criteria: tuple[CriterionResult, ...]
    deselected: tuple[str, ...]
    unread: tuple[str, ...]


def plan(
    items: Iterable[Planned],
    registry: Registry,
    target: Target,
    mode: Mode | None = None,
    *,
    files: Declared | None = None,
) -> RunPlan:
    """Decide what runs. Without a mode: ``read`` on servers that were there, else ``write`` where allowed.

    ``files`` is what the suites declare; without it, what was collected is all there is. Raises ``ConfigError``
    with every problem.
    """
    checks = {item.nodeid: item for item in items}
    mode = mode or default_mode(target)
    problems = [*_mode_problems(target, mode), *_check_problems(checks.values(), registry)]
    if files is not None:
        problems += _file_problems(checks.values(), files)
    if problems:
        raise ConfigError(*problems)
    held_back = lacking(registry, target)
    for name in [one for one in held_back if registry.components[one].anywhere and one not in target.unsupported]:
        del held_back[name]  # what of it needs a cluster says so itself
    unasked = {
        nodeid: reason
        for nodeid, check in checks.items()
        if check.selected and (reason := _unasked(check, registry, target, mode, held_back)) is not None
    }
    runnable = tuple(n for n, check in checks.items() if check.selected and n not in unasked)
    used = [c for n in runnable for c in checks[n].components_used if c in registry.components]
    uncollected = _uncollected(checks.values(), files) if files is not None else {}
    left_out = dict.fromkeys(function for functions in uncollected.values() for function in functions)
    return RunPlan(
        mode=mode,
        target=_info(registry, target, held_back),
        items=MappingProxyType(checks),
        unasked=MappingProxyType(unasked),
        runnable=runnable,
        components=tuple(c for c in registry.ordered(used) if c not in held_back),
        criteria=_criteria(checks.values(), uncollected, registry, target),
        deselected=(*(n for n, check in checks.items() if not check.selected), *left_out),
        unread=files.unread if files is not None else (),
    )


def default_mode(target: Target) -> Mode:
    """``read`` in production and where gonogo did not make the servers, else ``write``, as far as the target allows."""
    ours = target.provider != "existing" and not target.production
    return Mode.WRITE if ours and target.allows(Mode.WRITE) else Mode.READ


class Lacking(NamedTuple):
    """Why a target cannot hold a component: in a sentence, and the capability for want of which, if it is one."""

    reason: str
    lacks: str = ""


def holds(component: Component, target: Target) -> Lacking | None:
    """Why the target cannot hold the component, or None where it can; what it needs is not looked at."""
    if component.name in target.unsupported:
        return Lacking(target.unsupported[component.name])
    if component.cluster:
        declared = target.kubernetes is not None and KUBERNETES in target.capabilities
        why = "needs a cluster: no [kubernetes] with capability 'kubernetes'"
        if not declared:
            return Lacking(why, KUBERNETES)
        return None if target.names(component) else Lacking(f"not in target file {target.name!r}")
    if target.provider == "existing":
        return None if component.name in target.components else Lacking(f"not in target file {target.name!r}")
    if target.provider == "helm" and (target.addressed(component) or target.charts(component).folder):
        return None
    if target.provider in target.variant(component).providers:
        why = unfit() if target.provider == "embedded" else ""
        return Lacking(f"this machine is {why}") if why else None
    if target.provider == "embedded":
        return Lacking("needs a cluster: no embedded server", KUBERNETES)
    return Lacking(f"no {target.provider}.toml")


def unsupported(registry: Registry, target: Target) -> dict[str, str]:
    """Every component that the target cannot hold, with the reason (see :func:`lacking`)."""
    return {name: found.reason for name, found in lacking(registry, target).items()}


def lacking(registry: Registry, target: Target) -> dict[str, Lacking]:
    """Every component that the target cannot hold, and why.

    Where gonogo deploys components, one that needs such a component cannot be deployed either; servers that
    were there before have what they need, whether or not the target file names it.
    """
    found: dict[str, Lacking] = {}
    for name in registry.ordered(registry.components):
        component = registry.components[name]
        needs = [(need, found[need]) for need in component.needs if need in found]
        why = holds(component, target)
        if why is None and target.provider != "existing":
            why = next((w if w.lacks else Lacking(f"without {need}: {w.reason}") for need, w in needs), None)
        if why is not None and name not in target.unsupported:
            why = why._replace(lacks=why.lacks or next((w.lacks for _, w in needs if w.lacks), ""))
        if why is not None:
            found[name] = why
    return found


def _unasked(
    check: Planned, registry: Registry, target: Target, mode: Mode, held_back: Mapping[str, Lacking]
) -> Unasked | None:
    """Why the check is not run, if it is not; what the target lacks comes before what the run was not given."""
    profile = registry.profiles[target.profile]
    if not any(profile.holds(c) for c in check.criteria):
        return Unasked(Outcome.SKIPPED, f"not in profile {target.profile!r}", Skip.PROFILE)
    for criterion in check.criteria:
        if criterion in target.unsupported:
            return Unasked(Outcome.UNSUPPORTED, target.unsupported[criterion])
    for component in (check.component, *check.components_used):
        if component in held_back:
            return Unasked(Outcome.UNSUPPORTED, held_back[component].reason, lacks=held_back[component].lacks)
    for capability in check.needs:
        if capability != TLS and not target.gives(capability):
            reason = f"target {target.name!r} does not declare capability {capability!r}"
            reason = f"needs a cluster: {reason}" if capability == KUBERNETES else reason
            return Unasked(Outcome.UNSUPPORTED, reason, lacks=capability)
    if TLS in check.needs and (one := registry.components.get(check.component)) and target.encrypted(one) is False:
        return Unasked(Outcome.UNSUPPORTED, f"{check.component} is asked without TLS on this target", lacks=TLS)
    if "exec" in check.needs and not target.gives("host") and not _pods_known(check.component, registry, target):
        return Unasked(Outcome.UNSUPPORTED, f"{check.component} has no Service in the target file", lacks=PODS)
    for how, name, node in check.breaks if target.provider == "helm" else ():
        if why := unbreakable(target, registry.components[name], how, node):
            return Unasked(Outcome.UNSUPPORTED, why, lacks=NODES)
    if not mode.allows(check.mode):
        return Unasked(Outcome.SKIPPED, f"needs --mode {check.mode}", Skip.MODE, wants=check.mode)
    written = {check.component, *check.components_used} & registry.components.keys()
    if check.mode.allows(Mode.WRITE) and written and all(target.writable(name) == {} for name in written):
        named = " or ".join(f"[components.{name}]" for name in sorted(written))
        return Unasked(
            Outcome.UNSUPPORTED, f"{named} of the target file names nothing that may be written", lacks=WRITABLE
        )
    return None


def _pods_known(name: str, registry: Registry, target: Target) -> bool:
    """Whether the target leads to the pods of a component, so that somebody can look inside."""
    component = registry.components.get(name)
    return component is None or component.cluster or "service" in target.table(component)


def _uncollected(checks: Iterable[Planned], files: Declared) -> dict[str, list[str]]:
    """Criterion to the functions that declare it and of which no check was collected."""
    collected = {(function_of(check.nodeid), criterion) for check in checks for criterion in check.criteria}
    found: dict[str, list[str]] = {}
    for function, criteria in files.functions.items():
        for criterion in sorted(criteria):
            if (function, criterion) not in collected:
                found.setdefault(criterion, []).append(function)
    return found


def _criteria(
    checks: Iterable[Planned], uncollected: Mapping[str, list[str]], registry: Registry, target: Target
) -> tuple[CriterionResult, ...]:
    asked: dict[str, list[str]] = {}
    for check in checks:
        for criterion in check.criteria:
            asked.setdefault(criterion, []).append(check.nodeid)
    return tuple(
        CriterionResult(
            id=c.id,
            level=c.level,
            component=c.component,
            claim=c.claim,
            plan=c.plan,
            waiver=registry.waivers.get(c.id),
            checks=(*asked.get(c.id, ()), *uncollected.get(c.id, ())),
        )
        for c in registry.profile(target.profile)
    )


def _info(registry: Registry, target: Target, held_back: Mapping[str, Lacking]) -> TargetInfo:
    profile = registry.profiles[target.profile]
    # A component all of whose criteria the profile leaves out is not this run's business; one without any
    # criterion is: nothing was ever asked of it.
    asked = {c.component for c in registry.criteria.values() if profile.holds(c.id)}
    known = {c.component for c in registry.criteria.values()}
    held = [n for n in registry.components if n not in held_back and (n in asked or n not in known)]
    return TargetInfo(
        name=target.name,
        provider=target.provider,
        modes=target.modes,
        capabilities=tuple(sorted(target.capabilities)),
        profile=target.profile,
        components=tuple(held),
        unsupported={**{name: why.reason for name, why in held_back.items()}, **target.unsupported},
        lacks={name: why.lacks for name, why in held_back.items() if why.lacks},
    )


def _mode_problems(target: Target, mode: Mode) -> Iterator[Problem]:
    if not target.allows(mode):
        allowed = ", ".join(target.modes)
        hint = f"modes in {target.path} says what may ever be done there"
        yield Problem(f"--mode {mode}", f"target {target.name!r} allows {allowed}", hint)


def _file_problems(checks: Iterable[Planned], files: Declared) -> Iterator[Problem]:
    """Where what was collected and what the files say cannot both be so."""
    written: dict[str, frozenset[str]] = {}
    for function, criteria in files.functions.items():
        path = function.partition("::")[0]
        written[path] = written.get(path, frozenset()) | criteria
    carried: dict[str, set[str]] = {}
    for check in checks:
        carried.setdefault(function_of(check.nodeid), set()).update(check.criteria)
        for criterion in check.criteria:
            if criterion not in written.get(check.nodeid.partition("::")[0], ()):
                what = f"the file does not hold the text of its criterion {criterion!r}"
                hint = f'write @pytest.mark.criterion("{criterion}"): what is asked must be known without running it'
                yield Problem(check.nodeid, what, hint)
    for function, criteria in files.functions.items():
        for criterion in sorted(criteria - carried.get(function, criteria)):
            what = f"declares criterion {criterion!r}, and no check that was collected from it carries it"
            yield Problem(function, what, "is its name there twice, or does a hook take the mark away?")


def _check_problems(checks: Iterable[Planned], registry: Registry) -> Iterator[Problem]:
    capabilities = known_capabilities(registry) | {TLS}
    first: dict[str, Planned] = {}
    for check in checks:
        if not check.criteria:
            yield Problem(check.nodeid, "carries no criterion", 'add @pytest.mark.criterion("<component>.<claim>")')
        for marker in check.markers:
            if marker not in MARKERS | PYTEST_MARKERS:
                yield Problem(check.nodeid, f"unknown marker {marker!r}", suggestion(marker, MARKERS))
        for capability in check.needs:
            if capability not in capabilities:
                hint = suggestion(capability, capabilities)
                yield Problem(check.nodeid, f"unknown capability {capability!r}", hint)
        for words in check.breaks:
            if len(words) != 3 or words[0] not in WAYS or words[1] not in registry.components:
                what = f"disrupts({', '.join(map(repr, words))}) does not say how a node of which component is broken"
                yield Problem(check.nodeid, what, 'like @pytest.mark.disrupts("kill", "store", "store-2")')
        for criterion in check.criteria:
            if criterion not in registry.criteria:
                hint = suggestion(criterion, registry.criteria)
                yield Problem(check.nodeid, f"unknown criterion {criterion!r}", hint)
            other = first.setdefault(criterion, check)
            if other.mode is not check.mode:
                what = f"{criterion} is asked in mode {check.mode} here and in mode {other.mode} by {other.nodeid}"
                yield Problem(check.nodeid, what, "all checks of a criterion need the same mode")
            if set(other.needs) != set(check.needs):
                what = f"{criterion} needs {_names(check.needs)} here and {_names(other.needs)} in {other.nodeid}"
                yield Problem(check.nodeid, what, "all checks of a criterion need the same capabilities")


def _names(capabilities: Iterable[str]) -> str:
    return ", ".join(sorted(capabilities)) or "no capability"
