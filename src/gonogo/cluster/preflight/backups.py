"""The newest backup that each place shows, how old it is, and whether it can be restored as far as that can be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.labels import Selector
from gonogo.cluster.preflight import Confidence, Line
from gonogo.core.times import moment, spoken


@dataclass(frozen=True, kw_only=True)
class Backup:
    """The newest that a place shows; ``when`` is None where it shows none, with ``why``.

    ``against`` says what speaks against restoring it, ``sure`` how much is known of that.
    """

    place: str
    name: str = ""
    when: datetime | None = None
    why: str = ""
    against: Sequence[str] = ()
    sure: Confidence = "medium"


def line(found: Iterable[Backup], now: datetime, hours: float) -> Line:
    """Every place that was named has a backup that is young enough, and that nothing speaks against."""
    found, faults, told = list(found), [], []
    for one in found:
        if one.when is None:
            faults.append(f"{one.place}: {one.why}")
            told.append(f"{one.place}: none")
            continue
        age = now - one.when
        told.append(f"{one.place}: {one.name} of {one.when:%Y-%m-%d %H:%M} UTC, {spoken(age)} old")
        if age > timedelta(hours=hours):
            faults.append(f"{one.place}: the newest, {one.name}, is {spoken(age)} old")
        elif age < -timedelta(minutes=5):
            faults.append(f"{one.place}: the newest, {one.name}, is {spoken(age)} in the future")
        faults += [f"{one.place}: {one.name}: {why}" for why in one.against]
    order: list[Confidence] = ["low", "medium", "high"]
    return Line(
        observed="; ".join(told),
        threshold=f"at most {hours:g} hours old, and nothing speaks against restoring it",
        source=", ".join(one.place for one in found),
        confidence=min((one.sure for one in found), key=order.index, default="low"),
        faults=tuple(faults),
    )


def _newest(ended: Iterable[tuple[datetime | None, Object]]) -> tuple[datetime, Object] | None:
    known = [(when, one) for when, one in ended if when is not None]
    return max(known, key=lambda pair: pair[0], default=None)


def velero(place: str, objects: Iterable[Object], locations: Iterable[Object], now: datetime) -> Backup:
    """``namespace/name`` of a Velero Schedule, or of one Backup: its newest one that was completed."""
    space, _, wanted = place.partition("/")
    own = [
        one
        for one in objects
        if one["metadata"].get("namespace") == space
        and wanted in (one["metadata"]["name"], (one["metadata"].get("labels") or {}).get("velero.io/schedule-name"))
    ]
    done = _newest(
        (moment(str(one.get("status", {}).get("completionTimestamp", ""))), one)
        for one in own
        if one.get("status", {}).get("phase") == "Completed"
    )
    at = f"Velero {place}"
    if done is None:
        phases = sorted({str(one.get("status", {}).get("phase", "New")) for one in own})
        return Backup(place=at, why=f"no Backup is Completed; there are {len(own)}: {', '.join(phases) or 'none'}")
    when, one = done
    status, against = one.get("status", {}), []
    if status.get("errors"):
        against.append(f"{status['errors']} errors")
    if (expires := moment(str(status.get("expiration", "")))) is not None and expires <= now:
        against.append(f"it expired at {expires:%Y-%m-%d %H:%M} UTC")
    if "deletionTimestamp" in one["metadata"]:
        against.append("it is being deleted")
    stored = one.get("spec", {}).get("storageLocation", "default")
    places = {loc["metadata"]["name"]: loc.get("status", {}).get("phase", "unknown") for loc in locations}
    if places.get(stored) != "Available":
        against.append(f"its storage location {stored} is {places.get(stored, 'not there')}")
    later = [o for o in own if _started(o) > when and o.get("status", {}).get("phase") in ("Failed", "PartiallyFailed")]
    against += [f"a later one, {o['metadata']['name']}, is {o['status']['phase']}" for o in later[:1]]
    return Backup(place=at, name=one["metadata"]["name"], when=when, against=against)


def _started(one: Object) -> datetime:
    said = moment(str(one.get("status", {}).get("startTimestamp") or one["metadata"].get("creationTimestamp", "")))
    return said or datetime.min.replace(tzinfo=UTC)


def snapshot(place: str, objects: Iterable[Object]) -> Backup:
    """``namespace/selector`` of VolumeSnapshots: the newest that is ready to use."""
    space, _, written = place.partition("/")
    selector = Selector.read(written, "checklist.backup.snapshot")
    own = [one for one in objects if one["metadata"].get("namespace") == space and selector.fits(_labelled(one))]
    ready = _newest(
        (moment(str(one.get("status", {}).get("creationTime", ""))), one)
        for one in own
        if one.get("status", {}).get("readyToUse") is True
    )
    at = f"VolumeSnapshot {place}"
    if ready is None:
        errors = [str((one["status"].get("error") or {}).get("message", "")) for one in own if one.get("status")]
        said = next(filter(None, errors), "")
        return Backup(place=at, why=f"none of {len(own)} is ready to use" + (f": {said}" if said else ""))
    when, one = ready
    against = [] if one.get("status", {}).get("boundVolumeSnapshotContentName") else ["no content is bound to it"]
    against += ["it is being deleted"] if "deletionTimestamp" in one["metadata"] else []
    return Backup(place=at, name=one["metadata"]["name"], when=when, against=against)


def _labelled(one: Object) -> Mapping[str, Any]:
    return {"metadata": {"labels": one["metadata"].get("labels") or {}}}


def cnpg(place: str, objects: Iterable[Object]) -> Backup:
    """``namespace/cluster`` of CloudNativePG: its newest Backup that was completed."""
    space, _, cluster = place.partition("/")
    own = [
        one
        for one in objects
        if one["metadata"].get("namespace") == space
        and (one.get("spec", {}).get("cluster") or {}).get("name") == cluster
    ]
    done = _newest(
        (moment(str(one.get("status", {}).get("stoppedAt", ""))), one)
        for one in own
        if one.get("status", {}).get("phase") == "completed"
    )
    at = f"CloudNativePG {place}"
    if done is None:
        said = next((str(one["status"]["error"]) for one in own if one.get("status", {}).get("error")), "")
        return Backup(place=at, why=f"no Backup of {len(own)} is completed" + (f": {said}" if said else ""))
    when, one = done
    against = ["it is being deleted"] if "deletionTimestamp" in one["metadata"] else []
    return Backup(place=at, name=one["metadata"]["name"], when=when, against=against)


def repository(name: str, answer: Any) -> Backup:
    """What a search engine tells of the snapshots of a repository: the newest that is whole."""
    listed = answer.get("snapshots") if isinstance(answer, Mapping) else None
    own = [one for one in listed or () if isinstance(one, Mapping)]
    done = max(
        (
            (when, one)
            for one in own
            if one.get("state") == "SUCCESS" and (when := moment(str(one.get("end_time", "")))) is not None
        ),
        key=lambda pair: pair[0],
        default=None,
    )
    at = f"snapshot repository {name}"
    if done is None:
        states = sorted({str(one.get("state", "unknown")) for one in own})
        return Backup(
            place=at, why=f"none of {len(own)} snapshots is a SUCCESS: {', '.join(states) or 'none is there'}"
        )
    when, one = done
    lost = (one.get("shards") or {}).get("failed", 0)
    against = [f"{lost} shards failed"] if lost else []
    return Backup(place=at, name=str(one.get("snapshot", "")), when=when, against=against, sure="high")


def file(path: str, when: datetime | None, size: int) -> Backup:
    """A file, by when it was written; ``when`` is None where it is not there."""
    at = f"file {path}"
    if when is None:
        return Backup(place=at, why="it is not there")
    return Backup(
        place=at, name=path.rpartition("/")[2], when=when, against=[] if size else ["it is empty"], sure="low"
    )


def export(path: str, when: datetime | None, held: Sequence[Any] | None, wanted: Sequence[str]) -> Backup:
    """A file of ``argocd admin export``, by when it was written, and the documents in it; None where it is no YAML.

    ``wanted`` are Applications that have to be in it. They stand behind the projects: a file that was cut lacks them.
    """
    at = f"Argo CD export {path}"
    if when is None:
        return Backup(place=at, why="it is not there")
    if held is None:
        against = ["it is no YAML, or was cut off"]
    else:
        projects, apps = ([*map(_name, _of(held, kind))] for kind in ("AppProject", "Application"))
        against = [
            f"it holds no {kind}" for kind, names in (("AppProject", projects), ("Application", apps)) if not names
        ]
        lost = [one for one in wanted if one not in apps]
        against += [f"it lacks Application {', '.join(lost)}"] if apps and lost else []
    return Backup(place=at, name=path.rpartition("/")[2], when=when, against=against)


def _of(held: Iterable[Any], kind: str) -> list[Object]:
    return [one for one in held if isinstance(one, Mapping) and one.get("kind") == kind]


def _name(one: Object) -> str:
    meta = one.get("metadata")
    return str(meta.get("name", "")) if isinstance(meta, Mapping) else ""


def told(command: str, said: str) -> Backup | None:
    """What a program says in its last line: a time, when the newest backup ended; None where it says none."""
    lines = [one.strip() for one in said.splitlines() if one.strip()]
    when = moment(lines[-1]) if lines else None
    if when is None:
        return None
    return Backup(place=f"command {command}", name="what it tells", when=when, sure="low")
