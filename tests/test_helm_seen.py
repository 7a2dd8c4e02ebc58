"""What is looked up once while we hold a target's Lease, and what is looked up again."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from clocks import Counting

from gonogo.cluster.api import KINDS, Kind
from gonogo.core.errors import Forbidden
from gonogo.providers.helm.program import HelmRelease
from gonogo.providers.helm.seen import BELIEVED, Seen


class Asked:
    """A cluster and its helm, by what they were asked. ``others`` is what somebody else installs, by revision."""

    def __init__(self, *names: str) -> None:
        self.kept_text: str | None = "kind: Service"
        self.there, self.others = dict.fromkeys(names, 1), dict[str, int]()
        self.lists: list[str] = []
        self.reads: list[str] = []
        self.may_get = True
        self.followed: dict[str, list[dict[str, Any]]] = {}

    def metadata(self, kind: Kind, namespace: str) -> list[dict[str, Any]]:
        self.lists.append(f"{kind.plural} {namespace}")
        if kind.kind != "Secret":
            return []
        return [_secret(name, number) for name, number in self.there.items()]

    def find(self, kind: Any, namespace: str, name: str) -> dict[str, Any] | None:
        if not self.may_get:
            raise Forbidden("postgresql", f"may not get secrets '{name}'")
        self.reads.append(name)
        self.there |= self.others
        every = (
            _secret(one, number) for one, last in self.there.items() for number in range(max(1, last - 9), last + 1)
        )
        return next(({"metadata": one} for one in every if one["name"] == name), None)

    def history(self, namespace: str, name: str) -> Sequence[HelmRelease]:
        self.there |= self.others
        self.lists.append(f"history {name}")
        return [HelmRelease(name, namespace, self.there[name], "deployed")] if name in self.there else []

    def kept(self, release: HelmRelease) -> str:
        self.reads.append(f"what {release.name} is")
        if self.kept_text is None:
            raise Forbidden("postgresql", "may not get secrets")
        return self.kept_text

    # -- the hub

    def ask(self, kinds: Iterable[Kind]) -> None:
        pass

    def listed(self, within: float, *, kinds: Iterable[Kind]) -> None:
        pass

    def known(self, kind: Kind, namespace: str) -> list[dict[str, Any]] | None:
        return self.followed.get(kind.kind)


def _secret(name: str, number: int) -> dict[str, Any]:
    labels = {"owner": "helm", "name": name, "version": str(number), "status": "deployed"}
    labels |= {"gonogo/target": "t", "gonogo/values": f"values {number}"}
    return {"namespace": "data", "name": f"sh.helm.release.v1.{name}.v{number}", "labels": labels}


@pytest.fixture
def clock() -> Counting:
    return Counting()


def seen(asked: Asked, clock: Counting) -> Seen:
    return Seen(asked, asked, asked, lambda: asked, clock)  # type: ignore[arg-type, return-value]


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

    assert (found, asked.lists) == (["a", "b", "a", "b"], ["secrets data"])


def test_what_we_are_about_to_change_is_looked_up_again_and_nothing_else(clock: Counting) -> None:
    asked = Asked("a", "b")
    known = seen(asked, clock)
    known.releases("data")

    known.changed("data", "a")
    asked.there["a"] = 2
    known.release("data", "b")
    after_another = list(asked.reads)
    found = known.release("data", "a")

    assert (after_another, found and found.revision) == ([], 2)
    assert [one.revision for one in known.releases("data")] == [2, 1]
    assert asked.lists == ["secrets data"]


def test_what_we_have_made_is_among_the_releases(clock: Counting) -> None:
    asked = Asked("a")
    known = seen(asked, clock)
    known.releases("data")

    known.changed("data", "b")
    asked.there["b"] = 1

    assert [one.name for one in known.releases("data")] == ["a", "b"]
    assert asked.lists == ["secrets data"]


def test_a_release_that_somebody_else_installs_meanwhile_is_seen(clock: Counting) -> None:
    asked = Asked("a")
    known = seen(asked, clock)
    known.releases("data")

    asked.others = {"late": 1}
    found = known.release("data", "late")

    assert (found.name if found else "", asked.lists) == ("late", ["secrets data"])


def test_who_may_list_releases_and_read_none_sees_it_as_well(clock: Counting) -> None:
    asked = Asked("a")
    known = seen(asked, clock)
    known.releases("data")

    asked.may_get, asked.others = False, {"late": 1}
    found = known.release("data", "late")
    nowhere = known.release("data", "none")

    assert (found.name if found else "", nowhere) == ("late", None)


def test_one_that_is_nowhere_is_asked_for_by_its_name_alone(clock: Counting) -> None:
    asked = Asked("a")
    known = seen(asked, clock)

    assert [known.release("data", "none"), known.release("data", "none")] == [None, None]
    assert (asked.lists, set(asked.reads)) == (["secrets data"], {"sh.helm.release.v1.none.v1"})


@pytest.mark.parametrize("revision", [1, 2, 30])
def test_what_somebody_else_does_to_a_release_is_seen_after_a_while(clock: Counting, revision: int) -> None:
    asked = Asked("a")
    known = seen(asked, clock)
    known.release("data", "a")

    asked.there["a"] = revision
    at_once = known.release("data", "a")
    clock.sleep(BELIEVED)
    later = known.release("data", "a")

    assert (at_once and at_once.revision, later and later.revision) == (1, revision)


def test_a_release_that_somebody_else_removes_is_gone_after_a_while(clock: Counting) -> None:
    asked = Asked("a")
    known = seen(asked, clock)
    known.release("data", "a")

    del asked.there["a"]
    clock.sleep(BELIEVED)

    assert known.release("data", "a") is None


def test_nothing_is_believed_after_the_lease_was_given_back(clock: Counting) -> None:
    asked = Asked("a")
    known = seen(asked, clock)
    known.releases("data")

    known.forget()
    known.releases("data")

    assert asked.lists == ["secrets data"] * 2


def test_what_helm_made_of_a_release_that_is_right_is_asked_once(clock: Counting) -> None:
    asked = Asked("a")
    known = seen(asked, clock)

    assert [known.made("data", "a", "t", "values 1") for _ in range(2)] == ["kind: Service"] * 2
    assert asked.reads == ["what a is"]


@pytest.mark.parametrize(
    ("name", "target", "values"),
    [("a", "t", "values 2"), ("a", "other", "values 1"), ("b", "t", "values 1")],
    ids=["other values", "another target's", "not there"],
)
def test_what_is_not_right_yet_is_to_be_rendered(clock: Counting, name: str, target: str, values: str) -> None:
    asked = Asked("a")

    assert seen(asked, clock).made("data", name, target, values) == ""
    assert "what a is" not in asked.reads


def test_so_is_what_may_not_be_read(clock: Counting) -> None:
    asked = Asked("a")
    asked.kept_text = None

    assert seen(asked, clock).made("data", "a", "t", "values 1") == ""


def test_what_is_followed_is_not_listed(clock: Counting) -> None:
    asked = Asked()
    asked.followed["Pod"] = [{"metadata": {"name": "a-0"}}]
    known = seen(asked, clock)

    assert known.metadata(KINDS["Pod"], "data") == [{"name": "a-0"}]
    assert asked.lists == []


def test_what_cannot_be_followed_is_listed_once(clock: Counting) -> None:
    asked = Asked()
    known = seen(asked, clock)

    for kind in ("Service", "ConfigMap"):
        assert [*known.metadata(KINDS[kind], "data"), *known.metadata(KINDS[kind], "data")] == []

    assert asked.lists == ["services data", "configmaps data"]


def test_a_look_that_was_under_way_when_all_was_forgotten_is_forgotten_too(clock: Counting) -> None:
    asked = Asked("a")
    known = seen(asked, clock)
    looks = iter([{"phase": "old"}, {"phase": "new"}])

    def look() -> dict[str, Any]:
        known.forget()
        return next(looks)

    known.namespace("data", look)

    assert known.namespace("data", lambda: next(looks)) == {"phase": "new"}
