"""Writes a target file from what was recognised: it loads and is asked as it is, and says what was left out and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from gonogo.catalog.registry import Component, Registry
from gonogo.catalog.target import Kubernetes, faults
from gonogo.commands.attach import text, toml
from gonogo.commands.discover import ClusterContents, Object
from gonogo.commands.recognise import Draft, Recognised, desired, named, recognised

_MODES = 'modes = ["read"] # add "write" where checks may create objects of their own'


class Drafted(NamedTuple):
    """A target file, the components that it has asked, and those that it leaves out, each with the reason."""

    text: str
    asked: tuple[str, ...]
    left_out: Mapping[str, str]


def drafted(
    registry: Registry,
    components: Iterable[Component],
    seen: ClusterContents,
    settings: Kubernetes,
    context: str,
    identity: str,
    today: date,
    name: str = "",
) -> Drafted:
    """The draft for a cluster. What is not there, or not told, is declared as unsupported: every headline says so.

    ``today`` is the day that it says of itself, ``identity`` may be empty, ``name`` is by default the context's. It
    loads, whatever the cluster says.
    """
    wanted = [component for component in components if component.discover]
    found = recognised(seen, wanted)
    tables = {component: _table(one, registry) for component, one in found.items()}
    left_out = {component: table.lacks for component, table in tables.items() if table.lacks}
    where = f"not found by --discover on {today.isoformat()}"
    if {"Service", "Pod"} & set(seen.unasked):
        where = f"not looked for on {today.isoformat()}: the right to list Services and pods is missing"
    left_out |= {component.name: where for component in wanted if component.name not in found}
    asked = tuple(component.name for component in wanted if component.name not in left_out)
    meant = [one.draft for one in found.values() if one.draft and one.component.name in asked]
    # what is asked through the cluster has its own namespace beside those of the platform
    own = sorted({one.namespace for one in meant if not one.component.cluster} or {one.namespace for one in meant})
    places = list(settings.namespaces) or own
    lines = [
        f"# A draft of {today.isoformat()}: it runs as it is. What it leaves out stands below; comments say why.",
        "[target]",
        f"name = {text(name or plain(context))}",
        'provider = "existing"',
        _MODES,
        *_capabilities(asked),
        *_unsupported({c.name: left_out[c.name] for c in wanted if c.name in left_out}),
        "",
        "[kubernetes]",
        *([f"kubeconfig = {text(settings.kubeconfig)}"] if settings.kubeconfig else []),
        *([f"context = {text(context)}"] if context else []),
        *([f"identity = {text(identity)}"] if identity else []),
        f"namespaces = {toml(places)}",
    ]
    for table in tables.values():
        lines += ["", *table.lines]
    for component in components if asked else ():
        lines += _workloads(component, seen, places)
    lines += [f"# Not looked at: {refusal}" for refusal in seen.refused]
    return Drafted("\n".join(map(_line, lines)) + "\n", asked, left_out)


def _capabilities(asked: Iterable[str]) -> Iterator[str]:
    if asked:
        yield 'capabilities = ["kubernetes"] # add "exec" where gonogo may run commands in pods'
    else:
        yield "# Nothing of the platform is asked, so nothing else may pass for it: no verdict without a component."
        yield '# capabilities = ["kubernetes"]'


def _unsupported(left_out: Mapping[str, str]) -> Iterator[str]:
    if left_out:
        yield ""
        yield "[target.unsupported] # not asked, and named in every headline; take out what is filled in below"
        yield from (f"{name} = {text(why)}" for name, why in left_out.items())


def _line(told: str) -> str:
    """What a cluster says in a comment must not end it: the next line would be another key of the file."""
    return "".join(letter if letter.isprintable() else "�" for letter in told)


def plain(name: str) -> str:
    """What a target may be called after a context."""
    return re.sub(r"[^a-z0-9-]+", "-", name.lower())[:60].strip("-") or "cluster"


# -- one component


class _Table(NamedTuple):
    lines: list[str]
    lacks: str


def _table(found: Recognised, registry: Registry) -> _Table:
    """The table of a component; as a comment, and with what is lacking, where it cannot be asked."""
    component, draft = found.component, found.draft
    heading = f"# {component.title}: "
    if draft is None:
        lines = [f"{heading}left out, since {found.why}."]
        for one in found.others:
            lines += ["#", *_offered(one, registry)]
        return _Table(lines, found.why)
    lines = [heading + draft.why + (f"; {found.why}" if found.why else "")]
    lines += [f"# the same servers: {', '.join(draft.same)}"] if draft.same else []
    lines += [f"# not meant: {one.service}" + (f", {one.belongs}" if one.belongs else "") for one in found.others]
    lacks = _lacking(draft, registry)
    if not lacks:
        return _Table([*lines, *_keys(draft, registry)], "")
    lines.append(f"# left out: {lacks}. Fill it in, and take its line out of [target.unsupported]:")
    return _Table([*lines, *_hidden(draft, registry)], f"found as {draft.service}: {lacks}")


def _offered(draft: Draft, registry: Registry) -> Iterator[str]:
    yield f"# {draft.why}" + (f"; {draft.belongs}" if draft.belongs else "")
    yield from _hidden(draft, registry)


def _hidden(draft: Draft, registry: Registry) -> list[str]:
    return [f"# {line}".rstrip() for line in _keys(draft, registry)]


def _lacking(draft: Draft, registry: Registry) -> str:
    """Why the table cannot be asked as it is; empty where it can."""
    if draft.missing:
        return f"{', '.join(draft.missing)} {'is' if len(draft.missing) == 1 else 'are'} not told by the cluster"
    return "; ".join(_faults(draft, _whole(draft), registry))


def _whole(draft: Draft) -> dict[str, Any]:
    """The keys of its table; what is asked through the cluster has no Service."""
    return {**({} if draft.component.cluster else {"service": draft.service}), **draft.values}


def _faults(draft: Draft, table: Mapping[str, Any], registry: Registry) -> list[str]:
    target = {"name": "draft", "provider": "existing"}
    return faults({"target": target, "kubernetes": {}, "components": {draft.component.name: table}}, registry)


def _keys(draft: Draft, registry: Registry) -> Iterator[str]:
    name = draft.component.name
    yield f"[components.{name}]"
    for key, value in _whole(draft).items():
        yield f"{key} = {toml(value)}" + (f" # {draft.comments[key]}" if key in draft.comments else "")
    yield from _open(draft)
    whole = _whole(draft)
    before = _faults(draft, whole, registry)
    asked = {key: _faults(draft, {**whole, "expect": {key: value}}, registry) for key, value in draft.expect.items()}
    expected = {key: draft.expect[key] for key, found in asked.items() if found == before}
    if expected:
        yield ""
        yield f"[components.{name}.expect] # as it is now; correct it to what it should be"
        yield from (f"{key} = {toml(value)}" for key, value in expected.items())


def _open(draft: Draft) -> Iterator[str]:
    """The keys that nobody told, as comments with what is known of them."""
    keys = draft.component.endpoints
    for key in keys.all:
        if key in draft.values or key in keys.service or key not in (*keys.required, *keys.secret):
            continue
        needed = "required" if key in keys.required else "if it is needed"
        why = draft.comments.get(key, "")
        if key in keys.secret:
            form, told = _secret_form(draft, key)
            yield f"# {key} = {form} # {needed}; {why or told or 'not told by the cluster'}"
        else:
            yield f'# {key} = "…" # {needed}; {why or "not told by the cluster"}'


def _secret_form(draft: Draft, key: str) -> tuple[str, str]:
    """How a secret may be referred to, and what that is known by."""
    if key in draft.in_clear:
        return toml({"env": f"{draft.component.name}_{key}".upper()}), ""
    for secret, prefix in draft.taken.items():
        if prefix is not None:
            named = next((names[0] for rule in draft.component.discover if (names := rule.env.get(key))), "key")
            return toml({"secret": f"{secret}#{named.removeprefix(prefix)}"}), f"its pods take variables from {secret}"
    mounted = [secret for secret, prefix in draft.taken.items() if prefix is None]
    if mounted:
        return toml({"secret": f"{mounted[0]}#key"}), f"its pods mount {', '.join(mounted)}"
    return toml({"secret": "namespace/name#key"}), ""


# -- workloads


def _workloads(component: Component, seen: ClusterContents, namespaces: Iterable[str]) -> Iterator[str]:
    """What a component that is asked through the cluster itself should expect there."""
    if not component.cluster or "workloads" not in component.expect:
        return
    there = [one for one in seen.workloads if one["metadata"]["namespace"] in namespaces]
    told = [(one, desired(one, seen.scalers)) for one in sorted(there, key=_order)]
    rows = [toml({"kind": one["kind"], "name": named(one), "pods": pods}) for one, pods in told if pods > 0]
    idle = [f"{one['kind']} {named(one)}" for one, pods in told if pods < 1]
    if rows:
        yield from ("", f"[components.{component.name}.expect] # what is there; take out what need not be")
        yield from ("workloads = [", *(f"  {row}," for row in rows), "]")
    if idle:
        yield f"# expected by nobody, since no pod of it is: {', '.join(idle)}"


def _order(one: Object) -> tuple[str, str, str]:
    return one["metadata"]["namespace"], one["metadata"]["name"], one["kind"]
