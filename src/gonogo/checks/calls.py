"""Blocking calls of a client library's asyncio flavour, each with a deadline of its own.

Once connected, the blocking flavour of some libraries waits for an answer without limit, and a thread
cannot be killed. A coroutine can be cancelled wherever it waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def limited(awaited: Awaitable[T], within: float) -> T:
    """What is awaited. Raises ``TimeoutError`` after ``within`` seconds."""
    try:
        async with asyncio.timeout(within) as limit:
            return await awaited
    except TimeoutError:
        if not limit.expired():
            raise
        raise TimeoutError(f"no answer within {within:g} s") from None


class Calls:
    """One event loop, driven by one thread from one call to the next."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def __call__(self, coroutine: Coroutine[Any, Any, T], *, within: float) -> T:
        """What the coroutine returns. Raises ``TimeoutError`` after ``within`` seconds."""
        return self._runner.run(limited(coroutine, within))

    def close(self) -> None:
        """Give the loop back; may be called twice."""
        self._runner.close()
