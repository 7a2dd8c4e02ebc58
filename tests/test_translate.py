"""Whatever a library raises: is the platform wrong, or could we not ask?"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import pytest

from gonogo.checks.translate import forwarded, reaching, translated, understood
from gonogo.core.errors import (
    ClientError,
    ClusterLost,
    Denied,
    Forbidden,
    Garbled,
    Gone,
    Refused,
    TimedOut,
    Unresolved,
    Untrusted,
    worded,
)


class LibraryError(Exception):
    """What a client library wraps everything in."""


class ReadTimeout(Exception):
    """A time-out that is no TimeoutError."""


def wrapped(inner: BaseException) -> LibraryError:
    try:
        try:
            raise inner
        except BaseException as error:
            raise LibraryError("request failed") from error
    except LibraryError as outer:
        return outer


@pytest.mark.parametrize(
    ("raised", "meant"),
    [
        (ConnectionRefusedError(111, "refused"), Refused),
        (ConnectionResetError(104, "reset"), Refused),
        (BrokenPipeError(32, "pipe"), Refused),
        (TimeoutError("timed out"), TimedOut),
        (ReadTimeout("read"), TimedOut),
        (socket.gaierror(-2, "unknown"), Unresolved),
        (ssl.SSLCertVerificationError("self signed"), Untrusted),
        (Denied("store", "wrong password"), Denied),
    ],
)
def test_the_bottom_of_the_chain_decides(raised: BaseException, meant: type[ClientError]) -> None:
    assert type(translated("store", wrapped(raised))) is meant
    assert type(translated("store", raised)) is meant


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("once"), "once"),
        (
            ValueError("Connection aborted.", ConnectionResetError(104, "reset")),
            "Connection aborted: [Errno 104] reset",
        ),
        (ValueError("a", ValueError("b", 3)), "a: b: 3"),
        (OSError(28, "No space left"), "[Errno 28] No space left"),
        (KeyError("key"), "'key'"),
        (ValueError(), ""),
    ],
)
def test_what_an_exception_says_is_no_tuple(error: Exception, said: str) -> None:
    assert worded(error) == said


def test_exceptions_in_arguments_and_groups_are_part_of_the_chain() -> None:
    in_arguments = LibraryError("failed", ConnectionRefusedError(111, "refused"))
    in_a_group = ExceptionGroup("all addresses failed", [OSError("no route"), ConnectionRefusedError(111, "refused")])

    assert isinstance(translated("store", in_arguments), Refused)
    assert isinstance(translated("store", in_a_group), Refused)


def test_what_is_no_transport_error_is_not_translated() -> None:
    assert translated("store", KeyError("field")) is None
    with pytest.raises(KeyError), reaching("store"):
        raise KeyError("field")


def test_a_client_knows_its_own_library_first() -> None:
    def known(error: BaseException) -> ClientError | None:
        return Forbidden("store", "no right") if "right" in str(error) else None

    with pytest.raises(Forbidden) as caught, reaching("store", known):
        raise LibraryError("no right to list")
    assert caught.value.signature == "store.right_missing"


def test_false_claims_pass_through() -> None:
    with pytest.raises(AssertionError), reaching("store"):
        raise AssertionError("expected 3")


def test_a_loop_in_the_chain_ends() -> None:
    one, two = LibraryError("one"), LibraryError("two")
    one.__context__, two.__context__ = two, one

    assert translated("store", one) is None


def test_an_answer_that_is_no_answer_is_garbled() -> None:
    class JSONDecodeError(ValueError):
        """As in json and its imitators."""

    assert isinstance(translated("store", JSONDecodeError("line 1")), Garbled)


@pytest.fixture
def faults() -> Iterator[list[ClientError | None]]:
    """What a forward to the store tells, one answer a question; afterwards nothing is forwarded any more."""
    told: list[ClientError | None] = []
    forwarded("store", lambda: told.pop(0))
    yield told
    forwarded("store", None)


@pytest.mark.parametrize("seen", [ConnectionResetError(104, "reset"), TimeoutError("timed out")])
def test_a_forward_knows_why_a_connection_was_cut(faults: list[ClientError | None], seen: OSError) -> None:
    faults += [Gone("store", "pod store-0 is gone")] * 3

    assert isinstance(translated("store", wrapped(seen)), Gone)
    assert isinstance(understood("store", seen, lambda _: Refused("store", "cut")), Gone)
    with pytest.raises(Gone), reaching("store"):
        raise seen


def test_what_the_server_did_itself_stays_its_own(faults: list[ClientError | None]) -> None:
    faults += [None]

    assert isinstance(understood("store", EOFError(), lambda _: Refused("store", "the server closed it")), Refused)
    assert isinstance(translated("store", Denied("store", "wrong password")), Denied)
    assert isinstance(translated("shop", ConnectionResetError(104, "reset")), Refused)
    assert faults == []


@pytest.mark.parametrize("seen", [ConnectionResetError(104, "reset"), ConnectionRefusedError(111, "refused")])
def test_a_forward_that_resets_and_gives_no_reason_is_lost_and_no_failure(
    faults: list[ClientError | None], seen: OSError
) -> None:
    faults += [None] * 2

    assert isinstance(translated("store", wrapped(seen)), ClusterLost)
    assert isinstance(understood("store", seen, lambda _: Refused("store", "cut")), ClusterLost)
    assert isinstance(translated("other", wrapped(seen)), Refused)
    assert faults == []
