"""Makes all cases at once, follows the cluster as ``gonogo health --watch`` does, and records what was said when."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from secrets import token_hex
from typing import Any

import yaml
from cluster.cases import Case, everything
from cluster.live import Cluster, Facts

from gonogo.catalog.target import Kubernetes
from gonogo.cluster import survey
from gonogo.cluster.api import KINDS, Api
from gonogo.cluster.judge import Row, State
from gonogo.core.errors import NotReady
from gonogo.core.waiting import REAL, until

DEFINITION = Path(__file__).parent / "definition.yaml"
ESTABLISHED = "status.conditions[?type=='Established' && status=='True']"

AT_ONCE = 30
"""Cases that are made side by side: a small node starts so many containers without falling behind."""

WITHIN = 240.0
"""Seconds that a case may take until all that is expected of it was said."""

AFTERWARDS = 20.0
"""Seconds that a case which must not be given up, or not fail at all, is followed after it was named or settled."""


@dataclass
class Record:
    """What was seen of one case: instants by the monotonic clock, and the rows of its objects, the latest of each."""

    case: Case
    namespace: str
    said: Mapping[str, Any]
    begun: float = 0.0
    made: float | None = None
    error: BaseException | None = None
    fact: float | None = None
    ripe: float | None = None
    named: float | None = None
    told: bool = False
    failed: float | None = None
    row: Row | None = None
    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    failures: list[Row] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def subject(self) -> Mapping[str, Any]:
        """The object that the case is about."""
        return dict(self.said.get("named") or self.said["is"])

    def take(self, row: Row, now: float) -> None:
        """One row, as it was said, if it is about the case."""
        if self.namespace not in (row.namespace, row.name) and (row.namespace or row.name != self.subject["name"]):
            return
        self.rows[row.kind, row.name] = row
        if row.state is State.FAILED:
            self.failures.append(row)
        if row.kind == self.subject["kind"] and fnmatchcase(row.name, self.subject["name"]):
            self.row = row
            if self.named is None and self.says(row, "reason", "cause"):
                self.named = now
            self.told = self.told or self.says(row, "reason", "cause", "message", "hint")
            if self.failed is None and row.state is State.FAILED:
                self.failed = now

    def says(self, row: Row, *fields: str) -> bool:
        """Whether the row says what the case wants said in these fields."""
        return all(fnmatchcase(getattr(row, key), self.subject[key]) for key in fields if key in self.subject)

    def complete(self, now: float) -> bool:
        """Whether nothing more is to be seen."""
        if "is" in self.said:
            return self.made is not None and self.as_said and now > self.made + AFTERWARDS
        if self.named is None or not self.told:
            return False
        return now > self.named + AFTERWARDS if self.said["given_up"] == "never" else self.failed is not None

    @property
    def as_said(self) -> bool:
        """Whether an odd object is in one of the states that it may be in."""
        states = self.subject["state"]
        return self.row is not None and self.row.state in ([states] if isinstance(states, str) else states)


def record(cluster: Cluster, chosen: Iterable[Case], keep: Path | None = None) -> dict[str, Record]:
    """Make the cases, follow them until all is said, and remove them; a record per case, by its name.

    ``keep`` is a folder for what the API server held of each case at its end.
    """
    mark = f"gonogo-test-{token_hex(3)}"
    spaces = {case: f"{mark}-{case.path.stem}" for case in chosen}
    records = {case.name: Record(case, name, case.header(name)) for case, name in spaces.items()}
    facts = Facts(cluster)
    for key, one in records.items():
        _expect(facts, key, one)
    ended = threading.Event()
    follower = threading.Thread(target=_follow, args=(cluster, list(records.values()), ended), name="follow")
    with cluster.namespace(mark):
        for one in cluster.objects(DEFINITION.read_text(encoding="utf-8"), mark):
            cluster.apply(one, mark)
            cluster.wait(one["kind"], ESTABLISHED, name=one["metadata"]["name"])
        follower.start()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                wait([pool.submit(_play, cluster, one, keep) for one in records.values()])
            finally:  # also where somebody interrupts it: what was made is removed
                for one in records.values():
                    one.done.set()
        ended.set()
    _emptied(cluster, mark)
    facts.close()
    follower.join()
    for key, one in records.items():
        one.fact, one.ripe = facts.seen.get(key), facts.seen.get(f"{key} ripe")
    return records


def _expect(facts: Facts, key: str, one: Record) -> None:
    if "fact" in one.said:
        facts.expect(key, namespace=one.namespace, **one.said["fact"])
        given_up = one.said["given_up"]
        if isinstance(given_up, dict) and "fact" in given_up:
            facts.expect(f"{key} ripe", namespace=one.namespace, **given_up["fact"])


def _play(cluster: Cluster, one: Record, keep: Path | None) -> None:
    if one.done.is_set():
        return
    try:
        with cluster.namespace(one.namespace, one.said.get("namespace", {}).get("labels")):
            one.begun = REAL.now()
            one.case.make(cluster, one.namespace)
            one.made = REAL.now()
            with suppress(NotReady):
                until(
                    lambda: one.done.is_set() or one.complete(REAL.now()),
                    awaited="all that is expected",
                    within=WITHIN,
                    every=0.2,
                )
            one.done.set()
            if keep:
                _keep(cluster, one, keep)
    except Exception as error:  # told by the case's own test
        one.error = error
    finally:
        one.done.set()


def _follow(cluster: Cluster, records: Sequence[Record], ended: threading.Event) -> None:
    with closing(survey.followed(Api(Kubernetes(kubeconfig=str(cluster.kubeconfig))))) as said:
        for found in said:
            if isinstance(found, str):  # a note, such as of a watch that was cut and begun anew
                continue
            changes = not isinstance(found, survey.Survey)
            rows = [one.row for one in found if not one.gone] if changes else found.rows
            now = REAL.now()
            for one in records:
                for row in rows if not one.done.is_set() else ():
                    one.take(row, now)
            if ended.is_set():
                return


def _keep(cluster: Cluster, one: Record, folder: Path) -> None:
    kinds = [name for name, kind in KINDS.items() if kind.namespaced and name not in ("Secret", "ConfigMap")]
    held = everything(cluster, one.namespace, kinds)
    folder.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump_all(held, sort_keys=False, width=120)
    (folder / f"{one.case.name}.yaml").write_text(text, encoding="utf-8")


def _emptied(cluster: Cluster, prefix: str) -> None:
    def left() -> list[str]:
        return [name for one in cluster.every("Namespace") if (name := one["metadata"]["name"]).startswith(prefix)]

    until(left, awaited="the end of the tests' namespaces", within=180, every=1, enough=lambda names: not names)
