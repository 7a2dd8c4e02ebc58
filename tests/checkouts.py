"""A checkout on disk for tests of what reads one: three components, five criteria, nothing to run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

FILES = {
    "gonogo.toml": "[content]\nbuiltin = false\n",
    "deploy/queue/component.toml": """
        title = "Queue"
        concurrency = 2
        capabilities = ["tape"]
        [endpoints]
        required = ["address"]
        optional = ["user", "password", "security", "ca", "proxy"]
        secret = ["password", "security.pin"]
        service = { address = "{service}", proxy = "{proxy}" }
        [expect]
        brokers = 3
        [signatures.broker_missing]
        hint = "A broker is gone."
        by_hand = "queue-status {address}"
    """,
    "deploy/queue/embedded.toml": "",
    "deploy/store/component.toml": """
        title = "Store"
        [endpoints]
        required = ["url"]
    """,
    "deploy/store/embedded.toml": "",
    "deploy/models/component.toml": """
        title = "Models"
        needs = ["store", "queue"]
        [endpoints]
        required = ["url"]
    """,
    "deploy/models/embedded.toml": "",
    "deploy/targets/embedded.toml": """
        [target]
        name = "embedded"
        provider = "embedded"
        modes = ["read", "write", "disrupt"]
        capabilities = ["host", "disturb"]
    """,
    "suites/pipelines/.keep": "",
    "reports/criteria.toml": """
        [profiles.default]
        include = ["*"]
        exclude = ["checklist.*"]

        [profiles.quick]
        include = ["queue.*"]

        [queue.answers]
        level = "critical"
        claim = "The queue answers"
        plan = "2.1"

        [queue.brokers]
        level = "critical"
        claim = "Every broker is there"

        [store.answers]
        level = "critical"
        claim = "The store answers"

        [models.answers]
        level = "critical"
        claim = "The models answer"

        [pipelines.train]
        level = "optional"
        claim = "A model is trained"
    """,
}


RABBIT = """
        [products.rabbit]
        title = "Rabbit"
        unsupported = { "queue.brokers" = "it has no brokers" }
"""
PRODUCT = {
    "deploy/queue/component.toml": FILES["deploy/queue/component.toml"] + RABBIT,
    "deploy/queue/rabbit/embedded.toml": "",
}
"""Another product with the queue's API."""


def checkout(root: Path, changes: Mapping[str, str | None] | None = None) -> Path:
    """The files above below ``root``, some of them exchanged; None leaves one out."""
    for name, text in {**FILES, **(changes or {})}.items():
        if text is not None:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text), encoding="utf-8")
    return root
