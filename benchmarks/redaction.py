"""How fast secrets are taken out of text, with 50 known values: on plain logs, and where each line has a keyword."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Generator, Mapping
from time import process_time

from benchmarks.table import Row
from gonogo.redaction import Redactor

ROWS: Mapping[str, str] = {
    "redact-plain": "CPU of redacting 50 MB of plain log lines, 50 values known, best of 3",
    "redact-keyword": "CPU of redacting 20 MB of lines that each have a keyword, best of 3",
    "redact-growth": "ten times as much of the worst text: how many times as long, per byte",
}
LONG = False

SIZE = 4_000_000
"""Bytes that are measured; the figure is for as many as the row says."""

PLAIN = (
    "2026-01-02 03:04:05,{n:03} INFO [Partition orders-{n} broker={n}] Log loaded with initial high watermark {n}",
    "[2026-01-02T03:04:05,{n:03}][INFO ][o.e.c.m.MetadataCreateIndexService] [master-{n}] [logs-{n}] creating index",
    '10.0.{n}.7 - - [02/Jan/2026 03:04:05] "GET /api/2.0/mlflow/runs/get?run_id={h} HTTP/1.1" 200 {n}',
    "2026-01-02 03:04:05.{n:03} UTC [{n}] LOG:  checkpoint complete: wrote {n} buffers (0.1%); write=0.{n} s",
)

HOSTILE: tuple[Callable[[int], str], ...] = (
    lambda size: "token=" * (size // 6),
    lambda size: "password: " * (size // 10),
    lambda size: 'key="' * (size // 5),
    lambda size: "://a:" * (size // 5),
    lambda size: "://" + "@" * size,
    lambda size: "password " * (size // 9),
    lambda size: "password:\n" * (size // 10),
    lambda size: "-----BEGIN PRIVATE KEY-----" * (size // 27),
    lambda size: "kind: Secret\ndata:\n" * (size // 19),
    lambda size: "name: DB_PASS\n" * (size // 14),
    lambda size: '\\"' * (size // 2),
    lambda size: "--password " * (size // 11),
    lambda size: "a" * size,
    lambda size: "aB3" * (size // 3),
    lambda size: "$2b$" * (size // 4),
    lambda size: "ey" + "J." * (size // 2),
)
"""Texts on which an expression that looks ahead too far, or back, would take the square of their length."""


def measure() -> Generator[Row]:
    """CPU time: the table of the machine's neighbours does not belong into it."""
    fill = random.Random(14)
    letters = string.ascii_letters + string.digits
    redact = Redactor("".join(fill.choices(letters, k=24)) for _ in range(50))
    plain = _lines(PLAIN, fill)
    yield Row("redact-plain", figure=_took(redact, plain) * 50e6 / len(plain), reach=1.0)
    keyword = _lines(KEYWORD, fill)
    yield Row("redact-keyword", figure=_took(redact, keyword) * 20e6 / len(keyword), reach=1.0)
    growth = {make: _took(redact, make(1_000_000)) / _took(redact, make(100_000)) / 10 for make in HOSTILE}
    yield Row("redact-growth", figure=max(growth.values()), reach=2.0)


KEYWORD = (
    "2026-01-02 03:04:05,{n:03} INFO token of user u{n} refreshed in {n} ms",
    "[2026-01-02T03:04:05,{n:03}][WARN ][o.e.x.s.a.ApiKeyService] [data-{n}] api key {n} has been invalidated",
    'level=info msg="secret data/app-{n} synced" keys={n}',
    '2026-01-02 03:04:05.{n:03} UTC [{n}] FATAL:  password authentication failed for user "app{n}"',
    "max_tokens={n} prompt_tokens={n} token_type=Bearer",
    "connecting with user=app{n} password={h} to the store",
)


def _lines(forms: tuple[str, ...], fill: random.Random) -> str:
    lines, size = [], 0
    while size < SIZE:
        lines.append(fill.choice(forms).format(n=fill.randint(100, 999), h=f"{fill.getrandbits(128):032x}"))
        size += len(lines[-1]) + 1
    return "\n".join(lines)


def _took(redact: Redactor, text: str) -> float:
    best = float("inf")
    for _ in range(3):
        began = process_time()
        redact(text)
        best = min(best, process_time() - began)
    return best
