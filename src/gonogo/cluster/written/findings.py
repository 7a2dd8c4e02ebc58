"""What is wrong with a plan as it is written: by rules of components, by names that nothing of it makes, by sums."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, NamedTuple

from msgspec.structs import replace

from gonogo.catalog.rules import KnownRules, PlanRule, RuleCondition, holds
from gonogo.cluster.judge.quantities import amount, shown
from gonogo.cluster.judge.shapes import known_as
from gonogo.cluster.labels import Selector
from gonogo.cluster.mesh import injects
from gonogo.cluster.plan.findings import Weight
from gonogo.cluster.written.makers import Labels, Maker, at, makers, of_chart
from gonogo.cluster.written.plans import ExpectTable, PlannedRelease, SelectorWait, TypedCommand, Written
from gonogo.core.errors import ConfigError
from gonogo.core.loading import LOADING
from gonogo.core.outcomes import Struct

MOST = 3
"""Names that are told where one of them is meant."""

ALWAYS = ("default/kubernetes", "kube-system/kube-dns")
"""Services of every cluster."""

NONE = {
    "service": "{} makes no Service of that name",
    "pod": "{} makes no pod of that name or with these labels",
    "claim": "{} makes no claim with these labels",
}

_IN_NAMESPACE = r"(?<![\w.-])([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)\.(?:{spaces})(?=[:/\s'\"]|$)"

_OF_CLUSTER = re.compile(
    r"(?<![\w.-])([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)\.([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)\.svc(?![\w-])"
)


class WrittenFinding(Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a plan, or that nobody can tell: ``rule`` says which, ``right`` what to write.

    ``subject`` is the release, object, command, host or image; ``key`` the value or field of it, where one is at fault.
    ``source`` is where that is written down, ``date`` the day it was read there.
    """

    weight: Weight
    rule: str
    subject: str
    key: str
    message: str
    right: str
    source: str
    date: str


class _Image(NamedTuple):
    name: str
    repository: str
    tag: str
    user: str


def findings(plan: Written, known: KnownRules, today: str) -> list[WrittenFinding]:
    """All of them, by what they are about. ``today`` is the day of those whose source is the plan itself."""
    judged = _Judged(plan, known, today)
    return [*dict.fromkeys(judged.all())]


def of_plan(weight: Weight, rule: str, subject: str, message: str, right: str, today: str) -> WrittenFinding:
    """One whose source is the plan itself, on this day."""
    return WrittenFinding(
        weight=weight, rule=rule, subject=subject, key="", message=message, right=right, source="the plan itself",
        date=today,
    )  # fmt: skip


