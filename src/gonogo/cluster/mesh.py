"""Whether a namespace is in a mesh: decided once, for a plan, for what would be made, and for what is there.

istio.io, Installing the Sidecar, Controlling the injection policy: where a namespace has both labels, that of
``istio-injection`` counts, whatever it says; ``istio.io/rev`` names a revision or a tag of one. Ambient mode
(``istio.io/dataplane-mode``) puts no sidecar into a pod.
"""

from __future__ import annotations

from collections.abc import Mapping

INJECTION, REVISION = "istio-injection", "istio.io/rev"
"""Labels of a namespace whose pods get a sidecar; the first decides where both are."""


def injects(labels: Mapping[str, str]) -> bool:
    """Whether pods that are made in a namespace with these labels get a sidecar, unless they say otherwise."""
    return labels[INJECTION] == "enabled" if INJECTION in labels else bool(labels.get(REVISION))
