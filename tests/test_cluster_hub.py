"""What a hub does to the objects of a list, and how few threads it takes; a real API server: ``tests/cluster``."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from kubeconfigs import api, kubeconfig
from watched import Watched, serving

from gonogo.cluster import hub as module
from gonogo.cluster.api import KINDS
from gonogo.cluster.hub import Hub, thrifty
from gonogo.core.errors import Forbidden
from gonogo.core.waiting import pause, until


def pod(name: str, image: str) -> dict[str, Any]:
    """A pod of a template."""
    return {"metadata": {"name": name, "labels": {"app": "web"}}, "spec": {"containers": [{"image": image}]}}


def test_neighbours_share_what_is_alike_and_stay_what_they_were() -> None:
    objects = [pod("a", "web:1"), pod("b", "web:1"), pod("c", "web:2")]

    thrifty(objects)

    assert objects == [pod("a", "web:1"), pod("b", "web:1"), pod("c", "web:2")]
    assert objects[1]["spec"]["containers"] is objects[0]["spec"]["containers"]
    assert objects[2]["metadata"]["labels"] is objects[0]["metadata"]["labels"]
    assert objects[2]["spec"]["containers"] is not objects[1]["spec"]["containers"]


def test_objects_of_any_form_are_left_alone() -> None:
    objects: list[dict[str, Any]] = [{"spec": "odd"}, {"metadata": None}, {}, pod("a", "web:1")]

    thrifty(objects)

    assert objects == [{"spec": "odd"}, {"metadata": None}, {}, pod("a", "web:1")]


# -- many stores and few threads

MAPS, SECRETS, ACCOUNTS = KINDS["ConfigMap"], KINDS["Secret"], KINDS["ServiceAccount"]


@contextmanager
def following(folder: Path, watched: Watched, *namespaces: str, follow: bool = True) -> Iterator[Hub]:
    """A hub that asks this server, and its end."""
    with serving(watched):
        path = kubeconfig(folder / "config", server=watched.url)
        with closing(api(path)) as asked, closing(Hub(asked, namespaces, follow=follow)) as hub:
            yield hub


def sees(hub: Hub, kind: str, namespace: str, name: str) -> None:
    """Wait until an object is in the hub's world."""
    where = f"{kind} {namespace}/{name}"
    until(lambda: hub.world().get(kind, namespace, name) is not None, awaited=f"{where} in the world", within=30)


def threads() -> int:
    return sum(one.name.startswith("gonogo-hub-") for one in threading.enumerate())


def test_where_there_are_few_each_costs_one_list_and_one_watch(tmp_path: Path) -> None:
    watched = Watched()
    with following(tmp_path, watched, "data") as hub:
        hub.ask([MAPS, SECRETS])
        hub.ask([MAPS, KINDS["Node"]])
        hub.listed(10)
        watched.put("ConfigMap", "data", "later")
        sees(hub, "ConfigMap", "data", "later")
        until(lambda: watched.open == 3, awaited="the watches", within=10)
        running, notes = threads(), hub.notes

    assert running == 3
    assert notes == []
    assert set(watched.lists.values()) == set(watched.watches.values()) == {1}
    assert threads() == 0


def test_where_there_are_many_each_has_its_turn_and_none_is_listed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WATCHES", 3)
    monkeypatch.setattr(module, "TURN", 1.0)
    spaces = [f"space-{number}" for number in range(4)]
    watched = Watched()
    with following(tmp_path, watched, *spaces) as hub:
        hub.ask([MAPS, SECRETS, ACCOUNTS])
        hub.listed(10)
        notes = hub.notes
        for kind in ("ConfigMap", "Secret", "ServiceAccount"):
            for space in spaces:
                watched.put(kind, space, "later")
        for kind in ("ConfigMap", "Secret", "ServiceAccount"):
            for space in spaces:
                sees(hub, kind, space, "later")
        errors, stale = hub.errors, hub.stale
        known = hub.world().knows_all("Secret", "space-3")

    assert notes == ["12 watches are too many at once: each has its turn, and a change is seen within 4 s or so"]
    assert (errors, stale, known) == ([], None, True)
    assert (len(watched.lists), set(watched.lists.values())) == (12, {1})
    assert watched.most_open <= 3
    assert watched.most_threads <= 3
    assert threads() == 0


