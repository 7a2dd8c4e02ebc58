"""Packs the content below the package: a wheel holds it as ``gonogo/deploy`` and so on, an editable one points here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDERS = ("deploy", "fixtures", "suites")
REPORTS = ("criteria.toml", "results.schema.json", "schemas")


class Content(BuildHookInterface):  # type: ignore[misc]
    """Setting ``force-include`` would also copy the content beside an editable package, where it would grow old."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files to a wheel that is no editable one."""
        if version == "standard":
            names = [*FOLDERS, *(f"reports/{name}" for name in REPORTS)]
            build_data["force_include"] |= {str(Path(self.root, name)): f"gonogo/{name}" for name in names}