class _Judged:
    """One plan, with what of it was asked about already."""

    def __init__(self, plan: Written, known: KnownRules, today: str) -> None:
        self._plan, self._known, self._today = plan, known, today
        self._typed = [command.run for command in plan.commands]
        self._makers = makers(plan, known, {n: self._meant(one) for n, one in enumerate(plan.releases)})
        self._said: set[str] = set()  # commands that a rule speaks of
        self._defined = {
            f"{spec['names'].get('kind')}.{spec.get('group')}"
            for thing in plan.things
            if thing.object["kind"] == "CustomResourceDefinition"
            for spec in [thing.object.get("spec")]
            if isinstance(spec, Mapping) and isinstance(spec.get("names"), Mapping)
        }

    def all(self) -> Iterator[WrittenFinding]:
        yield from self._of_releases()
        yield from self._of_objects()
        yield from self._of_images()
        yield from self._of_commands()
        yield from self._of_hosts()
        yield from self._of_waits()
        yield from self._of_pods()
        yield from self._of_sums()
        yield from map(self._unread, self._plan.unread)

    def _rules(self, of: Callable[[PlanRule], object]) -> Iterator[tuple[str, PlanRule]]:
        return ((name, rule) for name, rule in self._known.rules.items() if of(rule))

    # -- releases and objects

    def _of_releases(self) -> Iterator[WrittenFinding]:
        for release in self._plan.releases:
            about = {"release": _plain(release), "values": release.values, "helm": self._plan.helm}
            for name, rule in self._rules(lambda rule: rule.chart):
                if not of_chart(rule, release):
                    continue
                if rule.key and not rule.when and at(release.values, rule.key) is None:
                    continue
                yield from self._subject(name, rule, release.shown, release.name, release.namespace, about)

    def _of_objects(self) -> Iterator[WrittenFinding]:
        for thing in self._plan.things:
            meta = thing.object["metadata"]
            kind = known_as(thing.object["apiVersion"], thing.object["kind"])
            space = meta.get("namespace") or "default"
            injected = injects(self._plan.namespaces.get(space, {}))
            for name, rule in self._rules(lambda rule: rule.kind):
                if rule.kind != kind or (rule.injected and not injected):
                    continue
                yield from self._subject(name, rule, thing.shown, meta["name"], space, thing.object)

    def _subject(
        self, id: str, rule: PlanRule, subject: str, name: str, namespace: str, about: Mapping[str, Any]
    ) -> Iterator[WrittenFinding]:
        if not all(_true(one, about) for one in rule.when) or not self._stands(rule):
            return
        values = about.get("values", about)
        places = {"name": name, "namespace": namespace, "value": _short(at(values, rule.key)) if rule.key else ""}
        if not rule.command:
            yield self._found(id, rule, subject, places)
        for command in self._plan.commands if rule.command else ():
            if _fits(rule, command) and _reaches(command, namespace):
                self._said.add(command.run)
                yield self._found(id, rule, command.shown, places)

    def _stands(self, rule: PlanRule) -> bool:
        """Whether what a rule asks of the whole plan is so."""
        if rule.lacks and any(re.search(rule.lacks, run) for run in self._typed):
            return False
        return not (rule.undefined and rule.undefined in self._defined)

    def _meant(self, release: PlannedRelease) -> Mapping[str, Any]:
        """The values, with each that stands under another key where it belongs."""
        values: dict[str, Any] = dict(release.values)
        for _, rule in self._rules(lambda rule: rule.moved and of_chart(rule, release)):
            given = at(release.values, rule.key)
            if given is not None and at(release.values, rule.moved) is None:
                place, (*above, last) = values, rule.moved.split(".")
                for step in above:
                    inner = place.get(step)
                    place[step] = dict(inner) if isinstance(inner, Mapping) else {}
                    place = place[step]
                place[last] = given
        return values

    # -- images

    def _of_images(self) -> Iterator[WrittenFinding]:
        for image in dict.fromkeys(self._images()):
            for name, rule in self._rules(lambda rule: rule.image):
                if re.search(rule.image, image.repository) and holds(image.tag, rule.versions):
                    yield self._found(name, rule, f"image {image.name} ({image.user})", {"value": image.name})

    def _images(self) -> Iterator[_Image]:
        for thing in self._plan.things:
            if thing.object["kind"] != "CustomResourceDefinition":
                yield from (_image(one, thing.shown) for one in _named(thing.object))
        for release in self._plan.releases:
            yield from (_image(one, release.shown) for one in _named(release.values))

    # -- commands

    def _of_commands(self) -> Iterator[WrittenFinding]:
        for name, rule in self._rules(lambda rule: rule.command and not (rule.chart or rule.kind)):
            for command in self._plan.commands:
                if _fits(rule, command) and self._stands(rule):
                    self._said.add(command.run)
                    places = {"name": command.shown, "namespace": "", "value": ""}
                    yield self._found(name, rule, command.shown, places)

    # -- names

    def _of_hosts(self) -> Iterator[WrittenFinding]:
        for name, space, user in dict.fromkeys(self._hosts()):
            if f"{space}/{name}" in (*self._plan.there, *ALWAYS):
                continue
            subject = f"host {name}.{space} ({user})"
            known = [maker for maker in self._makers if maker.namespace == space]
            if any(name in (maker.services or ()) for maker in known):
                continue
            told = [(id, rule) for id, rule in self._rules(lambda rule: rule.host) if re.fullmatch(rule.host, name)]
            for id, rule in told:
                yield self._found(id, rule, subject, {"name": name, "namespace": space, "value": name})
            if not told:
                yield self._missing("service", subject, name, known, lambda maker: maker.services, space)

    def _hosts(self) -> Iterator[tuple[str, str, str]]:
        """Service, namespace, and who names it."""
        spaces = {maker.namespace for maker in self._makers} | {*self._plan.namespaces}
        own = re.compile(_IN_NAMESPACE.format(spaces="|".join(map(re.escape, sorted(spaces)))))
        for host in self._plan.hosts:
            name, _, rest = host.partition(":")[0].partition(".")
            yield name, rest.partition(".")[0] or "default", "hosts"
        for command in self._plan.commands:
            for match in own.finditer(command.run) if spaces else ():
                yield match[1], match[0].partition(".")[2], command.shown
            yield from ((m[1], m[2], command.shown) for m in _OF_CLUSTER.finditer(command.run))
        for release in self._plan.releases:
            for text in _texts(release.values):
                yield from ((m[1], m[2], release.shown) for m in _OF_CLUSTER.finditer(text))
        for thing in self._plan.things:
            if thing.object["kind"] != "CustomResourceDefinition":
                for text in _texts(thing.object):
                    yield from ((m[1], m[2], thing.shown) for m in _OF_CLUSTER.finditer(text))

    def _of_waits(self) -> Iterator[WrittenFinding]:
        for wait in dict.fromkeys(self._plan.waits):
            subject = f"selector {wait.selector} in {wait.namespace} ({wait.at or 'waits'})"
            try:
                selector = Selector.read(wait.selector, "-l")
            except ConfigError as error:
                yield self._own(Weight.PROBLEM, "plan.pod", subject, error.problems[0].what, error.problems[0].hint)
                continue
            makers = [maker for maker in self._makers if maker.namespace == wait.namespace]
            if any(_selects(selector, one) for maker in makers for one in _labels(maker, wait) or ()):
                continue
            places = {"name": wait.selector, "namespace": wait.namespace, "value": wait.selector}
            told = [(i, r) for i, r in self._rules(lambda rule: rule.selector) if re.search(r.selector, wait.selector)]
            for id, rule in told:
                yield self._found(id, rule, subject, places)
            if not told:
                words = " ".join(value for one in selector.requirements for value in one.values)
                offers = partial(_offered_labels, wait)
                yield self._missing(wait.of, subject, words, makers, offers, wait.namespace)

    def _of_pods(self) -> Iterator[WrittenFinding]:
        for command in self._plan.commands:
            for call in command.calls:
                if call.words[:2] not in (("kubectl", "exec"), ("kubectl", "logs")) or len(call.words) < 3:
                    continue
                name, space = call.words[2], call.namespace
                makers = [maker for maker in self._makers if maker.namespace == space]
                what = f"pod {name} in {space} ({command.at or call.words[1]})"
                if "/" in name:  # a workload, or a Service: told by a rule, or there is an object of that name
                    base = name.rpartition("/")[2]
                    if command.run not in self._said and all(maker.name != base for maker in makers):
                        yield self._missing("pod", what, base, (), lambda maker: maker.pods, "")
                elif not any(fnmatchcase(name, one) for maker in makers for one in maker.pods or ()):
                    yield self._missing("pod", what, name, makers, lambda maker: maker.pods, space)

    def _missing(
        self,
        what: str,
        subject: str,
        name: str,
        there: Sequence[Maker],
        offered: Callable[[Maker], Sequence[str] | None],
        namespace: str,
    ) -> WrittenFinding:
        """A name that nothing of the plan makes: wrong where it is meant for something of it, else nobody can tell."""
        near = [maker for maker in there if offered(maker) != () and _is_of(name, maker)]
        sure = all(offered(maker) is not None for maker in near or there)
        certain = sure and (near or (there and namespace in self._plan.namespaces))
        if not certain:
            message = "nothing of the plan makes it, as far as is known; whether the cluster has it needs the cluster"
            right = "name it in `there`, or ask the cluster" if what == "service" else "ask the cluster"
            return self._own(Weight.UNKNOWN, f"plan.{what}", subject, message, right)
        ranked = [*dict.fromkeys(one for maker in near or there for one in offered(maker) or ())]
        if what != "service":  # of which a rule names the one that is meant first
            ranked.sort(key=lambda one: -difflib.SequenceMatcher(None, name, one).ratio())
        by = next((maker for maker in near or there if maker.source), None)
        finding = self._own(
            Weight.PROBLEM, f"plan.{what}", subject, NONE[what].format((near or there)[0].what),
            " or ".join(ranked[:MOST]) or f"it makes no {what} at all",
        )  # fmt: skip
        return finding if by is None else replace(finding, source=by.source, date=by.date)

    # -- sums

    def _of_sums(self) -> Iterator[WrittenFinding]:
        for expect in self._plan.expects:
            pods, disk, unknown = self._sum(expect)
            subject = f"sum {expect.what}"
            if unknown:
                message = f"nobody here knows what it makes: {', '.join(unknown)}"
                yield self._own(Weight.UNKNOWN, "plan.sum", subject, message, "leave them out of the sum")
                continue
            pairs = []
            if expect.pods not in (None, pods):
                pairs.append((f"{expect.pods} pods", f"{pods} pods"))
            if expect.storage and amount(expect.storage) != disk:
                pairs.append((expect.storage, f"{disk / 2**30:g}Gi"))
            if pairs:
                said, real = (" and ".join(one[side] for one in pairs) for side in (0, 1))
                yield self._own(Weight.PROBLEM, "plan.sum", subject, f"{said} said, {real} made", real)

    def _sum(self, expect: ExpectTable) -> tuple[int, float, list[str]]:
        """Pods, bytes, and what cannot be counted. A release that is written twice is made once."""
        chosen: dict[tuple[str, str], Maker] = {}
        for maker in self._makers:
            if not expect.of or maker.name in expect.of:
                chosen[maker.what.partition(" (")[0], maker.namespace] = maker
        names = {maker.name for maker in chosen.values()}
        unknown = [one for one in expect.of if one not in names]
        unknown += [maker.what for maker in chosen.values() if maker.amount is None]
        known = [maker.amount for maker in chosen.values() if maker.amount is not None]
        return sum(pods for pods, _ in known), sum(disk for _, disk in known), unknown

    # -- what is said

    def _found(self, id: str, rule: PlanRule, subject: str, places: Mapping[str, str]) -> WrittenFinding:
        every = {"name": "", "namespace": "", "value": "", **places}
        return WrittenFinding(
            weight=Weight.PROBLEM,
            rule=id,
            subject=subject,
            key=rule.key,
            message=rule.says.format_map(every),
            right=rule.right.format_map(every),
            source=rule.source,
            date=rule.date.isoformat(),
        )

    def _own(self, weight: Weight, rule: str, subject: str, message: str, right: str) -> WrittenFinding:
        return of_plan(weight, rule, subject, message, right, self._today)

    def _unread(self, one: Any) -> WrittenFinding:
        return self._own(Weight.UNKNOWN, "plan.unread", one.subject, one.why, "")