def test_a_watch_of_a_quiet_time_gives_way_when_there_are_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WATCHES", 2)
    monkeypatch.setattr(module, "TURN", 1.0)
    watched = Watched()
    with following(tmp_path, watched, "data", "ml") as hub:
        hub.ask([MAPS])
        hub.listed(10)
        until(lambda: watched.open == 2, awaited="the lasting watches", within=10)
        hub.ask([SECRETS])
        hub.listed(10)
        watched.put("ConfigMap", "data", "later")
        watched.put("Secret", "ml", "later")
        sees(hub, "ConfigMap", "data", "later")
        sees(hub, "Secret", "ml", "later")
        errors, stale = hub.errors, hub.stale

    assert (errors, stale) == ([], None)
    assert set(watched.lists.values()) == {1}
    assert watched.most_threads <= 2


def test_a_version_that_is_too_old_means_another_list_in_a_crowd_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WATCHES", 2)
    monkeypatch.setattr(module, "TURN", 1.0)
    watched = Watched()
    watched.outdated.add(MAPS.path("data"))
    with following(tmp_path, watched, "data", "ml") as hub:
        hub.ask([MAPS, SECRETS])
        hub.listed(10)
        until(lambda: watched.lists[MAPS.path("data")] == 2, awaited="another list", within=10)
        watched.put("ConfigMap", "data", "later")
        sees(hub, "ConfigMap", "data", "later")

    assert {path: times for path, times in watched.lists.items() if times > 1} == {MAPS.path("data"): 2}


def test_whoever_may_look_into_a_few_of_many_namespaces_needs_few_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WATCHES", 4)
    spaces = [f"space-{number}" for number in range(40)]
    refused = {kind.path(space) for kind in (MAPS, SECRETS) for space in (None, *spaces)} - {MAPS.path("space-7")}
    watched = Watched(refused, spaces)
    with following(tmp_path, watched) as hub:
        hub.ask([MAPS, SECRETS])
        hub.listed(20, tolerate=(Forbidden,))
        watched.put("ConfigMap", "space-7", "later")
        sees(hub, "ConfigMap", "space-7", "later")
        until(lambda: threads() == 1, awaited="the end of those that may not", within=10)
        notes, refusals = hub.notes, [str(refusal) for refusal in hub.refusals]

    assert notes == ["configmaps may be listed in 1 of 40 namespaces"]
    assert [text.partition(" in ")[0] for text in refusals] == ["may not list secrets"]
    assert watched.most_threads <= 4


def test_who_does_not_follow_lists_with_few_threads(tmp_path: Path) -> None:
    spaces = [f"space-{number}" for number in range(50)]
    kinds = [kind for kind in KINDS.values() if kind.namespaced][:6]
    watched = Watched()
    with following(tmp_path, watched, *spaces, follow=False) as hub:
        hub.ask(kinds)
        hub.listed(60)
        until(lambda: threads() == 0, awaited="the end of all threads", within=10)

    assert (sum(watched.lists.values()), watched.watches) == (300, {})
    assert watched.most_threads <= module.AT_ONCE


def test_closing_ends_those_too_whose_turn_has_not_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WATCHES", 2)
    watched = Watched()
    with following(tmp_path, watched, *(f"space-{number}" for number in range(20))) as hub:
        hub.ask([MAPS])
        hub.listed(10)
        asked = sum(watched.lists.values())

    assert asked == 20
    assert threads() == 0


# -- news


def test_news_wake_each_of_those_who_wait_and_what_came_while_they_looked_is_not_missed(tmp_path: Path) -> None:
    watched = Watched()
    with following(tmp_path, watched, "data") as hub:
        hub.ask([MAPS])
        hub.listed(10)
        until(lambda: watched.open == 1, awaited="the watch", within=10)
        one, other = hub.news(), hub.news()
        watched.put("ConfigMap", "data", "while-they-look")
        sees(hub, "ConfigMap", "data", "while-they-look")
        woken = [one(10), other(10)]
        quiet = one(0.1)

    assert (woken, quiet) == ([True, True], False)


def test_a_cluster_that_changes_all_the_time_is_looked_at_for_a_tenth_of_the_time(tmp_path: Path) -> None:
    watched = Watched()
    with following(tmp_path, watched, "data") as hub:
        hub.ask([MAPS])
        hub.listed(10)
        news = hub.news()
        pause(0.05, reason="the look took so long")
        watched.put("ConfigMap", "data", "new")
        sees(hub, "ConfigMap", "data", "new")
        began = monotonic()
        news(10)

    assert monotonic() - began >= 0.3
