"""The official client of DataHub (``acryl-datahub``) accepts what the emulator answers, and reads what gonogo writes.

It runs in an environment of its own, since it brings packages that gonogo has no use for::

    python -m venv FOLDER && FOLDER/bin/pip install acryl-datahub==1.7.0.17
    GONOGO_TEST_DATAHUB=FOLDER pytest tests/test_datahub_official.py

``tox -e datahub-client`` does both. Skipped where that environment is missing.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from emulators.datahub import RELEASES, TOKEN, Answer, Datahub, emulated

from fixtures import datahub as module
from fixtures.datahub import Datahub as Client
from fixtures.datahub import urn_of
from gonogo.checks.journal import Journal, RunScope
from gonogo.core.endpoints import Endpoints, Secret
from gonogo.core.outcomes import Mode

PYTHON = Path(os.environ.get("GONOGO_TEST_DATAHUB", "")) / "bin" / "python"
PROGRAM = Path(__file__).parent / "emulators" / "datahub" / "official.py"

pytestmark = pytest.mark.skipif(
    not os.environ.get("GONOGO_TEST_DATAHUB") or not PYTHON.is_file(),
    reason="GONOGO_TEST_DATAHUB names no environment with acryl-datahub: tox -e datahub-client",
)


@pytest.fixture(params=["1.7", "1.3", "0.12"])
def there(request: pytest.FixtureRequest) -> Iterator[Datahub]:
    """A DataHub of this release."""
    with emulated(release=RELEASES[request.param]) as one:
        yield one


@pytest.fixture
def ours(there: Datahub, tmp_path: Path) -> Iterator[Client]:
    """Our own client of it."""
    scope = RunScope("pv-20261201120000-abcdef", Mode.WRITE, "datahub", Journal(tmp_path / "j"), itertools.count(1))
    addresses, secrets = {"url": there.url, "frontend": there.frontend}, {"token": Secret(TOKEN)}
    with closing(Client(Endpoints("datahub", addresses, secrets, scope=scope))) as client:
        yield client


def official(there: Datahub, *questions: str, **given: Any) -> dict[str, Any]:
    """What the official client answers to each question, from a process of its own."""
    asked = {"url": there.url, "token": TOKEN, "questions": questions, **given}
    # no home, no telemetry: it writes a file of settings and reports its use otherwise
    environment = {"PATH": os.environ["PATH"], "DATAHUB_TELEMETRY_ENABLED": "false"}
    done = subprocess.run(
        [str(PYTHON), "-I", str(PROGRAM)],
        input=json.dumps(asked),
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_it_writes_reads_finds_and_deletes(there: Datahub) -> None:
    told = official(there, "round")

    assert told["round"] == {
        "connected": True,
        "version": there.release.version,
        "upstreams": [urn_of("official-0")],
        "name": "official-1",
        "found": [urn_of("official-0"), urn_of("official-1")],
        "related": [urn_of("official-1")],
        "rows": 2,
        "left": [urn_of("official-0")],
    }


def test_it_writes_by_both_ways(there: Datahub) -> None:
    official(there, "round", openapi=there.release.openapi)
    official(there, "round", openapi=False)

    ways = {"gms POST /aspects", "gms POST /openapi/v3/entity/dataset"}
    assert ways & set(there.asked) == (ways if there.release.openapi else {"gms POST /aspects"})


def test_it_reads_what_we_write(there: Datahub, ours: Client) -> None:
    with ours.chain() as urns:
        told = official(there, "reads", urns=urns)["reads"]

        names = [one["name"] for one in told]
        assert [one["upstreams"] for one in told] == [[], *([urn] for urn in urns[:-1])]
        assert [urn_of(name) for name in names] == urns
        assert {one["run"] for one in told} == {"pv-20261201120000-abcdef"}
        assert all(one["valid"] for one in told)


def test_we_send_what_it_sends(there: Datahub, ours: Client) -> None:
    """The same path, and the same body but for what it stamps with the time."""
    with ours.chain() as urns:
        sent = there.sent[-1]

    told = official(there, "sends", upstream=urns[-2], urn=urns[-1])["sends"]

    if there.release.openapi:
        assert sent == (told["path"], told["openapi"])
    else:
        assert sent == ("/aspects?action=ingestProposal", {"proposal": told["proposal"], "async": "false"})


def test_it_reads_its_lags_id_and_our_queries(there: Datahub) -> None:
    queries = {"me": module.ME, "search": module.SEARCH, "lineage": module.LINEAGE, "runs": module.RUNS}

    told = official(there, "lags", "identity", "queries", queries=queries)

    assert set(told["lags"]) == {"mcp", "mcl", "mcl-timeseries"}
    assert [one.lag for log in told["lags"].values() for one in module.groups(log)] == [0, 0, 0]
    assert told["identity"] == there.identity
    assert set(told["queries"]) == set(queries)


def test_it_refuses_what_we_refuse(there: Datahub) -> None:
    there.instead["gms GET /config"] = Answer(200, {"status": "ok", "config": {"application": "datahub-frontend"}})

    told = official(there, "round", refused=True)

    assert "frontend service instead of the GMS" in told["refused"]
