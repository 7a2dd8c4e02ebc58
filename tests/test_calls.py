"""Blocking calls of an asyncio library end at their deadline."""

from __future__ import annotations

import asyncio

import pytest

from gonogo.checks.calls import Calls, limited


async def never() -> None:
    """A server that does not answer."""
    await asyncio.Event().wait()


async def soon() -> str:
    """A server that answers."""
    return "answer"


def test_an_answer_is_returned() -> None:
    assert Calls()(soon(), within=60) == "answer"


def test_a_call_without_an_answer_ends_and_says_so() -> None:
    with pytest.raises(TimeoutError, match=r"no answer within 0\.01 s"):
        Calls()(never(), within=0.01)


def test_the_shorter_of_two_limits_is_the_one_that_is_named() -> None:
    with pytest.raises(TimeoutError, match=r"no answer within 0\.01 s"):
        Calls()(limited(never(), 0.01), within=60)


def test_after_a_call_that_ended_late_the_next_one_is_answered() -> None:
    calls = Calls()
    with pytest.raises(TimeoutError):
        calls(never(), within=0.01)

    assert calls(soon(), within=60) == "answer"
    calls.close()
    calls.close()
