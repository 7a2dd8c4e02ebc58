"""Why an image does not come: the registry's answer, or that there was none.

The container's own message moves from the cause to "Back-off pulling image" (Shopify/krane issue 124), so the
cause is remembered by the Warning event that told it first.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from gonogo.cluster.judge.doom import deleted, doom, kubectl
from gonogo.cluster.judge.shapes import Object
from gonogo.cluster.judge.verdict import Judgement
from gonogo.cluster.judge.world import World, reference, said

REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
"""Why a container waits, where it waits for its image (kubelet, pkg/kubelet/images/types.go)."""

_ANSWERS = (
    (
        "ImageUnreachable",
        re.compile(
            r"no such host|timeout|timed out|deadline exceeded|connection refused|connection reset|dial tcp|\btls\b"
            r"|x509|\beof\b|server misbehaving|unreachable|no route to host|toomanyrequests|too many requests"
            r"|\b5\d\d [a-z]|rate limit|http response to https client|registryunavailable"
        ),
    ),
    (
        "ImageRefused",
        re.compile(
            r"unauthorized|forbidden|denied|authorization|authentication required|basic auth|insufficient_scope"
        ),
    ),
    (
        "ImageNotFound",
        re.compile(r"not found|notfound|manifest unknown|name unknown|does not exist|no match for platform"),
    ),
    ("ImageNameInvalid", re.compile(r"invalid reference format|couldn't parse image|invalid image name")),
)
"""The first pattern that a message holds tells what the registry said. A broken connection names hosts, and a refusal
may add "does not exist or may require authorization", so they come first."""


def missing_image(world: World, pod: Object, name: str, image: str, waiting: Any, waited: float | None) -> Judgement:
    """The verdict on container ``name`` that has waited ``waited`` seconds for its image."""
    word, text = waiting.get("reason", ""), waiting.get("message", "")
    reason = {"InvalidImageName": "ImageNameInvalid", "ErrImageNeverPull": "ImageNeverPulled"}.get(word, "")
    reason = reason or _answer(text, image)
    if not reason:
        for event in reversed(world.events(pod, "Failed", "InspectFailed")):
            told = said(event)
            if image in told and (found := _answer(told, image)):
                reason, text = found, told
                waited = world.since(event.get("firstTimestamp", "")) or waited
                break
    verdict = doom(
        reason or "ImagePullFailed",
        f"container {name}: image {image}: {text or word}",
        waited=waited,
        command=kubectl(pod),
        hint=deleted(image),
        cause=replace(reference(pod), container=name),
    )
    return verdict._replace(container=name, image=image)


def _answer(text: str, image: str) -> str:
    low = _URL.sub("", text.replace(image, "")).lower()
    return next((reason for reason, pattern in _ANSWERS if pattern.search(low)), "")


_URL = re.compile(r"https?://[^\s\"]+")
"""Addresses and image names hold any words."""
