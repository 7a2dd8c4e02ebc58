"""Who works on a target: a Lease in the cluster, renewed while its holder lives, seen from every machine.

Whether a Lease has expired is told by watching it, as client-go's leader election does: clocks of machines differ.
"""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from gonogo.cluster.api import Api, Declined, Kind
from gonogo.core.codec import decode
from gonogo.core.errors import Absent, ClientError
from gonogo.core.waiting import Deadline, pause
from gonogo.providers.helm.objects import MERGE, TARGET

LEASE = Kind("coordination.k8s.io", "v1", "leases", "Lease", True)

EVERY, HOLDS = 5.0, 15
"""Seconds between renewals, and seconds without one after which the holder is gone."""


KEPT = "gonogo/kept"
"""An annotation: the components that stay up on purpose, while nobody works on the target. What else of the target is
there was left by a run that did not come to its end."""


class Lease:
    """The Lease of one target. ``holder`` names a run, ``tell`` hears for whom is waited.

    It stays, without a holder, as long as components are kept.
    """

    def __init__(self, api: Api, namespace: str, target: str, holder: str, tell: Callable[[str], None]) -> None:
        self._api, self.namespace, self.name = api, namespace, f"gonogo-{target}"
        self._holder, self._tell = f"{holder} {platform.node()} pid {os.getpid()}", tell
        self._target, self._ended, self._gone = target, threading.Event(), threading.Event()
        self._renewing: threading.Thread | None = None
        self._valid = Deadline(HOLDS)
        self._expired = ""

    def take(self) -> None:
        """Hold it, once nobody else does. Raises ``ClientError``; waits as long as another holder renews it."""
        told, seen, since = False, self._expired, Deadline(0 if self._expired else HOLDS)
        while not self._made():
            there = self.there()
            if there is None:
                continue
            spec = there.get("spec") or {}
            if not spec.get("holderIdentity"):
                since = Deadline(0)
            elif (renewed := self._renewed(there)) != seen:
                seen, since = renewed, Deadline(_lasts(spec))
            if since.passed and self._replaced(there):
                break
            if not told and not since.passed:
                limit = f"its end, or until its Lease was not renewed for {_lasts(spec):g} s"
                self._tell(f"another run works on this target: {spec.get('holderIdentity')}; waiting for {limit}")
                told = True
            pause(1.0, reason="another run works on this target")
        self._valid = Deadline(HOLDS)
        self._renewing = threading.Thread(target=self._renew, name=f"lease-{self.name}", daemon=True)
        self._renewing.start()

    @property
    def lost(self) -> bool:
        """Whether somebody else holds it meanwhile: this run was silent for too long, and may change nothing more.

        Where it was silent for so long (stopped, suspended) that it cannot know, the Lease is asked.
        """
        if self._valid.passed and not self._gone.is_set():
            with suppress(ClientError):
                self._renewed_now()
        return self._gone.is_set()

    def holder(self) -> str:
        """Who holds it and still renews it; empty where nobody does. Where there is a holder it watches for a while."""
        there = self.there()
        seen, spec = self._renewed(there), (there or {}).get("spec") or {}
        since = Deadline(_lasts(spec))
        if seen:
            self._tell(f"whether {spec['holderIdentity']} still works on it is seen within {_lasts(spec):g} s")
        while seen and not since.passed:
            pause(1.0, reason="whether the holder of a Lease still renews it is told by watching")
            there = self.there()
            if (now := self._renewed(there)) != seen and there is not None:
                return str((there.get("spec") or {}).get("holderIdentity") or "")
            if not now:
                return ""
        self._expired = seen  # so that to take it needs no second look
        return ""

    def kept(self) -> list[str]:
        """The components that stay up on purpose."""
        said = ((self.there() or {}).get("metadata") or {}).get("annotations") or {}
        return [name for name in str(said.get(KEPT, "")).split(",") if name]

    def keep(self, names: Iterable[str]) -> None:
        """Write down which components stay up on purpose, in place of what was said before. Only while it is held."""
        body = {"metadata": {"annotations": {KEPT: ",".join(sorted(set(names))) or None}}}
        self._api.change("PATCH", self._path(self.name), body, content=MERGE)

    def release(self) -> None:
        """Give it back; it stays where components are kept. Never raises."""
        if self._renewing is None:
            return
        self._ended.set()
        self._renewing.join(EVERY)
        self._renewing = None
        with suppress(ClientError):
            there = self.there()
            if there and (there.get("spec") or {}).get("holderIdentity") == self._holder:
                if (there["metadata"].get("annotations") or {}).get(KEPT):
                    self._api.change("PUT", self._path(self.name), self._body(there, free=True))
                    return
                body = {"preconditions": {"resourceVersion": there["metadata"]["resourceVersion"]}}
                self._api.change("DELETE", self._path(self.name), body)

    def there(self) -> dict[str, Any] | None:
        """The Lease as it is; None where there is none."""
        try:
            return decode(self._api.get(self._path(self.name)), dict[str, Any])
        except Absent:
            return None

    # -- the object

    def _path(self, name: str | None = None) -> Any:
        return LEASE.path(self.namespace, name)

    def _body(self, there: dict[str, Any] | None = None, *, free: bool = False) -> dict[str, Any]:
        """The Lease as we hold it, or as nobody does; what else is said of it stays."""
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        spec = {"holderIdentity": "" if free else self._holder, "leaseDurationSeconds": HOLDS, "renewTime": now}
        meta: dict[str, Any] = {"name": self.name, "namespace": self.namespace, "labels": {TARGET: self._target}}
        if there is not None:
            meta["resourceVersion"] = there["metadata"]["resourceVersion"]
            meta["annotations"] = there["metadata"].get("annotations") or {}
        return {"apiVersion": LEASE.api_version, "kind": "Lease", "metadata": meta, "spec": spec}

    def _renewed(self, there: dict[str, Any] | None) -> str:
        """Who holds it since when; empty where nobody does."""
        spec = (there or {}).get("spec") or {}
        return f"{spec['holderIdentity']} {spec.get('renewTime')}" if spec.get("holderIdentity") else ""

    def _made(self) -> bool:
        try:
            self._api.change("POST", self._path(), self._body())
        except Declined as error:
            if error.status != 409:
                raise
            return False
        return True

    def _replaced(self, there: dict[str, Any]) -> bool:
        """Whether it is ours now; not where somebody was faster."""
        try:
            self._api.change("PUT", self._path(self.name), self._body(there))
        except (Declined, Absent):
            return False
        return True

    def _renew(self) -> None:
        while not self._ended.wait(EVERY) and not self._gone.is_set():
            with suppress(ClientError):  # the next time, as long as it lasts
                self._renewed_now()

    def _renewed_now(self) -> None:
        there, valid = self.there(), Deadline(HOLDS)
        if there is None or (there.get("spec") or {}).get("holderIdentity") != self._holder:
            self._gone.set()
        elif self._replaced(there):
            self._valid = valid


def _lasts(spec: Mapping[str, Any]) -> float:
    """Seconds that its holder has until it must renew it."""
    return float(spec.get("leaseDurationSeconds") or HOLDS)
