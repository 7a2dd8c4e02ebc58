"""Which kinds of objects are looked at, and for what: the one list by which lookers ask and `gonogo rbac` grants.

Every kind that a judge reads is one that is judged (:data:`gonogo.cluster.judge.JUDGES`) or stands in :data:`CAUSES`.
"""

from __future__ import annotations

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")

PODS = ("Pod", "Event", "ReplicaSet", *WORKLOADS)
"""Pods, their controllers, and what is said of them."""

HEALTH = (*PODS, "Job")
"""Kinds without which nobody can tell how many pods are healthy, and why one is not."""

BEHIND = (*PODS, "Service", "EndpointSlice", "PersistentVolumeClaim")
"""What is looked at to say why a component behind a Service does not answer."""

CAUSES = (
    *("Event", "ReplicaSet", "Node", "StorageClass", "PersistentVolume", "ResourceQuota"),
    *("LimitRange", "ServiceAccount", "PriorityClass", "IngressClass"),
)
"""Kinds that tell why others do not come up. Without the right to list them less is known; nothing is unknown."""
