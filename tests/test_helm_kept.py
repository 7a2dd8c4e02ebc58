"""What is kept of a definition: the same as its text says, and nothing that somebody else wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gonogo.core.errors import ConfigError
from gonogo.providers.helm import kept
from gonogo.providers.helm.kept import defined
from gonogo.providers.helm.mistakes import Definition

SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {"type": "object", "properties": {"size": {"type": "integer", "default": 3, "maximum": 1.5}}}
    },
}
VERSION = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}}
SPEC = {"group": "mq.example", "names": {"kind": "Queue"}, "versions": [VERSION], "preserveUnknownFields": True}
TEXT = yaml.safe_dump(
    {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "queues.mq.example"},
        "spec": SPEC,
    }
)
QUEUE = Definition("mq.example", "Queue", {"v1": VERSION}, prunes=False)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where nothing is kept yet, and where every text is."""
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(kept, "LEAST", 0)
    return tmp_path / "home" / "definitions"


def test_what_is_kept_is_what_the_text_says(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = defined("chart", TEXT)
    monkeypatch.setattr(kept, "objects", None)  # nothing is read any more

    again = defined("chart", TEXT)

    assert first == again == [QUEUE]
    assert len([*home.iterdir()]) == 1


def test_another_text_is_another_definition(home: Path) -> None:
    defined("chart", TEXT)

    [other] = defined("chart", TEXT.replace("served: true", "served: false"))

    assert other.versions["v1"]["served"] is False
    assert len([*home.iterdir()]) == 2


@pytest.mark.parametrize("damage", ["cut", "another's", "a link"])
def test_what_is_damaged_or_anothers_is_read_anew(damage: str, home: Path) -> None:
    defined("chart", TEXT)
    (path,) = home.iterdir()
    match damage:
        case "cut":
            path.write_bytes(path.read_bytes()[:-9])
        case "another's":
            path.write_bytes(path.read_bytes().replace(b"integer", b"string"))
            path.chmod(0o666)
        case _:
            other = path.with_suffix(".other")
            other.write_bytes(path.read_bytes().replace(b"integer", b"string"))
            path.unlink()
            path.symlink_to(other)

    assert defined("chart", TEXT) == [QUEUE]


def test_where_nothing_can_be_kept_it_is_read(home: Path) -> None:
    home.parent.mkdir()
    home.write_text("in the way")

    assert defined("chart", TEXT) == [QUEUE]


def test_a_short_text_is_not_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "LEAST", len(TEXT) + 1)

    assert defined("chart", TEXT) == [QUEUE]
    assert not home.exists()


def test_what_is_no_object_is_said(home: Path) -> None:
    with pytest.raises(ConfigError, match="no object"):
        defined("chart", "spec: {}\n")
