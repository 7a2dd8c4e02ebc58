"""Ports are free, held, and never outgoing connections'."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from gonogo.core.errors import ConfigError
from gonogo.providers.embedded import ports


def test_chosen_ports_are_different_below_the_ephemeral_range_and_not_taken() -> None:
    low = int(ports.EPHEMERAL.read_text().split()[0])
    taken = set(ports.preferred()[::2])
    held = ports.choose(20, taken)
    numbers = {one.getsockname()[1] for one in held}
    for one in held:
        one.close()
    assert len(numbers) == 20
    assert max(numbers) < low
    assert not numbers & taken


def test_a_chosen_port_is_held_until_it_is_closed() -> None:
    (held,) = ports.choose(1, ())
    address = held.getsockname()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        with pytest.raises(OSError, match="in use"):
            other.bind(address)
    held.close()
    with socket.create_server(address):
        assert ports.listens(address[1])
    assert not ports.listens(address[1])


def test_a_port_that_somebody_uses_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    (used, free) = ports.choose(2, ())
    numbers = (used.getsockname()[1], free.getsockname()[1])
    free.close()
    monkeypatch.setattr(ports, "preferred", lambda: numbers)
    with used, ports.choose(1, ())[0] as chosen:
        assert chosen.getsockname()[1] == numbers[1]


def test_too_few_free_ports_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "preferred", lambda: range(20000, 20002))
    with pytest.raises(ConfigError, match="3 are needed"):
        ports.choose(3, ())


@pytest.mark.parametrize(
    ("ephemeral", "expected"),
    [
        ("32768 60999", range(15000, 32768)),
        ("1024 40000", range(40001, 65536)),
        ("1024 65535", range(15000, 65536)),
    ],
)
def test_another_ephemeral_range_is_respected(
    ephemeral: str, expected: range, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "range").write_text(ephemeral)
    monkeypatch.setattr(ports, "EPHEMERAL", tmp_path / "range")
    assert ports.preferred() == expected


@pytest.mark.parametrize(
    ("log", "failed"),
    [
        ("OSError: [Errno 98] Address already in use", True),
        ("java.net.BindException: Address already in use", True),
        ("bind: Address already in use", True),
        ("[info] listening on 127.0.0.1:9092", False),
    ],
)
def test_a_bind_error_is_recognised_in_a_log(log: str, failed: bool) -> None:
    assert ports.bind_failed(log) is failed
