"""Pods of a component, broken on purpose: killed, hung, restarted; and what a run that was killed left stopped.

Only pods are touched that belong, by whoever owns them, to a release or a manifest of this component and target.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from gonogo.cluster.api import KINDS, Api, Declined, Kind
from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.objects import listed
from gonogo.core.errors import Absent, ClientError, Forbidden, Gone, NotAllowed, NotAskable, NotReady
from gonogo.core.outlet import uncut
from gonogo.core.waiting import Deadline, until
from gonogo.providers.helm.contents import Thing, labelled
from gonogo.providers.helm.objects import COMPONENT, MERGE, Objects
from gonogo.providers.helm.recipe import HelmRecipe
from gonogo.providers.helm.seen import Seen

HUNG = "gonogo/hung"
"""A label of a pod whose servers are stopped: by which run. Written before they are, so that a run that is killed in
the midst of it leaves word."""

AT_ONCE = 1
"""Seconds between SIGTERM and SIGKILL, the fewest that the kubelet gives. With 0 the API server forgets the pod while
its processes still run, for some seconds, in which its successor could come up on the same data."""

LOOK = 0.25
"""Seconds between two looks for what a controller has put in a killed pod's place."""

ENDS = 60.0
"""Seconds beyond its grace period until a deleted pod is gone: its node stops containers and unmounts volumes."""

UNLISTED, NOTICED = 10.0, 6.0
"""Seconds in which Services forget a killed pod, and in which a readiness probe may take a hung one out of them."""

POD, SLICES = KINDS["Pod"], KINDS["EndpointSlice"]

CONFLICT = 409
"""What the API server answers where the pod of that name is another one by now."""

EACH = """for p in /proc/[0-9]*; do
p=${p#/proc/}; [ "$p" = 1 ] && continue; [ "$p" = $$ ] && continue
"""
"""All processes of a container but its first one, which no signal from inside stops, and the shell that does this."""

STOP = f"""i=0; while [ $i -lt 40 ]; do
i=$((i+1)); stopped=0; going=
{EACH}kill -STOP "$p" 2>/dev/null
read -r line <"/proc/$p/stat" 2>/dev/null || continue
line=${{line##*) }}
case ${{line%% *}} in T|t) stopped=$((stopped+1));; Z|X) ;; *) going="$going $p";; esac
done
[ -z "$going" ] && break
done
echo "$stopped$going"
"""
"""Says how many it stopped, and the pids of those that go on nevertheless."""

CONTINUE = f"""{EACH}kill -CONT "$p" 2>/dev/null
done
true
"""


