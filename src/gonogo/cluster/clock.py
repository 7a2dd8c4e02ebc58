"""When stored objects were read from their cluster: the latest time that API server, controllers and kubelets wrote.

Only fields count that those fill: of the metadata, of events and leases, and of the status. A time inside of a text, an
annotation or a specification is whatever somebody wrote there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from gonogo.core.codec import decoder

_VALUE = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z"

_TIME = re.compile(rb'ime(?:stamp)?"\s{0,8}:\s{0,8}"(' + _VALUE.encode() + rb')"')
"""A time under a key that ends in time or timestamp, in JSON. Within a text the quotes would have backslashes."""

_PLAIN = re.compile(_VALUE)
_NAMED = re.compile(r"(?P<first>.*)ime(?:stamp)?", re.DOTALL)

_AHEAD = re.compile(r"(?:deletion|next\w*|renewal|expir\w*)T?$")
"""What such keys begin with whose time may lie in the future."""

_BEATS = (b'"lastHeartbeatTime"', b'"renewTime"')
"""Keys whose time is written anew all the while: a node's heartbeat, a lease. As JSON has them."""


class _Managed(msgspec.Struct):
    time: Any = None


class _Meta(msgspec.Struct, rename="camel"):
    creation_timestamp: Any = None
    managed_fields: list[_Managed] | None = None


class Timed(msgspec.Struct, rename="camel"):
    """What an object says it is, and where its times stand."""

    kind: str = ""
    api_version: str = ""
    metadata: _Meta | None = None
    status: msgspec.Raw = msgspec.Raw(b"")
    spec: msgspec.Raw = msgspec.Raw(b"")
    first_timestamp: Any = None
    last_timestamp: Any = None
    event_time: Any = None
    series: Any = None


class _Listed(msgspec.Struct):
    items: list[Timed] | None = None
    kind: str = ""


_LEASES = ("Lease", "LeaseList")


class LatestTime:
    """The latest time seen so far, no later than tomorrow."""

    def __init__(self) -> None:
        self._latest = ""
        self._tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        self.beats = False
        """Whether something was seen that is written all the while, so that the latest time is close to now."""

    @property
    def now(self) -> datetime | None:
        """An aware time; None where no object told one."""
        return datetime.fromisoformat(self._latest) if self._latest else None

    def list_as_json(self, data: bytes) -> list[Timed] | None:
        """Look at a list of objects; what they say they are, None where some say it in an odd way.

        Raises ``msgspec.DecodeError`` where it is no JSON.
        """
        try:
            found = decoder(_Listed).decode(data)
        except msgspec.ValidationError:
            for one in msgspec.json.decode(data).get("items") or ():
                self.plain(one)
            return None
        items = found.items or []
        for item in items:
            self._timed(item, lease=(item.kind or found.kind) in _LEASES)
        return items

    def plain(self, obj: object) -> None:
        """Look at one object as plain data, whatever it is."""
        if not isinstance(obj, Mapping):
            return
        meta = obj.get("metadata")
        if isinstance(meta, Mapping):
            self._seen(meta.get("creationTimestamp"))
            managed = meta.get("managedFields")
            for one in managed if isinstance(managed, list) else ():
                self._seen(one.get("time") if isinstance(one, Mapping) else None)
        for name in ("firstTimestamp", "lastTimestamp", "eventTime"):
            self._seen(obj.get(name))
        self._below({"series": obj.get("series"), "status": obj.get("status")})
        if obj.get("kind") in _LEASES:
            self._below(obj.get("spec"))

    def _timed(self, item: Timed, *, lease: bool) -> None:
        if item.metadata:
            self._seen(item.metadata.creation_timestamp)
            for one in item.metadata.managed_fields or ():
                self._seen(one.time)
        for when in (item.first_timestamp, item.last_timestamp, item.event_time):
            self._seen(when)
        if item.series is not None:
            self._below(item.series)
        for raw in (item.status, item.spec) if lease else (item.status,):
            data, latest = bytes(raw), self._latest.encode()
            for found in _TIME.finditer(data):
                if found[1] > latest:  # most are not, and there are many
                    first = data[max(0, found.start() - 24) : found.start()].decode("ascii", "replace")
                    self._named(first.rpartition('"')[2], found[1].decode())
                    latest = self._latest.encode()
            self.beats = self.beats or any(beat in data for beat in _BEATS)

    def _below(self, value: object) -> None:
        for name, text in _texts(value):
            if found := _NAMED.fullmatch(name):
                self._named(found["first"], text)
                self.beats = self.beats or f'"{name}"'.encode() in _BEATS

    def _named(self, first: str, when: object) -> None:
        """A time under a key that begins so."""
        if not _AHEAD.search(first[-24:]):
            self._seen(when)

    def _seen(self, when: object) -> None:
        if not isinstance(when, str) or not self._latest < when < self._tomorrow or not _PLAIN.fullmatch(when):
            return
        try:
            datetime.fromisoformat(when)
        except ValueError:
            return
        self._latest = when


def _texts(value: object) -> Iterator[tuple[str, object]]:
    """Every text in plain data with the key that it stands under."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            yield from ((key, inner) for key, inner in one.items() if isinstance(key, str) and isinstance(inner, str))
            waiting += (inner for inner in one.values() if isinstance(inner, Mapping | list))
        elif isinstance(one, list):
            waiting += (inner for inner in one if isinstance(inner, Mapping | list))
