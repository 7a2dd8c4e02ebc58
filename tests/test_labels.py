"""Label selectors, as kubectl reads them (apimachinery, ``labels.Parse``)."""

from __future__ import annotations

import pytest

from gonogo.cluster.labels import Selector
from gonogo.core.errors import ConfigError

LABELS = {"app": "web", "tier": "", "example.com/rank": "7"}


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ("", True),
        ("app=web", True),
        ("app==web", True),
        (" app = web , tier= ", True),
        ("app=api", False),
        ("app=web,none=x", False),
        ("app!=api", True),
        ("none!=x", True),
        ("app!=web", False),
        ("app in (api,web)", True),
        ("app in(api)", False),
        ("tier in (,x)", True),
        ("none in (x)", False),
        ("app notin (api, job)", True),
        ("none notin (x)", True),
        ("app notin (web)", False),
        ("app", True),
        ("none", False),
        ("!none", True),
        ("! app", False),
        ("example.com/rank>6,example.com/rank<8", True),
        ("example.com/rank>7", False),
        ("app>1", False),
        ("in=x", False),
    ],
)
def test_a_selector_means_objects_by_their_labels(selector: str, fits: bool) -> None:
    assert Selector.read(selector, "-l").fits({"metadata": {"labels": LABELS}}) is fits


@pytest.mark.parametrize(
    "selector",
    ["app=", "!app", "app notin (web)"],
)
def test_an_object_without_labels_has_none_of_them(selector: str) -> None:
    assert Selector.read(selector, "-l").fits({"metadata": {}}) is (selector != "app=")


@pytest.mark.parametrize(
    "selector",
    [
        "=web",
        "a=b=c",
        "a=b,",
        ",a=b",
        "a,,b",
        "a in b",
        "a in (b",
        "a b",
        "a=!b",
        "-a=b",
        "a=b c",
        "a>x",
        "!",
        "a in ((b))",
    ],
)
def test_what_is_no_selector_is_a_sentence(selector: str) -> None:
    with pytest.raises(ConfigError, match=r"is no label selector, from .* on \(like a=b,c!=d,e in"):
        Selector.read(selector, "-l")