def _plain(release: PlannedRelease) -> dict[str, Any]:
    return {name: getattr(release, name) for name in ("name", "namespace", "chart", "repository", "version", "wait")}


def _true(condition: RuleCondition, about: Mapping[str, Any]) -> bool:
    """Whether a condition is met by what it is asked of."""
    with LOADING:
        import jmespath

    found = jmespath.search(condition.path, about)
    there = found is not None and found not in ("", [], {})
    if condition.present is not None and condition.present is not there:
        return False
    if condition.equals is not None and found != condition.equals:
        return False
    if condition.differs is not None and found == condition.differs:
        return False
    if condition.below is not None and not (there and amount(str(found)) < amount(str(condition.below))):
        return False
    return not condition.fits or (isinstance(found, str) and re.search(condition.fits, found) is not None)


def _fits(rule: PlanRule, command: TypedCommand) -> bool:
    return bool(re.search(rule.command, command.run)) and not (rule.unless and re.search(rule.unless, command.run))


def _is_of(name: str, maker: Maker) -> bool:
    """Whether a name, or one of several, begins with what the maker or its chart is called."""
    return any(one == word or one.startswith(f"{word}-") for one in name.split() for word in maker.words)


def _reaches(command: TypedCommand, namespace: str) -> bool:
    """Whether a command acts in the namespace, or names something of it."""
    acts = any(call.namespace == namespace for call in command.calls)
    return acts or re.search(rf"\.{re.escape(namespace)}(?![\w-])", command.run) is not None


