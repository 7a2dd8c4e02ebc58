"""What is looked up once while we hold a target's Lease, and what is looked up again."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from clocks import Counting

from gonogo.core.errors import Forbidden
from gonogo.providers.helm.program import HelmRelease
from gonogo.providers.helm.seen import BELIEVED, Seen


class Asked:
    """helm and the objects of a cluster, by what they were asked. ``others`` is what somebody else installs."""

    def __init__(self, *names: str) -> None:
        self.names, self.others = [*names], list[str]()
        self.lists: list[str] = []
        self.may_get = True

    def list(self, namespace: str) -> list[HelmRelease]:
        self.lists.append(namespace)
        return [HelmRelease(name, namespace, 1, "deployed") for name in self.names]

    def find(self, kind: Any, namespace: str, name: str) -> dict[str, Any] | None:
        if not self.may_get:
            raise Forbidden("postgresql", f"may not get secrets '{name}'")
        self.names += self.others
        return {} if any(name == f"sh.helm.release.v1.{one}.v1" for one in self.names) else None

    def history(self, namespace: str, name: str) -> Sequence[HelmRelease]:
        self.names += self.others
        return [one for one in self.list(namespace) if one.name == name]


@pytest.fixture
def clock() -> Counting:
    return Counting()


def seen(asked: Asked, clock: Counting) -> Seen:
    return Seen(asked, asked, clock)  # type: ignore[arg-type]


def test_the_releases_of_a_namespace_are_listed_once_for_all_components(clock: Counting) -> None:
    asked = Asked("a", "b")
    known = seen(asked, clock)
    together = threading.Barrier(4)

    def look(name: str) -> str:
        together.wait(10)
        found = known.release("data", name)
        return found.name if found else ""

    with ThreadPoolExecutor(4) as pool:
        found = [*pool.map(look, ["a", "b", "a", "b"])]

    assert (found, asked.lists) == (["a", "b", "a", "b"], ["data"])


def test_what_we_are_about_to_change_is_looked_up_again_and_nothing_else(clock: Counting) -> None:
    asked = Asked("a", "b")
    known = seen(asked, clock)
    known.releases("data")

    known.changed("data", "a")
    known.release("data", "b")
    after_another = len(asked.lists)
    known.release("data", "a")

    assert (after_another, len(asked.lists)) == (1, 2)


def test_a_release_that_somebody_else_installs_meanwhile_is_seen(clock: Counting) -> None:
    asked = Asked("a")
    known = seen(asked, clock)
    known.releases("data")

    asked.others = ["late"]
    found = known.release("data", "late")

    assert (found.name if found else "", asked.lists) == ("late", ["data", "data"])


def test_who_may_list_releases_and_read_none_sees_it_as_well(clock: Counting) -> None:
    asked = Asked("a")
    known = seen(asked, clock)
    known.releases("data")

    asked.may_get, asked.others = False, ["late"]
    found = known.release("data", "late")
    nowhere = known.release("data", "none")

    assert (found.name if found else "", nowhere) == ("late", None)


def test_one_that_is_nowhere_is_asked_for_by_its_name_alone(clock: Counting) -> None:
    asked = Asked("a")
    known = seen(asked, clock)

    assert [known.release("data", "none"), known.release("data", "none")] == [None, None]
    assert asked.lists == ["data"]


def test_nothing_is_believed_for_long_nor_after_the_lease_was_given_back(clock: Counting) -> None:
    asked = Asked("a")
    known = seen(asked, clock)
    known.releases("data")

    clock.sleep(BELIEVED)
    known.releases("data")
    known.forget()
    known.releases("data")

    assert asked.lists == ["data"] * 3


def test_a_look_that_was_under_way_when_all_was_forgotten_is_forgotten_too(clock: Counting) -> None:
    asked = Asked("a")
    known = seen(asked, clock)
    looks = iter([{"phase": "old"}, {"phase": "new"}])

    def look() -> dict[str, Any]:
        known.forget()
        return next(looks)

    known.namespace("data", look)

    assert known.namespace("data", lambda: next(looks)) == {"phase": "new"}
