"""Files as structs: every mistake of a file is named at once, with the nearest known word."""

from __future__ import annotations

import os
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from gonogo.core.atomic import write_atomically
from gonogo.core.errors import ConfigError, Problem
from gonogo.core.files import MOST_PROBLEMS, load_json, load_toml, nearest, suggestion
from gonogo.core.outcomes import Struct


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Wheel(Struct, frozen=True, kw_only=True):
    inches: float
    spokes: int | None = None


class Car(Struct, frozen=True, kw_only=True):
    name: str
    colour: Colour = Colour.RED
    fuel: Literal["diesel", "petrol"] = "petrol"
    electric: bool = False
    built: date | None = None
    wheels: tuple[Wheel, ...] = ()
    owners: dict[str, Wheel] = msgspec.field(default_factory=dict)
    notes: dict[str, Any] = msgspec.field(default_factory=dict)


def problems(tmp_path: Path, text: str | bytes) -> list[Problem]:
    path = tmp_path / "car.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load_toml(path, Car)
    return caught.value.problems


def test_a_right_file_is_the_struct(tmp_path: Path) -> None:
    path = tmp_path / "car.toml"
    path.write_bytes(b'\xef\xbb\xbfname = "van"\r\nbuilt = 2020-05-04\r\nwheels = [{ inches = 15 }]\r\n')

    assert load_toml(path, Car) == Car(name="van", built=date(2020, 5, 4), wheels=(Wheel(inches=15.0),))


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ('name = "a"\ncolor = "red"', "unknown key 'color'", "nearest known: 'colour'"),
        (
            'name = "a"\nzzz = 1',
            "unknown key 'zzz'",
            "known: built, colour, electric, fuel, name, notes, owners, wheels",
        ),
        ('name = "a"\nwheels = [{inchs = 3, inches = 3}]', "unknown key 'wheels[0].inchs'", "nearest known: 'inches'"),
        ('name = "a"\n[owners.bob]\nspokes = 3', "missing key 'owners.bob.inches'", "expected a number"),
        ("", "missing key 'name'", "expected text"),
        ("name = 3", "name must be text, is 3", ""),
        ('name = "a"\ncolour = "bleu"', "colour: unknown value 'bleu'", "nearest known: 'blue'"),
        ('name = "a"\nfuel = "deisel"', "fuel: unknown value 'deisel'", "nearest known: 'diesel'"),
        ('name = "a"\nelectric = 1', "electric must be true or false, is 1", ""),
        ('name = "a"\nwheels = 4', "wheels must be a list, is 4", ""),
        ('name = "a"\nwheels = ["a"]', "wheels[0] must be a table, is 'a'", ""),
        ('name = "a"\nwheels = [{inches = true}]', "wheels[0].inches must be a number, is True", ""),
        ('name = "a"\nwheels = [{inches = 1, spokes = 1.5}]', "must be a whole number or nothing, is 1.5", ""),
        ('name = "a"\nbuilt = "soon"', "built must be a date like 2026-01-31, is 'soon'", ""),
        ('name = "a"\nbuilt = 2020-05-04T00:00:00Z', "built must be a date like 2026-01-31 or nothing", ""),
        ('name = "a"\nowners = []', "owners must be a table", ""),
    ],
)
def test_a_mistake_is_named_with_its_key_and_the_nearest(tmp_path: Path, text: str, what: str, hint: str) -> None:
    (found,) = problems(tmp_path, text)

    assert what in found.what
    assert found.hint == hint
    assert found.where == str(tmp_path / "car.toml")


def test_all_mistakes_of_a_file_are_named_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, 'naem = "a"\ncolour = "grey"\nwheels = [{}, {inches = "x", tube = 1}]')

    assert [p.what.partition(":")[0] for p in found] == [
        "unknown key 'naem'",
        "colour",
        "missing key 'wheels[0].inches'",
        "wheels[1].inches must be a number, is 'x'",
        "unknown key 'wheels[1].tube'",
        "missing key 'name'",
    ]


def test_a_flood_of_mistakes_is_cut(tmp_path: Path) -> None:
    text = 'name = "a"\n' + "".join(f"key{n} = 1\n" for n in range(10 * MOST_PROBLEMS))

    assert len(problems(tmp_path, text)) == MOST_PROBLEMS


@pytest.mark.parametrize(
    ("text", "line", "shown"),
    [
        ('name = "a"\ncolour = = 3\n', 2, "colour = …"),
        ('name = "a"\nname = "b"\n', 2, "name = …"),
        ('name = "a', 1, "name = …"),
        ('name = "a"\n[wheels\n', 2, "[wheels …"),
        ('name = "a"\npassword = "hunter2\n', 2, "password = …"),
        ('a.api_key = "hunter2', 1, "a.api_key = …"),
        ('name = "a"\nurl = "https://me:hunter2@h\n', 2, "url = …"),
        ('wheels = [{ x = "hunter2 }]', 1, "wheels = …"),
        ('x = """\nhunter2\n', 2, "not TOML: Unterminated string"),
        ('"a key" = "hunter2', 1, "not TOML"),
        (b'name = "a"\nx = "\xff"\n', 2, "is not UTF-8"),
    ],
)
def test_what_is_no_toml_is_shown_by_line_without_secrets(
    tmp_path: Path, text: str | bytes, line: int, shown: str
) -> None:
    (found,) = problems(tmp_path, text)

    assert found.where == f"{tmp_path / 'car.toml'}:{line}"
    assert shown in found.what
    assert "hunter2" not in str(found)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"car\.toml: no such file or directory$"):
        load_toml(tmp_path / "car.toml", Car)


def test_a_folder_in_place_of_a_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is a directory$"):
        load_toml(tmp_path, Car)


def test_json_is_read_from_bytes_and_from_a_path(tmp_path: Path) -> None:
    path = tmp_path / "car.json"
    path.write_bytes(b'{"name": "van"}')

    assert load_json(path, Car) == load_json(b'{"name": "van"}', Car) == Car(name="van")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"nme": "van"}', "unknown key 'nme' (nearest known: 'name')"),
        (b"[]", "the whole file must be a table"),
        (b'{"name": "van"', "not JSON: Input data was truncated"),
        (b'{"name" "van"}', "not JSON: JSON is malformed: expected ':' (byte 8)"),
        (b"", "not JSON"),
    ],
)
def test_json_that_is_wrong_is_named(data: bytes, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_json(data, Car, "answer")

    assert str(caught.value).startswith("answer: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("kafak", ["kafka", "ray"], "kafka"),
        ("KAFKA", ["kafka", "ray"], "kafka"),
        ("needs", ["need"], "need"),
        ("zzz", ["kafka", "ray"], ""),
        ("kafka", [], ""),
    ],
)
def test_the_nearest_word_is_what_was_meant(word: str, known: list[str], meant: str) -> None:
    assert nearest(word, known) == meant


def test_without_a_near_word_the_known_ones_are_listed() -> None:
    assert suggestion("zzz", ["ray", "kafka"]) == "known: kafka, ray"
    assert suggestion("zzz", []) == "none is known"


def test_a_file_is_written_whole_into_a_new_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"

    write_atomically(path, b"old")
    write_atomically(path, b"new")

    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_a_write_that_fails_leaves_the_old_file_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
