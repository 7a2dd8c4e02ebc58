"""Collection: what may run is decided here, once, before anything is asked."""

from __future__ import annotations

import re
from functools import cached_property

import msgspec
import pytest

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import Target, load_target
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import suggestion
from gonogo.core.outcomes import Mode
from gonogo.core.outlet import redacted
from gonogo.providers.choose import described
from gonogo.run.declared import declared
from gonogo.run.plan import Planned, RunPlan, plan
from gonogo.run.session import AS, GIVEN

COMPONENT = "component"
"""The parameter of a check whose claim many components make: the one that it is about."""


class Collection:
    """The checks below ``suites/`` that a session of pytest finds, and the plan that follows from them."""

    def __init__(self, config: pytest.Config, registry: Registry) -> None:
        self._config, self.registry, self.content = config, registry, registry.content
        self.plan: RunPlan | None = None
        self._found: dict[pytest.Item, None] = {}
        self._planned: dict[str, Planned] = {}

    # -- what others ask

    @cached_property
    def target(self) -> Target:
        """What is to be asked. Raises ``ConfigError``."""
        given = self._config.stash.get(GIVEN, None)
        if given:
            return given.target
        target = load_target(self._config.getoption("target"), self.content, self.registry)
        meant = self._config.stash.get(AS, None)
        return described(meant(target) if meant else target, self.registry)

    def id(self, item: pytest.Item) -> str:
        """The check's id: pytest's, its path relative to its layer, wherever pytest's own root is."""
        return f"{self.content.name(item.path)}::{item.nodeid.partition('::')[2]}"

    def is_check(self, item: pytest.Item) -> bool:
        """Whether it is a test below ``suites/``."""
        return isinstance(item, pytest.Function) and self.content.is_suite(item.path)

    def ids(self) -> dict[str, str]:
        """pytest's node id to ours, of every check that was found."""
        return {item.nodeid: self.id(item) for item in self._found}

    # -- hooks

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A check of a claim that many components make (``*.account``) becomes a check for each of them."""
        if COMPONENT not in metafunc.fixturenames:
            return
        texts = _criteria(metafunc.definition)
        makers = {id.partition(".")[0]: None for text in texts for id in self.registry.shared.get(text, ())}
        if makers:
            metafunc.parametrize(COMPONENT, list(makers))

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Every check as it is found, before any hook can drop it."""
        if self.is_check(item):
            self._found[item] = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        wanted = set(config.getoption("criterion"))
        unknown = wanted - self.registry.criteria.keys()
        if unknown:
            problems = [str(self.registry.unknown_criterion(one)) for one in sorted(unknown)]
            raise pytest.UsageError(redacted("\n".join(problems)))
        self._check_marker_expression()
        for item in dict.fromkeys((*self._found, *filter(self.is_check, items))):
            planned = self._planned_of(item)
            self._planned[planned.nodeid] = planned
            for criterion in planned.criteria:
                if criterion in self.registry.criteria:
                    item.add_marker(self.registry.criteria[criterion].level.value)
        if wanted:
            kept = [i for i in items if wanted & set(self._claimed(i))]
            config.hook.pytest_deselected(items=[i for i in items if i not in kept])
            items[:] = kept
        if foreign := self._of_other_profiles(items):
            config.hook.pytest_deselected(items=foreign)
            items[:] = [i for i in items if i not in foreign]
        items.sort(key=lambda item: item.get_closest_marker("disrupts") is not None)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if not self._planned:
            return
        selected = {self.id(item) for item in session.items if self.is_check(item)}
        planned = [msgspec.structs.replace(p, selected=p.nodeid in selected) for p in self._planned.values()]
        try:
            files = declared(self.content, self.registry.shared)
            self.plan = plan(planned, self.registry, self.target, self._mode(), files=files)
        except ConfigError as error:
            raise pytest.UsageError(redacted(str(error))) from None

    def _of_other_profiles(self, items: list[pytest.Item]) -> list[pytest.Item]:
        """The checks of suites of which nothing is in the target's profile, where others are: nobody asked for them."""
        try:
            profile = self.registry.profiles[self.target.profile]
        except ConfigError:
            return []  # said when the plan is made
        checks = [item for item in items if self.is_check(item)]
        own = {i.path.parent for i in checks if any(profile.holds(c) for c in self._claimed(i))}
        return [i for i in checks if i.path.parent not in own] if own else []

    def _check_marker_expression(self) -> None:
        """pytest refuses unknown markers of ``-m`` as well, but does not say which one was meant."""
        known = {re.split(r"\W", line)[0] for line in self._config.getini("markers")}
        # without a marker's arguments: criterion(id='x')
        words = set(re.findall(r"\w+", re.sub(r"\(\w+=.*?\)", "", self._config.option.markexpr)))
        problems = [
            Problem(f"-m {word}", "no such marker", suggestion(word, known))
            for word in sorted(words - known - {"and", "or", "not"})
        ]
        if problems:
            raise pytest.UsageError(redacted("\n".join(map(str, problems))))

    def _claimed(self, item: pytest.Item) -> tuple[str, ...]:
        """The criteria of a check; those of a shared claim are its component's own."""
        callspec = getattr(item, "callspec", None)
        component = callspec.params.get(COMPONENT) if callspec else None
        return tuple(
            f"{component}.{text[2:]}" if text in self.registry.shared and component else text
            for text in _criteria(item)
        )

    def _planned_of(self, item: pytest.Item) -> Planned:
        criteria = self._claimed(item)
        component = criteria[0].partition(".")[0] if criteria else item.path.parent.name
        fixtures: list[str] = item.fixturenames  # type: ignore[attr-defined]
        used = {name for name in (component, *fixtures) if name in self.registry.components}
        mode = Mode.READ
        if item.get_closest_marker("writes"):
            mode = Mode.WRITE
        if item.get_closest_marker("disrupts"):
            mode = Mode.DISRUPT
        return Planned(
            nodeid=self.id(item),
            criteria=criteria,
            component=component,
            components_used=tuple(sorted(used)),
            mode=mode,
            needs=tuple(str(arg) for mark in item.iter_markers("needs") for arg in mark.args),
            breaks=tuple(tuple(map(str, mark.args)) for mark in item.iter_markers("disrupts") if mark.args),
            markers=tuple(dict.fromkeys(mark.name for mark in item.iter_markers())),
        )

    def _mode(self) -> Mode | None:
        asked = self._config.getoption("mode")
        if asked is None:
            return None
        if asked not in list(Mode):
            raise pytest.UsageError(redacted(f"--mode {asked}: is one of {', '.join(Mode)}"))
        return Mode(asked)


def _criteria(item: pytest.Item) -> tuple[str, ...]:
    """The texts of its marks, as its file holds them."""
    return tuple(str(arg) for mark in item.iter_markers("criterion") for arg in mark.args)
