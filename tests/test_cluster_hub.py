"""What a hub does to the objects of a list; everything else needs a cluster (``tests/cluster/test_hub.py``)."""

from __future__ import annotations

from typing import Any

from gonogo.cluster.hub import thrifty


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
