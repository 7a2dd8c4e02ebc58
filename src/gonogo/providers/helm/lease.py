"""Who works on a target: a Lease in the cluster, renewed while its holder lives, seen from every machine.

Whether a Lease has expired is told by watching it, as client-go's leader election does: clocks of machines differ.
"""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from gonogo.cluster.api import Api, Declined, Kind
from gonogo.core.codec import decode
from gonogo.core.errors import Absent, ClientError
from gonogo.core.waiting import Deadline, pause

LEASE = Kind("coordination.k8s.io", "v1", "leases", "Lease", True)

EVERY, HOLDS = 5.0, 15
"""Seconds between renewals, and seconds without one after which the holder is gone."""


class Lease:
    """The Lease of one target. ``holder`` names a run, ``tell`` hears for whom is waited."""

    def __init__(self, api: Api, namespace: str, target: str, holder: str, tell: Callable[[str], None]) -> None:
        self._api, self._namespace, self._name = api, namespace, f"gonogo-{target}"
        self._holder, self._tell = f"{holder} {platform.node()} pid {os.getpid()}", tell
        self._ended = threading.Event()
        self._renewing: threading.Thread | None = None

    def take(self) -> None:
        """Hold it, once nobody else does. Raises ``ClientError``; waits as long as another holder renews it."""
        told, seen, since = False, "", Deadline(HOLDS)
        while not self._made():
            there = self.there()
            if there is None:
                continue
            spec = there.get("spec") or {}
            if not spec.get("holderIdentity"):
                since = Deadline(0)
            elif (renewed := f"{spec.get('holderIdentity')} {spec.get('renewTime')}") != seen:
                seen, since = renewed, Deadline(float(spec.get("leaseDurationSeconds") or HOLDS))
            if since.passed and self._replaced(there):
                break
            if not told and not since.passed:
                self._tell(f"another run works on this target: {spec.get('holderIdentity')}; waiting for it")
                told = True
            pause(1.0, reason="another run works on this target")
        self._renewing = threading.Thread(target=self._renew, name=f"lease-{self._name}", daemon=True)
        self._renewing.start()

    def release(self) -> None:
        """Give it back. Never raises."""
        if self._renewing is None:
            return
        self._ended.set()
        self._renewing.join(EVERY)
        self._renewing = None
        with suppress(ClientError):
            there = self.there()
            if there and (there.get("spec") or {}).get("holderIdentity") == self._holder:
                version = there["metadata"]["resourceVersion"]
                body = {"preconditions": {"resourceVersion": version}}
                self._api.change("DELETE", self._path(self._name), body)

    def there(self) -> dict[str, Any] | None:
        """The Lease as it is; None where there is none."""
        try:
            return decode(self._api.get(self._path(self._name)), dict[str, Any])
        except Absent:
            return None

    # -- the object

    def _path(self, name: str | None = None) -> Any:
        return LEASE.path(self._namespace, name)

    def _body(self, version: str = "") -> dict[str, Any]:
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        spec = {"holderIdentity": self._holder, "leaseDurationSeconds": HOLDS, "renewTime": now}
        meta = {"name": self._name, "namespace": self._namespace, **({"resourceVersion": version} if version else {})}
        return {"apiVersion": LEASE.api_version, "kind": "Lease", "metadata": meta, "spec": spec}

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
            self._api.change("PUT", self._path(self._name), self._body(there["metadata"]["resourceVersion"]))
        except (Declined, Absent):
            return False
        return True

    def _renew(self) -> None:
        while not self._ended.wait(EVERY):
            with suppress(ClientError):  # the next time, as long as it lasts
                there = self.there()
                if there is None or (there.get("spec") or {}).get("holderIdentity") != self._holder:
                    continue
                self._replaced(there)
