"""Which provider a target names."""

from __future__ import annotations

from pathlib import Path

from gonogo.catalog.target import Target
from gonogo.core.errors import ConfigError, Problem
from gonogo.providers import Provider


def provider_for(target: Target, root: Path) -> Provider:
    """The provider that the target names. Raises ``ConfigError`` for one that does not exist yet."""
    if target.provider == "existing" and target.kubernetes is not None:
        from gonogo.providers.existing.cluster import ExistingCluster

        return ExistingCluster(target, target.kubernetes)
    if target.provider == "existing":
        from gonogo.providers.existing.addresses import Existing

        return Existing(target)
    if target.provider == "embedded":
        from gonogo.providers.embedded.provider import Embedded

        return Embedded(root, patience=target.timeouts.ready)
    raise ConfigError(Problem(str(target.path), f"provider {target.provider!r} does not exist", "embedded or existing"))
