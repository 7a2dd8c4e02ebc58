"""The S3 store, which MLflow keeps its artifacts in."""

from __future__ import annotations

import hashlib

import pytest

from fixtures.s3 import S3, Head
from gonogo import saw, wrong

BODY = bytes(range(256)) * 256
PARTS = [b"\x5a" * (5 << 20), b"and a tail of another kind \x00\xff"]


@pytest.mark.criterion("s3.answers")
def test_answers(s3: S3) -> None:
    """The store lists the platform's bucket for the platform's key."""
    answer = s3.answers()

    saw(answer, expected=s3.bucket)
    assert answer.endswith(s3.bucket), wrong("s3.bucket_missing")


@pytest.mark.criterion("s3.roundtrip")
@pytest.mark.writes
def test_an_object_lives_and_dies(s3: S3) -> None:
    """An object that was put is found by head, get and list, equal in SHA-256, and is gone once deleted."""
    expected = Head(len(BODY), hashlib.sha256(BODY).hexdigest())
    with s3.own_key() as key:
        s3.put(key, BODY)

        head = s3.head(key)
        received = s3.object_sha256(key)
        listed = s3.keys(key)
        s3.delete(key)
        left = s3.keys(key)

        saw(head, expected=expected)
        assert head == expected, wrong("s3.object_altered")
        saw(received, expected=expected.sha256)
        assert received == expected.sha256, wrong("s3.object_altered")
        saw(listed, expected=[key])
        assert listed == [key], wrong("s3.object_not_listed")
        saw(left, expected=[])
        assert left == [], wrong("s3.object_not_listed", message="after its deletion")


@pytest.mark.criterion("s3.multipart")
@pytest.mark.writes
def test_parts_become_one_object(s3: S3) -> None:
    """An object uploaded in parts is read as one, equal in SHA-256."""
    whole = b"".join(PARTS)
    expected = Head(len(whole), hashlib.sha256(whole).hexdigest())
    with s3.own_key("upload") as key:
        s3.put_in_parts(key, PARTS)

        head = s3.head(key)
        received = s3.object_sha256(key)

        saw(head, expected=expected)
        assert head == expected, wrong("s3.object_altered")
        saw(received, expected=expected.sha256)
        assert received == expected.sha256, wrong("s3.object_altered")


@pytest.mark.criterion("s3.strangers_refused")
def test_strangers_are_refused(s3: S3) -> None:
    """A wrong key, a wrong secret and no key may neither list nor read."""
    allowed = s3.refuses_strangers()

    saw(allowed, expected="nothing for anybody")


@pytest.mark.criterion("s3.ordinary_key")
@pytest.mark.writes
def test_the_key_is_ordinary(s3: S3) -> None:
    """The application's key is not the store's root key: it may not create buckets."""
    mighty = s3.may_create_buckets()

    saw(f"a new bucket is created: {mighty}", expected="a new bucket refused")
    assert not mighty, wrong("s3.key_too_mighty")
