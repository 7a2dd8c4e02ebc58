"""A running cluster as its administrator changes and watches it: what gonogo says is held against this."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from string import Template
from typing import Any

import jmespath
import urllib3
import yaml
from kubernetes import config
from kubernetes.client import CoreV1Api
from kubernetes.stream import stream

from gonogo.cluster.api import KINDS, Kind
from gonogo.core.waiting import REAL, pause, until

Object = dict[str, Any]

MANAGER = "gonogo-tests"
IMAGE = "GONOGO_TEST_IMAGE"
"""Names an image with a shell and python3 that the cluster's nodes can get."""

CUSTOM = {
    "Kafka": Kind("kafka.strimzi.io", "v1", "kafkas", "Kafka", True),
    "Widget": Kind("gonogo.test", "v1", "widgets", "Widget", True),
    **{
        kind: Kind("admissionregistration.k8s.io", "v1", plural, kind, False)
        for kind, plural in (
            ("ValidatingAdmissionPolicy", "validatingadmissionpolicies"),
            ("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
        )
    },
}
"""Kinds that these tests bring, or that no look at a cluster asks for."""

OPERATED = {
    "Cluster": Kind("postgresql.cnpg.io", "v1", "clusters", "Cluster", True),
    "Application": Kind("argoproj.io", "v1alpha1", "applications", "Application", True),
    "AppProject": Kind("argoproj.io", "v1alpha1", "appprojects", "AppProject", True),
    "ApplicationSet": Kind("argoproj.io", "v1alpha1", "applicationsets", "ApplicationSet", True),
    "RayCluster": Kind("ray.io", "v1", "rayclusters", "RayCluster", True),
    "RayService": Kind("ray.io", "v1", "rayservices", "RayService", True),
    "RayJob": Kind("ray.io", "v1", "rayjobs", "RayJob", True),
    "Backup": Kind("postgresql.cnpg.io", "v1", "backups", "Backup", True),
    "ScheduledBackup": Kind("postgresql.cnpg.io", "v1", "scheduledbackups", "ScheduledBackup", True),
    "Elasticsearch": Kind("elasticsearch.k8s.elastic.co", "v1", "elasticsearches", "Elasticsearch", True),
    "Kibana": Kind("kibana.k8s.elastic.co", "v1", "kibanas", "Kibana", True),
    "Experiment": Kind("kubeflow.org", "v1beta1", "experiments", "Experiment", True),
    "Trial": Kind("kubeflow.org", "v1beta1", "trials", "Trial", True),
}
"""Kinds of operators that a cluster may have."""


def kind_of(name: str) -> Kind:
    """Where objects of a kind live at the API server."""
    return CUSTOM.get(name) or OPERATED.get(name) or KINDS[name]


class Cluster:
    """Makes, changes and removes objects, and none without namespace that it did not make."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self._client = config.new_client_from_config(str(kubeconfig))
        self._made: dict[str, list[tuple[Kind, Object]]] = {}

    def ask(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        kind: str = "application/json",
        query: str = "",
        accept: str = "application/json",
    ) -> urllib3.BaseHTTPResponse:
        """One request; the answer is not read yet."""
        serialized = self._client.param_serialize(
            method, path, header_params={"Content-Type": kind, "Accept": accept}, auth_settings=["BearerToken"]
        )
        answer: urllib3.BaseHTTPResponse = self._client.rest_client.pool_manager.request(
            method,
            serialized[1] + query,
            headers=serialized[2],
            body=json.dumps(body) if body is not None else None,
            preload_content=False,
        )
        return answer

    def told(self, method: str, path: str, body: Object | None = None, **how: str) -> Object | None:
        """What the API server answers; None where there is no such object. Raises ``RuntimeError`` for a refusal."""
        answer = self.ask(method, path, body, **how)
        data = answer.read()
        answer.release_conn()
        if answer.status == 404:
            return None
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {data.decode(errors='replace')[:500]}")
        return dict(json.loads(data))

    def objects(self, manifest: str, namespace: str, **values: str) -> list[Object]:
        """The documents of a manifest, ``${image}``, ``${namespace}`` and the other values filled in."""
        filled = Template(manifest).safe_substitute(values, image=os.environ.get(IMAGE, "busybox"), namespace=namespace)
        return [one for one in yaml.safe_load_all(filled) if one]

    @contextmanager
    def namespace(self, name: str, labels: Mapping[str, str] | None = None) -> Iterator[str]:
        """A namespace that ends, with all that was applied with it, when the context is left."""
        self.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels or {})}}, name
        )
        try:
            # a pod made before that is refused; controllers that lost their API server take a minute to come back
            self.wait("ServiceAccount", "metadata.uid", name="default", namespace=name, within=120)
            yield name
        finally:
            self.remove(name)

    def apply(self, obj: Object, namespace: str) -> Object:
        """Make the object, or change one that was made here; what has no namespace ends with ``namespace``.

        Raises ``RuntimeError`` where an object without namespace is there and was made by others.
        """
        kind, name = kind_of(obj["kind"]), obj["metadata"]["name"]
        home = obj["metadata"].get("namespace", namespace)
        made = self._made.setdefault(namespace, [])
        known = any(kind == other and name == one["metadata"]["name"] for other, one in made)
        there = None if kind.namespaced or known else self.find(obj["kind"], name)
        if there and there["metadata"].get("deletionTimestamp"):  # of a test before
            self.gone(obj["kind"], name)
        elif there:
            raise RuntimeError(f"{obj['kind']} {name} is there already and somebody else's")
        if not known:
            made.append((kind, obj))
        path = kind.path(home, name)
        how = {"kind": "application/apply-patch+yaml", "query": f"?fieldManager={MANAGER}&force=true"}
        # what lives in a namespace, or whose kind was made just before, may be refused for an instant
        done = until(
            lambda: self.told("PATCH", path, obj, **how), awaited=f"{obj['kind']} {name}", within=60, every=0.2
        )
        if obj["kind"] == "ResourceQuota":  # admission reads the status: it binds once its controller has counted
            self.wait("ResourceQuota", "status.hard == spec.hard", name=name, namespace=home)
        return done or {}

    def find(self, kind: str, name: str, namespace: str = "") -> Object | None:
        """One object; None where it is not there."""
        return self.told("GET", kind_of(kind).path(namespace, name))

    def every(self, kind: str, namespace: str = "") -> list[Object]:
        """All objects of a kind, those of one namespace where it is given."""
        where = kind_of(kind)
        found = self.told("GET", where.path(namespace)) or {"items": []}
        return [{"apiVersion": where.api_version, "kind": kind, **one} for one in found["items"]]

    def delete(self, kind: str, name: str, namespace: str = "", *, grace: int | None = None) -> None:
        """Ask for an object's end; one that is gone is no fault."""
        query = "" if grace is None else f"?gracePeriodSeconds={grace}"
        self.told("DELETE", kind_of(kind).path(namespace, name), query=query)

    def gone(self, kind: str, name: str, namespace: str = "", within: float = 60) -> None:
        """Wait until an object is no more."""
        awaited = f"the end of {kind} {name}"
        until(lambda: self.find(kind, name, namespace) is None, awaited=awaited, within=within, every=0.3)

    def release(self, kind: str, name: str, namespace: str = "") -> None:
        """Take an object's finalizers away, so that its deletion ends."""
        body = {"metadata": {"finalizers": None}}
        self.told("PATCH", kind_of(kind).path(namespace, name), body, kind="application/merge-patch+json")

    def remove(self, namespace: str) -> None:
        """End a namespace and what was applied with it, whatever its finalizers and graces; does not wait."""
        made = self._made.pop(namespace, [])
        for kind, one in made:
            if one["metadata"].get("finalizers"):
                self.release(kind.kind, one["metadata"]["name"], namespace)
        for kind, one in reversed(made):
            if not kind.namespaced:
                self.delete(kind.kind, one["metadata"]["name"])
        for pod in self.every("Pod", namespace):
            self.delete("Pod", pod["metadata"]["name"], namespace, grace=0)

    def change(self, kind: str, name: str, namespace: str, body: Object) -> None:
        """Merge a patch into an object."""
        self.told("PATCH", kind_of(kind).path(namespace, name), body, kind="application/merge-patch+json")

    def run(self, namespace: str, pod: str, *command: str) -> str:
        """What a command prints in a pod's first container."""
        ask = CoreV1Api(config.new_client_from_config(str(self.kubeconfig))).connect_get_namespaced_pod_exec
        return str(stream(ask, pod, namespace, command=list(command), stdout=True, stderr=True, stdin=False, tty=False))

    def behind(self, service: str, namespace: str) -> None:
        """Until a pod behind a Service counts as ready, which is told a little later than by the pod."""
        when = f"metadata.labels.\"kubernetes.io/service-name\" == '{service}' && endpoints[?conditions.ready]"
        self.wait("EndpointSlice", when, namespace=namespace)

    def wait(self, kind: str, when: str, *, name: str = "", namespace: str = "", within: float = 90) -> None:
        """Until an object of the kind, the named one if one is named, fits the JMESPath expression."""
        wanted = jmespath.compile(when)

        def fits() -> bool:
            found = [self.find(kind, name, namespace)] if name else self.every(kind, namespace)
            return any(one is not None and wanted.search(one) for one in found)

        until(fits, awaited=f"{kind} {name} in {namespace}: {when}", within=within, every=0.3)


class Facts:
    """Tells when something could first be read at the API server, by a watch of its own per kind."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.seen: dict[str, float] = {}
        self._wanted: dict[str, dict[str, tuple[str, str, Any]]] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def expect(self, key: str, kind: str, when: str, *, namespace: str, name: str = "") -> None:
        """Note under ``key`` when an object of a namespace, or a named one without, first fits an expression."""
        with self._lock:
            new = kind not in self._wanted
            self._wanted.setdefault(kind, {})[key] = (namespace, name or namespace, jmespath.compile(when))
        if new:
            threading.Thread(target=self._follow, args=(kind_of(kind),), name=f"facts-{kind}", daemon=True).start()

    def close(self) -> None:
        """The watches end with the next line they read."""
        self._closing.set()

    def _follow(self, kind: Kind) -> None:
        while not self._closing.is_set():
            # a kind may not be served yet, and a watch ends after some minutes
            with suppress(urllib3.exceptions.HTTPError):
                # from now on: what others made is no matter, and may be much
                now = self.cluster.told("GET", kind.path(), query="?limit=1") or {"metadata": {"resourceVersion": ""}}
                since = now["metadata"]["resourceVersion"]
                answer = self.cluster.ask("GET", kind.path(), query=f"?watch=1&resourceVersion={since}")
                rest = b""
                for chunk in answer.stream(None) if answer.status == 200 else ():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        self._take(kind.kind, json.loads(line)["object"])
                    if self._closing.is_set():
                        return
            pause(0.2, reason="the kind may be served by now")

    def _take(self, kind: str, obj: Object) -> None:
        now = REAL.now()
        meta = obj.get("metadata", {})
        with self._lock:
            for key, (namespace, name, when) in self._wanted[kind].items():
                here = meta["namespace"] == namespace if "namespace" in meta else meta.get("name") == name
                if key not in self.seen and here and when.search(obj):
                    self.seen[key] = now
