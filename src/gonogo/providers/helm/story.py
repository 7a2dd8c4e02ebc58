"""What helm installed of a component, as evidence: status and history of its releases, the values they were given."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from gonogo.core.errors import ClientError, ConfigError
from gonogo.core.outlet import redacted
from gonogo.providers.helm.program import Helm
from gonogo.providers.helm.recipe import HelmRecipe
from gonogo.redaction import bounded
from gonogo.results.model import Evidence

ROOM = 64 << 10
"""Bytes of each piece."""

REVISIONS = 10
"""Revisions that are shown, the newest."""


def installed(helm: Helm, recipe: HelmRecipe, target: str) -> list[Evidence]:
    """A piece per release for its revisions, and one for its values as they are given now; secrets are in neither."""
    found = []
    for kind, title, text in _pieces(helm, recipe, target):
        shown, cut = bounded(redacted(text), ROOM)
        found.append(Evidence(kind=kind, title=title, text=shown, truncated=cut))
    return found


def _pieces(helm: Helm, recipe: HelmRecipe, target: str) -> Iterator[tuple[str, str, str]]:
    for release in recipe.spec.releases:
        space = recipe.space_of(release)
        try:
            every = [one for one in helm.history(space, release.name) if one.target == target][-REVISIONS:]
        except ClientError as error:
            yield "note", f"release {space}/{release.name} could not be looked at", str(error)
            continue
        if not every:
            continue
        lines = [
            f"{one.revision:>4}  {one.status:<16} {one.chart}  {one.since}  by {one.run or 'nobody that is known'}"
            for one in every
        ]
        yield "release", f"release {space}/{release.name} is {every[-1].status}; its history", "\n".join(lines)
        try:
            values = yaml.safe_dump(recipe.values(release), sort_keys=False)
        except ConfigError as error:
            values = str(error)
        yield "values", f"values of release {space}/{release.name}", values
