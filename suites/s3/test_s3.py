"""The S3 store, which MLflow keeps its artifacts in."""

from __future__ import annotations

import hashlib

import pytest

from fixtures.s3 import S3, Head
from gonogo import expect, something

BODY = bytes(range(256)) * 256
PARTS = [b"\x5a" * (5 << 20), b"and a tail of another kind \x00\xff"]


@pytest.mark.criterion("s3.answers")
def test_answers(s3: S3) -> None:
    """The store lists the platform's bucket for the platform's key."""
    expect(s3.answers(), something(), cause="s3.bucket_missing")


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

    expect(head, expected, cause="s3.object_altered")
    expect(received, expected.sha256, cause="s3.object_altered")
    expect(listed, [key], cause="s3.object_not_listed")
    expect(left, [], cause="s3.object_not_listed", message="after its deletion")


@pytest.mark.criterion("s3.usable")
def test_what_exists_can_be_read(s3: S3) -> None:
    """Every bucket that the platform names is listed, and the objects that it lists can be read."""
    s3.can_be_used()


@pytest.mark.criterion("s3.retention")
def test_artifacts_are_kept(s3: S3) -> None:
    """No lifecycle rule of a bucket that the platform names deletes or archives what lies in it."""
    s3.keeps_artifacts()


@pytest.mark.criterion("s3.defaults")
@pytest.mark.writes
def test_an_application_with_defaults_is_served(s3: S3) -> None:
    """An object that a client of today puts with its own defaults, checksums included, is read likewise."""
    with s3.own_key() as key:
        received = s3.by_default(key, BODY)

    expect(hashlib.sha256(received).hexdigest(), hashlib.sha256(BODY).hexdigest(), cause="s3.object_altered")


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

    expect(head, expected, cause="s3.object_altered")
    expect(received, expected.sha256, cause="s3.object_altered")


@pytest.mark.criterion("s3.authentication")
def test_wrong_credentials_are_refused(s3: S3) -> None:
    """A wrong key and a wrong secret may neither list, read nor, asked in mode write, write."""
    s3.refuses_wrong_credentials()


@pytest.mark.criterion("s3.strangers_refused")
def test_unauthenticated_access_is_refused(s3: S3) -> None:
    """Who shows no key may neither list, read nor, asked in mode write, write."""
    s3.refuses_unauthenticated_access()


@pytest.mark.criterion("s3.least_privilege")
@pytest.mark.writes
def test_the_key_has_no_excessive_privileges(s3: S3) -> None:
    """The application's key is not the store's root key: it may not create buckets."""
    created = s3.may_create_buckets()

    expect(created, False, cause="s3.excessive_privileges", message="a new bucket is created")
