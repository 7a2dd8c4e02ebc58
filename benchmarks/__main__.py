"""``python -m benchmarks [NAME…]``: the speed table. 0 all good enough, 1 not, 2 not measured, 130 interrupted."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from difflib import get_close_matches
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks import (
    attached,
    charts,
    collect,
    doom,
    dump,
    failing,
    first,
    forwarding,
    help,
    lanes,
    listing,
    planning,
    readiness,
    redaction,
    turning,
    watching,
)
from benchmarks.table import BenchmarkError, Row, Theme, load, machine, text
from gonogo.core.errors import GonogoError

BY_CHARTS: tuple[Theme, ...] = (charts, failing, turning, planning)
ON_A_CLUSTER: tuple[Theme, ...] = (watching, listing, doom, forwarding, *BY_CHARTS)
THEMES: tuple[Theme, ...] = (help, collect, dump, redaction, lanes, readiness, first, attached, *ON_A_CLUSTER)
WHAT = {name: what for theme in THEMES for name, what in theme.ROWS.items()}
TOGETHER: Mapping[str, list[str]] = {"helm": [name for theme in BY_CHARTS for name in theme.ROWS]}
"""Rows that are asked for by one name."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for; the exit code."""
    given = _parsed(arguments)
    if given.list:
        for theme in THEMES:
            for name, what in theme.ROWS.items():
                print(f"{name:<14} {what}{_when(theme)}")
        return 0
    quick = [name for theme in THEMES if not theme.LONG for name in theme.ROWS]
    there = [theme for theme in THEMES if theme not in ON_A_CLUSTER or os.environ.get("KUBECONFIG")]
    everything = [name for theme in there for name in theme.ROWS]
    wanted = everything if given.all else given.name or quick
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    rows: list[Row] = []
    code = 0
    try:
        for theme in THEMES:
            if not set(wanted) & theme.ROWS.keys():
                continue
            try:
                rows.extend(_measured(theme, wanted))
            except (BenchmarkError, GonogoError) as error:
                print(f"not measured: {error}", file=sys.stderr)
                code = 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    finally:  # a fault of ours in one row takes no figure from the others
        _told(rows, given.json)
    return code or (0 if all(row.ok for row in rows) else 1)


def _told(rows: Sequence[Row], file: Path | None) -> None:
    facts = machine()
    if rows:
        print(text(rows, WHAT, facts))
    if file:
        file.write_text(json.dumps({"machine": facts, "rows": [_public(row) for row in rows]}, indent=1) + "\n")


def _when(theme: Theme) -> str:
    if theme in ON_A_CLUSTER:
        return " (on the cluster of KUBECONFIG: when named, or with --all)"
    return " (starts the platform: when named, or with --all)" if theme.LONG else ""


def _measured(theme: Theme, wanted: Iterable[str]) -> Iterator[Row]:
    print(f"measuring {', '.join(theme.ROWS)} …", file=sys.stderr)
    before = load()
    with closing(theme.measure()) as rows:
        yield from (replace(row, load=before) for row in rows if row.name in wanted)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure how fast gonogo is, each figure next to its peer or its limit.",
        epilog="Example: python -m benchmarks help lanes --json figures.json",
    )
    parser.add_argument("name", nargs="*", metavar="NAME", help="rows; default: those that need no platform")
    parser.add_argument("--all", action="store_true", help="every row; those on a cluster where KUBECONFIG names one")
    parser.add_argument("--list", action="store_true", help="show which rows there are")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    given = parser.parse_args(arguments)
    for name in given.name:
        if name not in WHAT and name not in TOGETHER:
            near = get_close_matches(name, [*WHAT, *TOGETHER], 1)
            parser.error(f"no such row: {name!r}" + (f"; nearest known: {near[0]!r}" if near else ""))
    given.name = [row for name in given.name for row in TOGETHER.get(name, [name])]
    return given


def _public(row: Row) -> dict[str, Any]:
    return {"what": WHAT[row.name], **asdict(row), "ratio": row.ratio, "ok": row.ok}


def _interrupted(number: int, _: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


if __name__ == "__main__":
    sys.exit(main())
