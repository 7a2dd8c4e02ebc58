"""Who works on a target: taken, waited for, expired, lost, given back; and what stays up on purpose."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from api_server import Cluster, cluster
from kubeconfigs import api, kubeconfig

from gonogo.core.errors import Absent
from gonogo.core.waiting import until
from gonogo.providers.helm import lease as module
from gonogo.providers.helm.lease import Lease

NAME = "Lease data/gonogo-t"


class Scene:
    """A cluster, and those who work on its target."""

    def __init__(self, held: Cluster, asked: Any) -> None:
        self.held, self.api, self.told = held, asked, list[str]()

    def lease(self, holder: str = "pv-1", space: str = "data") -> Lease:
        """That of one run."""
        return Lease(self.api, space, "t", holder, self.told.append)

    @property
    def there(self) -> dict[str, Any]:
        """The object."""
        return self.held.get("Lease", "data", "gonogo-t")

    def left(self, holder: str = "pv-0 elsewhere pid 7", **annotations: str) -> None:
        """By a run that was killed."""
        spec = {"holderIdentity": holder, "leaseDurationSeconds": 1, "renewTime": "2026-01-02T03:04:05.000000Z"}
        self.held.objects["leases.coordination.k8s.io", "data", "gonogo-t"] = {
            "kind": "Lease",
            "metadata": {
                "name": "gonogo-t",
                "namespace": "data",
                "uid": "u",
                "resourceVersion": "0",
                "creationTimestamp": "2026-01-02T03:04:05Z",
                "annotations": annotations,
            },
            "spec": spec,
        }

    def renewed(self, time: str) -> None:
        """By its holder, wherever that is."""
        self.there["spec"]["renewTime"] = time


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Renewed and expired in tenths of the real times."""
    monkeypatch.setattr(module, "EVERY", 0.1)
    monkeypatch.setattr(module, "HOLDS", 1)
    with cluster(spaces=["data"]) as held, closing(api(kubeconfig(tmp_path / "config", server=held.url))) as asked:
        yield Scene(held, asked)


def test_it_says_who_holds_it_and_is_gone_when_it_is_given_back(scene: Scene) -> None:
    lease = scene.lease()

    lease.take()
    held = dict(scene.there["spec"])
    lease.release()

    assert held["holderIdentity"].startswith("pv-1 ")
    assert held["leaseDurationSeconds"] == 1
    assert scene.held.there("Lease") == set()
    assert scene.told == []


def test_it_is_renewed_while_its_holder_lives(scene: Scene) -> None:
    lease = scene.lease()
    lease.take()
    first = scene.there["spec"]["renewTime"]

    until(lambda: scene.there["spec"]["renewTime"] != first, awaited="a renewal", within=5)
    lease.release()

    assert not lease.lost


def test_a_second_one_waits_and_says_for_whom(scene: Scene) -> None:
    first, second = scene.lease("pv-1"), scene.lease("pv-2")
    first.take()
    waiting = threading.Thread(target=second.take)
    waiting.start()

    until(lambda: scene.told, awaited="the second to say for whom it waits", within=5)
    holder = scene.there["spec"]["holderIdentity"]
    first.release()
    waiting.join(10)

    until_when = "its end, or until its Lease was not renewed for 1 s"
    assert scene.told == [f"another run works on this target: {holder}; waiting for {until_when}"]
    assert scene.there["spec"]["holderIdentity"].startswith("pv-2 ")
    second.release()


def test_one_that_nobody_renews_is_taken_over(scene: Scene) -> None:
    scene.left(**{"gonogo/kept": "store"})
    lease = scene.lease("pv-2")

    lease.take()

    assert scene.there["spec"]["holderIdentity"].startswith("pv-2 ")
    assert lease.kept() == ["store"]
    lease.release()


def test_a_clock_that_is_wrong_makes_no_lease_expire(scene: Scene) -> None:
    # renewed, and each time with a time that is long gone here
    scene.left()
    scene.there["spec"]["leaseDurationSeconds"] = 1
    years = iter(range(1970, 2020))
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(0.2):
            scene.renewed(f"{next(years)}-01-01T00:00:00.000000Z")

    threading.Thread(target=renew, daemon=True).start()
    lease = scene.lease("pv-2")
    taking = threading.Thread(target=lease.take)
    taking.start()
    taking.join(3)
    held = scene.there["spec"]["holderIdentity"]
    ended.set()
    taking.join(10)

    assert held == "pv-0 elsewhere pid 7"
    assert scene.there["spec"]["holderIdentity"].startswith("pv-2 ")
    lease.release()


def test_whoever_was_silent_too_long_sees_that_another_took_over(scene: Scene) -> None:
    lease = scene.lease("pv-1")
    lease.take()

    scene.left("pv-2 elsewhere pid 8")
    until(lambda: lease.lost, awaited="the loss to be seen", within=5)
    lease.release()

    assert scene.there["spec"]["holderIdentity"] == "pv-2 elsewhere pid 8"


def test_whoever_was_stopped_asks_before_it_goes_on(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 60)  # as if it had not run since
    monkeypatch.setattr(module, "HOLDS", 0)
    lease, other = scene.lease("pv-1"), scene.lease("pv-3")
    lease.take()
    still = lease.lost

    scene.left("pv-2 elsewhere pid 8")

    assert (still, lease.lost, other.lost) == (False, True, True)


def test_it_stays_without_a_holder_while_something_is_kept(scene: Scene) -> None:
    lease = scene.lease()
    lease.take()
    lease.keep(["store", "queue", "store"])
    lease.release()

    assert scene.there["spec"]["holderIdentity"] == ""
    assert scene.lease().kept() == ["queue", "store"]
    assert scene.lease().holder() == ""


def test_it_goes_once_nothing_is_kept_any_more(scene: Scene) -> None:
    scene.left("", **{"gonogo/kept": "store"})
    lease = scene.lease()

    lease.take()
    lease.keep([])
    lease.release()

    assert scene.held.there("Lease") == set()


@pytest.mark.parametrize("alive", [True, False])
def test_whether_its_holder_lives_is_told_by_watching(scene: Scene, alive: bool) -> None:
    first = scene.lease("pv-1")
    if alive:
        first.take()
    else:
        scene.left("pv-1 elsewhere pid 7")

    holder = scene.lease("pv-2").holder()
    first.release()

    assert holder.startswith("pv-1 ") is alive


def test_where_its_namespace_is_not_there_it_cannot_be_held(scene: Scene) -> None:
    with pytest.raises(Absent):
        scene.lease(space="nowhere").take()
    assert scene.lease(space="nowhere").kept() == []


def test_one_that_was_seen_to_expire_is_taken_at_once(scene: Scene) -> None:
    scene.left()
    lease = scene.lease("pv-2")
    assert lease.holder() == ""
    scene.there["spec"]["leaseDurationSeconds"] = 60

    lease.take()

    assert scene.there["spec"]["holderIdentity"].startswith("pv-2 ")
    assert scene.told == ["whether pv-0 elsewhere pid 7 still works on it is seen within 1 s"]
    lease.release()
