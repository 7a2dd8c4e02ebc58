"""What Kubernetes lets a name be. Whatever comes from a file or an API server is held against it before it is used.

A *label* (RFC 1123) names a namespace, a Service, a container; a *subdomain* every other object that is asked for here
(kubernetes.io/docs/concepts/overview/working-with-objects/names).
"""

from __future__ import annotations

import re

_PART = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
LABEL = rf"(?![a-z0-9-]{{64}}){_PART}"
SUBDOMAIN = rf"(?![a-z0-9.-]{{254}}){_PART}(?:\.{_PART})*"
KEY = "[A-Za-z0-9._-]{1,253}"
PORT = "(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
"""Expressions for larger ones; ``KEY`` is of a Secret, ``PORT`` a number."""

WORDS = "names are lower-case letters, digits and '-', ports 1 to 65535"
"""The same in words, for who wrote something else."""

_SELECTED = "[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
LABEL_KEY, LABEL_VALUE = rf"(?:{SUBDOMAIN}/)?{_SELECTED}", f"(?:{_SELECTED})?"
"""Of a label that objects carry (concepts/overview/working-with-objects/labels)."""


def is_label(text: str) -> bool:
    """Whether it can be the name of a namespace, a Service or a container."""
    return re.fullmatch(LABEL, text) is not None


def is_subdomain(text: str) -> bool:
    """Whether it can be the name of an object, or of a host."""
    return re.fullmatch(SUBDOMAIN, text) is not None


def is_selector(key: str, value: str) -> bool:
    """Whether ``key=value`` selects objects by that label and does nothing else."""
    return re.fullmatch(f"{LABEL_KEY}={LABEL_VALUE}", f"{key}={value}") is not None


def fits_a_header(text: str) -> bool:
    """Whether it can be sent as the value of an HTTP header: ASCII without line breaks (RFC 9110, 5.5)."""
    return text.isascii() and text.isprintable()
