"""Service accounts of a running cluster that have exactly the rights a test gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from cluster.charted import well
from cluster.live import Cluster, Object
from kubeconfigs import kubeconfig as config_of
from kubernetes import config
from kubernetes.client import AuthenticationV1TokenRequest, CoreV1Api, V1TokenRequestSpec

from gonogo.catalog.target import Kubernetes
from gonogo.cluster.kubeconfig import chosen as access

Rule = Mapping[str, Sequence[str]]

RBAC = "rbac.authorization.k8s.io"


def rule(resources: str, verbs: str, group: str = "") -> Rule:
    """What a Role grants: ``rule("pods secrets", "get list")``."""
    return {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split()}


def account(
    cluster: Cluster, namespace: str, name: str, *rules: Rule, everywhere: Sequence[Rule] = ()
) -> dict[str, Any]:
    """A new account's user table of a kubeconfig; ``everywhere`` are rights in the whole cluster."""
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    cluster.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}, namespace)
    for kind, granted, full in (("Role", rules, name), ("ClusterRole", everywhere, f"{namespace}-{name}")):
        if granted:
            version = f"{RBAC}/v1"
            meta = {"name": full}
            bound = {"roleRef": {"apiGroup": RBAC, "kind": kind, "name": full}, "subjects": [subject]}
            cluster.apply({"apiVersion": version, "kind": kind, "metadata": meta, "rules": list(granted)}, namespace)
            cluster.apply({"apiVersion": version, "kind": f"{kind}Binding", "metadata": meta, **bound}, namespace)
    return {"token": token(cluster, namespace, name)}


def token(cluster: Cluster, namespace: str, name: str, seconds: int = 600) -> str:
    """A fresh token of an account, valid for so long; ten minutes is the least that an API server hands out."""
    request = AuthenticationV1TokenRequest(spec=V1TokenRequestSpec(audiences=[], expiration_seconds=seconds))
    client = config.new_client_from_config(str(cluster.kubeconfig))
    answer = CoreV1Api(client).create_namespaced_service_account_token(name, namespace, request)
    return str(answer.status.token)


HOUR = 3600


@contextmanager
def deployer(cluster: Cluster, space: str, folder: Path) -> Iterator[Callable[..., Path]]:
    """Makes the account of a target file as ``gonogo rbac --for deploy`` prints it; the target file under that account.

    ``change`` may change the objects that are applied; rights that were there before are replaced. What stands in
    other namespaces is removed in the end.
    """
    elsewhere: list[Object] = []

    def made(target: Path, change: Callable[[list[Object]], list[Object]] = lambda objects: objects) -> Path:
        printed = well("rbac", "--for", "deploy", "--account", f"{space}/gonogo", target=target).out
        objects = [one for one in yaml.safe_load_all(printed) if one and one["kind"] != "Namespace"]
        for one in change(objects):
            cluster.apply(one, space)
            elsewhere.extend([one] if one["metadata"].get("namespace", space) != space else [])
        where = access(Kubernetes(kubeconfig=str(cluster.kubeconfig))).cluster
        place = {key: value for key, value in where.items() if key != "server"}
        user = {"token": token(cluster, space, "gonogo", HOUR)}
        config = config_of(folder / "account", server=str(where["server"]), user=user, cluster=place)
        under = target.parent / "account.toml"
        under.write_text(target.read_text().replace(str(cluster.kubeconfig), str(config)))
        return under

    yield made
    for one in elsewhere:
        cluster.delete(one["kind"], one["metadata"]["name"], one["metadata"]["namespace"])