class Pods:
    """The pods of one component, as far as its target deployed them. All of it raises ``ClientError``.

    ``releases`` are namespace and name of the component's own.
    """

    def __init__(self, recipe: HelmRecipe, api: Api, releases: Collection[tuple[str, str]]) -> None:
        self._recipe, self._api, self._releases = recipe, api, releases
        self._component, self._target = recipe.component, recipe.place.target
        self._objects = Objects(api)

    def of(self, node: str) -> Object:
        """The pod that stands for a node of the suites now.

        Raises ``Gone`` where there is none, ``NotAllowed`` where it is not this target's.
        """
        for one in self._meant(node):
            pod = self._objects.find(POD, one["metadata"]["namespace"], one["metadata"]["name"])
            if pod is not None and "deletionTimestamp" not in pod["metadata"]:
                self._own(pod)
                return pod
        raise Gone(self._component, f"{self._component} has no pod for node {node}")

    # -- broken

    @contextmanager
    def killed(self, node: str, pod: Object) -> Iterator[None]:
        """Killed, and for the time of the body what its controller puts in its place too."""
        known = {one["metadata"]["uid"] for one in self.beside(pod)}
        self._deleted(pod, AT_ONCE)
        self._unlisted(pod)
        ended = threading.Event()

        def down() -> None:
            while not ended.wait(LOOK):
                with suppress(ClientError):  # the next time
                    for one in self._successors(node, pod, known):
                        self._delete(one, AT_ONCE)

        thread = threading.Thread(target=down, name=f"killed-{node}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    @contextmanager
    def hung(self, pod: Object, run: str) -> Iterator[None]:
        """Stopped for the time of the body. Raises ``NotAskable`` where no signal stops its servers."""
        self._mark(pod["metadata"], run)
        try:
            self._stop(pod)
            with suppress(NotReady):  # its probe does not see that, or sees it later
                self._noticed(pod)
            yield
        finally:
            self.resume(pod["metadata"])

    def restarted(self, pod: Object) -> None:
        """Deleted with its own grace period; returns once it is gone."""
        self._deleted(pod, None)

    def _unlisted(self, pod: Object) -> None:
        """Wait until no Service leads there any more: its clients would be told of a pod that there is not."""
        uid, space = pod["metadata"]["uid"], pod["metadata"]["namespace"]

        def there() -> bool:
            ends = (one for part in listed(self._api, SLICES, space) for one in part.get("endpoints") or ())
            return any((one.get("targetRef") or {}).get("uid") == uid for one in ends)

        with suppress(NotReady, Forbidden):
            until(lambda: not there(), awaited="the end of its endpoints", within=UNLISTED, every=LOOK)

    def _noticed(self, pod: Object) -> None:
        """Wait for as long as a quick probe takes to find that it hangs. Raises ``NotReady``."""
        within = NOTICED if "readinessProbe" in pod["spec"]["containers"][0] else 0.0
        until(lambda: not _is_ready(self._there(pod["metadata"]) or {}), awaited="its probe", within=within, every=LOOK)

    def _stop(self, pod: Object) -> None:
        from gonogo.cluster.inside import executed

        space, name, container = _place(pod)
        done = executed(self._api, space, name, container, STOP)
        count, *going = done.stdout.decode(errors="replace").split() or [""]
        where = f"container {container} of pod {space}/{name}"
        if done.code != 0 or not count.isdigit():
            told = uncut(done.stderr.decode(errors="replace").strip(), 200)[:200]
            raise NotAskable(self._component, f"{where} could not be stopped: its shell ended with {done.code}: {told}")
        if going:
            raise Forbidden(self._component, f"{where}: its processes {' '.join(going)} could not be stopped")
        if count == "0":
            what = "nothing runs there but its first process, which no signal from inside stops (hang = false)"
            raise NotAskable(self._component, f"{where} cannot be stopped: {what}")

    # -- and after that

    def resume(self, meta: Mapping[str, Any]) -> None:
        """Let a stopped pod go on; one in which nothing can be done any more is killed, so that it is made anew."""
        from gonogo.cluster.inside import executed

        there = self._there(meta)
        if there is None:
            return
        try:
            executed(self._api, *_place(there), CONTINUE)
            self._mark(meta, None)
        except (Absent, Gone):
            if self._there(meta) is not None:  # its container is gone, not the pod
                self._mark(meta, None)
        except ClientError:
            self._deleted(there, AT_ONCE)

    def beside(self, pod: Object) -> list[Object]:
        """The pods that its controller has, itself among them."""
        owner, meta = _controller(pod), pod["metadata"]
        every = listed(self._api, POD, meta["namespace"])
        return [one for one in every if (_controller(one) == owner if owner else one["metadata"]["uid"] == meta["uid"])]

    def ready(self, pod: Object) -> int:
        """How many of them are ready, and stay."""
        return sum("deletionTimestamp" not in one["metadata"] and _is_ready(one) for one in self.beside(pod))

    def stopped(self, seen: Seen | None = None) -> list[Mapping[str, Any]]:
        """The metadata of those that a run stopped; ``seen`` has looked for them for all components."""
        found: list[Mapping[str, Any]] = []
        for space in self._recipe.spaces():
            for meta in seen.metadata(POD, space) if seen else self._api.metadata(POD, space, labels=HUNG):
                if HUNG not in (meta.get("labels") or {}):
                    continue
                with suppress(NotAllowed):
                    self._own({"metadata": {"namespace": space, **meta}})
                    found.append({"namespace": space, **meta})
        return found

    # -- which

    def _meant(self, name: str) -> list[Object]:
        node = next((one for one in self._recipe.nodes() if one.name == name), None)
        if node is None:
            return []
        space = self._recipe.namespace
        fields = f"metadata.name={node.pod}" if node.pod else ""
        found = listed(self._api, POD, space, labels=node.labels, fields=fields)
        return sorted(
            (one for one in found if node.pod in ("", one["metadata"]["name"])), key=lambda one: one["metadata"]["name"]
        )

    def _successors(self, node: str, pod: Object, known: Collection[str]) -> list[Object]:
        """What stands in the pod's place: of the same controller, made since, and of its name or the node's kind."""
        names = {pod["metadata"]["name"], *(one["metadata"]["name"] for one in self._meant(node))}
        return [
            one
            for one in self.beside(pod)
            if one["metadata"]["uid"] not in known
            and one["metadata"]["name"] in names
            and "deletionTimestamp" not in one["metadata"]
        ]

    def _own(self, pod: Mapping[str, Any]) -> None:
        """Raises ``NotAllowed`` where nothing of this component and target owns it."""
        meta = pod["metadata"]
        if not self._owned(POD, meta, set()):
            what = f"pod {meta['namespace']}/{meta['name']} is of no release or manifest of target {self._target}"
            raise NotAllowed(f"{self._component}: {what}; it was left as it is")

    def _owned(self, kind: Kind, meta: Mapping[str, Any], met: set[str]) -> bool:
        thing = Thing(kind, meta)
        if labelled(thing, self._target) and thing.labels.get(COMPONENT) == self._component:
            return True
        if thing.release in self._releases:
            return True
        met.add(thing.uid)
        for one in meta.get("ownerReferences") or ():
            if one["uid"] in met:
                continue
            with suppress(Absent):
                above = self._objects.kind(one["apiVersion"], one["kind"])
                # listed, which who waits for it may, and not got
                every = self._api.metadata(above, thing.namespace) if above.namespaced else ()
                if any(
                    self._owned(above, {"namespace": thing.namespace, **o}, met)
                    for o in every
                    if o["uid"] == one["uid"]
                ):
                    return True
        return False

    # -- changed

    def _there(self, meta: Mapping[str, Any]) -> Object | None:
        for one in listed(self._api, POD, meta["namespace"], fields=f"metadata.name={meta['name']}"):
            if one["metadata"]["uid"] == meta["uid"]:
                return one
        return None

    def _deleted(self, pod: Object, grace: int | None) -> None:
        """Returns once it is gone, whatever has its name then. Raises ``NotReady``."""
        meta, spec = pod["metadata"], pod.get("spec") or {}
        own = spec.get("terminationGracePeriodSeconds", 30) if grace is None else grace
        deadline = Deadline(own + ENDS)
        self._delete(pod, grace)
        self._objects.gone(POD, meta["namespace"], meta["name"], deadline.left, meta["uid"])

    def _delete(self, pod: Object, grace: int | None) -> None:
        """This pod, and none of its name that came after it."""
        meta = pod["metadata"]
        body: dict[str, Any] = {"preconditions": {"uid": meta["uid"]}}
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        try:
            self._api.change("DELETE", POD.path(meta["namespace"], meta["name"]), body)
        except Absent:
            pass
        except Declined as error:
            if error.status != CONFLICT:
                raise

    def _mark(self, meta: Mapping[str, Any], run: str | None) -> None:
        """Write down, or off, who has stopped it; of a pod that came in its place nothing is written."""
        body = {"metadata": {"uid": meta["uid"], "labels": {HUNG: run}}}
        try:
            self._api.change("PATCH", POD.path(meta["namespace"], meta["name"]), body, content=MERGE)
        except Absent:
            pass
        except Declined as error:
            if error.status != CONFLICT:
                raise


def as_before(pods: Pods, pod: Object, count: int, within: float) -> None:
    """Wait until a pod's controller has as many ready pods as it had. Raises ``NotReady``."""
    name = pod["metadata"]["name"]
    until(
        lambda: pods.ready(pod),
        awaited=f"{count} ready pods where {name} was broken",
        within=within,
        every=LOOK,
        enough=lambda ready: ready >= count,
        retry=(ClientError,),
    )


def _controller(pod: Mapping[str, Any]) -> str:
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((str(one["uid"]) for one in owners if one.get("controller")), "")


def _is_ready(pod: Mapping[str, Any]) -> bool:
    states = (pod.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in states)


def _place(pod: Mapping[str, Any]) -> tuple[str, str, str]:
    """Namespace, name, and the container in which its server is: the first, as everywhere."""
    meta = pod["metadata"]
    return str(meta["namespace"]), str(meta["name"]), str(pod["spec"]["containers"][0]["name"])
