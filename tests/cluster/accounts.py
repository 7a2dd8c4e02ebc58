"""Service accounts of a running cluster that have exactly the rights a test gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cluster.live import Cluster
from kubernetes import config
from kubernetes.client import AuthenticationV1TokenRequest, CoreV1Api, V1TokenRequestSpec

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


def token(cluster: Cluster, namespace: str, name: str) -> str:
    """A fresh token of an account, valid for ten minutes, the least that an API server hands out."""
    request = AuthenticationV1TokenRequest(spec=V1TokenRequestSpec(audiences=[], expiration_seconds=600))
    client = config.new_client_from_config(str(cluster.kubeconfig))
    answer = CoreV1Api(client).create_namespaced_service_account_token(name, namespace, request)
    return str(answer.status.token)
