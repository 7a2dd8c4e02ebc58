"""The next command to type: it names nothing that is not known, a shell takes it, and on a real platform it works."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gonogo.catalog.registry import Component, Registry
from gonogo.catalog.signatures import GENERIC, Signature
from gonogo.core.endpoints import Endpoints
from gonogo.run.diagnosis import filled, whereabouts

ROOT = Path(__file__).parent.parent
REGISTRY = Registry.load(ROOT)

SAMPLES = {"host": "db.data", "port": 5432, "bootstrap": "b-0.data:9092,b-1.data:9092", "uri": "bolt://graph.data:7687"}
FACTS: Mapping[str, object] = {"sequence": "experiments_experiment_id_seq", "pid": 1, "code": "42883"}
PLACEHOLDER = re.compile(r"[A-Z][A-Z_]{2,}")
"""A word of a command that somebody would have to replace."""


LEFT = {
    *("kafka.records_altered.by_hand", "ray.job_failed.by_hand"),
    *("ray.job_result_wrong.by_hand", "ray.failure_hidden.by_hand"),
}
"""Commands in which a person still has to replace a word: may only get fewer."""


class Told(NamedTuple):
    """A command of a signature, of one component or of any; ``field`` is where it stands."""

    component: str
    signature: str
    field: str
    command: str
    facts: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.component or '*'}.{self.signature}.{self.field}"


def commands(signatures: Mapping[str, Signature], component: str = "") -> Iterator[Told]:
    for name, one in signatures.items():
        for field in ("by_hand", "attached"):
            if command := getattr(one, field):
                yield Told(component, name, field, command, one.facts)


TOLD = [*commands(GENERIC), *(t for c in REGISTRY.components.values() for t in commands(c.signatures, c.name))]


def sampled(component: Component) -> dict[str, object]:
    """Every endpoint key that a component may have, with an odd one among them, and all that is told of a case."""
    keys = {key: SAMPLES.get(key, f"http://{key}.data:8080/it's") for key in component.endpoints.all}
    return {"target": "far away.toml", **whereabouts(Endpoints(component.name, keys)), **FACTS}


@pytest.mark.parametrize("told", TOLD, ids=str)
def test_a_command_can_be_typed_as_it_is(told: Told) -> None:
    component = REGISTRY.components[told.component or "postgresql"]
    values = {"at_url": "http://store.data:80/", **dict.fromkeys(told.facts, "one of the case"), **sampled(component)}

    command = filled(told.command, values)

    assert command
    assert "{" not in re.sub(r"\{\"?\w*\"?:.*?\}|'[^']*'", "", command)
    assert "[[" not in command
    assert str(told) in LEFT or [word for word in shlex.split(command) if PLACEHOLDER.fullmatch(word)] == []
    assert subprocess.run(["bash", "-n", "-c", command], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("kind", GENERIC)
def test_a_platform_that_gonogo_did_not_deploy_is_asked_itself(kind: str) -> None:
    deployed = ("not_started", "configured_otherwise", "wrong_account")
    ours = re.compile(r"gonogo (status|up|down)\b")

    command = GENERIC[kind].attached or GENERIC[kind].by_hand

    assert kind in deployed or kind.startswith("data_") or not ours.search(command)


# -- on a platform that is up


@pytest.fixture(scope="module")
def platform() -> dict[str, dict[str, Any]]:
    """The endpoints of the embedded platform of this checkout, secrets read. Skipped where none is up."""
    done = subprocess.run(
        [sys.executable, "-m", "gonogo", "endpoints"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    if done.returncode:
        pytest.skip("no embedded platform is up: `gonogo up mlflow`")
    found: dict[str, dict[str, Any]] = tomllib.loads(done.stdout)["components"]
    return found


@pytest.mark.parametrize("told", [t for t in TOLD if t.component in ("postgresql", "mlflow")], ids=str)
def test_a_command_works_on_the_embedded_platform(told: Told, platform: dict[str, dict[str, Any]]) -> None:
    plain, secret = split(platform.get(told.component) or pytest.skip(f"{told.component} is not up"))
    command = filled(told.command, {**plain, **FACTS, "index": "any", "slot": "any"})
    if shutil.which(shlex.split(command)[0]) is None:
        pytest.skip(f"{shlex.split(command)[0]} is not installed")
    administrator = "user=postgres" in command
    password = secret["administrator_password" if administrator else "password"]

    done = subprocess.run(
        ["bash", "-c", command],
        input=f"{password}\n",  # what curl asks for where there is no terminal
        env={**os.environ, "PGPASSWORD": password, "PAGER": "cat"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        start_new_session=True,
    )

    assert (done.returncode, done.stderr.replace("Enter host password for user 'gonogo':", "").strip()) == (0, "")
    assert done.stdout.strip()
    assert "HTTP/1.1 404" not in done.stdout


def split(table: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What a target file says plainly of a component, and its secrets, read."""
    secrets = {key: Path(value["file"]).read_text().strip() for key, value in table.items() if isinstance(value, dict)}
    return json.loads(json.dumps({k: v for k, v in table.items() if k not in secrets})), secrets