def _labels(maker: Maker, wait: SelectorWait) -> Labels | None:
    return maker.claims if wait.of == "claim" else maker.labels


def _offered_labels(wait: SelectorWait, maker: Maker) -> list[str] | None:
    """Each set of labels as a selector."""
    labels = _labels(maker, wait)
    return None if labels is None else [",".join(f"{k}={v}" for k, v in sorted(one.items())) for one in labels if one]


def _selects(selector: Selector, labels: Mapping[str, str]) -> bool:
    return all(one.meets(labels) for one in selector.requirements)


def _short(value: Any) -> str:
    return shown("storage", value) if isinstance(value, float) else str(value) if value is not None else ""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    inner: Iterable[Any] = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for one in inner:
        yield from _texts(one)


def _named(value: Any) -> Iterator[str]:
    """Every image that is named below ``image``: a text, or its parts as charts have them."""
    for key, one in value.items() if isinstance(value, Mapping) else ():
        if key == "image" and isinstance(one, str) and one:
            yield one
        elif key == "image" and isinstance(one, Mapping) and isinstance(one.get("repository"), str):
            tag = f":{one['tag']}" if one.get("tag") else ""
            yield f"{one['registry']}/{one['repository']}{tag}" if one.get("registry") else f"{one['repository']}{tag}"
        else:
            yield from _named(one)
    for one in value if isinstance(value, list) else ():
        yield from _named(one)


def _image(name: str, user: str) -> _Image:
    """Its repository, without the registry where that is the default one, and its tag."""
    plain = name.partition("@")[0]
    repository, sign, tag = plain.rpartition(":")
    if not sign or "/" in tag:
        repository, tag = plain, ""
    registry, _, rest = repository.partition("/")
    if registry.split(".")[-2:-1] == ["docker"]:
        repository = rest
    return _Image(name, repository, tag, user)
