"""The target file that attaches to what is up is TOML that means the same, and holds no secret."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from repositories import Content

from gonogo.catalog.registry import Registry
from gonogo.catalog.target import load_target
from gonogo.commands.attach import target_file, toml
from gonogo.core.errors import ConfigError

QUEUE = """
    title = "Queue"
    [endpoints]
    required = ["folder"]
    optional = ["security"]
    secret = ["security.password"]
"""


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        'quotes " and \\ and \n line ends \t \x7f \x00',
        "ünïcode 統計 🙂",
        7,
        2.5,
        True,
        ["a", 1, False],
        {"SASL mechanism": "PLAIN", "retries": 3, "inner": {"a.b": [1.5]}},
    ],
    ids=repr,
)
def test_every_value_is_read_back_as_it_was(value: Any) -> None:
    assert tomllib.loads(f"value = {toml(value)}")["value"] == value


def test_a_secret_within_a_table_becomes_a_reference_and_is_put_back(
    content: Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("QUEUE_PASSWORD", "s3cret!")
    content.write("deploy/store/component.toml", QUEUE)
    security = 'security = { user = "me", password = { env = "QUEUE_PASSWORD" } }'
    target = content.target('unsupported = { shop = "closed" }', security)
    target.write_text(target.read_text().partition("[components.shop]")[0])
    registry = Registry.load(content.root)

    text = target_file(registry, load_target("there", content.root, registry), ["store"])

    copy = load_target(str(content.write("copy.toml", text)), content.root, registry)
    assert "s3cret!" not in text
    assert (copy.provider, copy.modes) == ("existing", ("read", "write"))
    assert copy.resolved(registry.components["store"])["security"] == {"user": "me", "password": "s3cret!"}


def test_where_nothing_is_up_there_is_nothing_to_attach_to(content: Content) -> None:
    target = content.target()
    target.write_text(target.read_text().partition("[components.store]")[0])
    registry = Registry.load(content.root)

    with pytest.raises(ConfigError, match="nothing is up"):
        target_file(registry, load_target("there", content.root, registry), ["store", "shop"])
