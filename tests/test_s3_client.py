"""What an S3 store answers, as outcome and cause."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from fixtures.s3 import known
from gonogo.checks.translate import translated
from gonogo.core.errors import Denied, Forbidden, Refused, TimedOut, Unavailable


def refusal(status: int, code: str) -> ClientError:
    """A store's answer with this status and error code."""
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "ListObjectsV2")


@pytest.mark.parametrize(
    ("status", "code", "meaning", "signature"),
    [
        (403, "InvalidAccessKeyId", Denied, "s3.credentials_refused"),
        (403, "SignatureDoesNotMatch", Denied, "s3.credentials_refused"),
        (403, "RequestTimeTooSkewed", Denied, "s3.clock_skewed"),
        (403, "AccessDenied", Forbidden, "s3.right_missing"),
        (403, "403", Forbidden, "s3.right_missing"),
        (404, "NoSuchBucket", Unavailable, "s3.bucket_missing"),
        (404, "404", Unavailable, "s3.object_missing"),
        (503, "XMinioServerNotInitialized", Unavailable, "s3.unavailable"),
        (503, "SlowDown", Unavailable, "s3.unavailable"),
        (507, "XMinioStorageFull", Unavailable, "s3.disk_full"),
    ],
)
def test_a_refusal_of_the_store_has_a_kind(status: int, code: str, meaning: type, signature: str) -> None:
    found = known(refusal(status, code))

    assert type(found) is meaning
    assert found.signature == signature


def test_a_request_that_is_wrong_is_our_own_error() -> None:
    assert known(refusal(400, "InvalidArgument")) is None


def test_a_store_that_is_gone_is_told_from_one_that_hangs() -> None:
    gone = EndpointConnectionError(endpoint_url="http://127.0.0.1:1")
    gone.__context__ = ConnectionRefusedError(111, "refused")
    hangs = ReadTimeoutError(endpoint_url="http://127.0.0.1:1")

    assert type(translated("s3", gone)) is Refused
    assert type(translated("s3", hangs)) is TimedOut
