"""What an S3 store answers, as outcome and cause."""

from __future__ import annotations

import io
import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from fixtures.s3 import S3, known
from gonogo.checks.journal import Journal, RunScope
from gonogo.checks.translate import translated
from gonogo.core.endpoints import Endpoints
from gonogo.core.errors import Denied, Forbidden, NotAskable, Refused, ServerError, TimedOut, Unavailable, Wrong
from gonogo.core.outcomes import Mode


def refusal(status: int, code: str, operation: str = "ListObjectsV2") -> ClientError:
    """A store's answer with this status and error code."""
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation)


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
        (403, "ExpiredToken", Denied, "s3.token_expired"),
        (403, "QuotaExceeded", Unavailable, "s3.quota_exceeded"),
        (400, "XMinioAdminBucketQuotaExceeded", Unavailable, "s3.quota_exceeded"),
        (400, "AuthorizationHeaderMalformed", Denied, "s3.region_wrong"),
        (400, "KMS.DisabledException", Unavailable, "s3.encryption_key_unusable"),
        (501, "NotImplemented", NotAskable, "s3.call_unknown"),
        (503, "XMinioServerNotInitialized", Unavailable, "s3.starting"),
        (503, "XMinioWriteQuorum", Unavailable, "s3.drives_missing"),
        (503, "SlowDown", Unavailable, "s3.throttled"),
        (503, "ServiceUnavailable", Unavailable, "s3.unavailable"),
        (507, "XMinioStorageFull", Unavailable, "s3.disk_full"),
        (507, "507", Unavailable, "s3.disk_full"),
        (500, "InternalError", ServerError, "s3.server_error"),
        (400, "InvalidArgument", ServerError, "s3.server_error"),
        (418, "CodeOfTomorrow", ServerError, "s3.server_error"),
    ],
)
def test_a_refusal_of_the_store_has_a_kind(status: int, code: str, meaning: type, signature: str) -> None:
    found = known(refusal(status, code))

    assert type(found) is meaning
    assert found.signature == signature


@pytest.mark.parametrize("said", [{"BucketName": "lost"}, {"Resource": "/lost"}])
def test_a_bucket_that_is_not_there_is_named(said: dict[str, str]) -> None:
    error = refusal(404, "NoSuchBucket")
    error.response["Error"] |= said  # type: ignore[typeddict-item]

    assert str(known(error)).endswith(*said.values())


@pytest.mark.parametrize(
    ("operation", "signature"),
    [
        ("PutObject", "s3.writes_refused"),
        ("UploadPart", "s3.writes_refused"),
        ("CreateMultipartUpload", "s3.writes_refused"),
        ("GetObject", "s3.reads_refused"),
        ("HeadObject", "s3.reads_refused"),
        ("ListObjectsV2", "s3.server_error"),
    ],
)
def test_a_store_that_only_lists_is_told_from_one_that_does_not_serve(operation: str, signature: str) -> None:
    found = known(refusal(500, "InternalError", operation))

    assert found is not None
    assert found.signature == signature
    assert f"{operation}: HTTP 500 InternalError" in str(found)


def test_an_exception_of_nobody_we_know_is_left_alone() -> None:
    assert known(ValueError("mine")) is None


def test_a_store_that_is_gone_is_told_from_one_that_hangs() -> None:
    gone = EndpointConnectionError(endpoint_url="http://127.0.0.1:1")
    gone.__context__ = ConnectionRefusedError(111, "refused")
    hangs = ReadTimeoutError(endpoint_url="http://127.0.0.1:1")

    assert type(translated("s3", gone)) is Refused
    assert type(translated("s3", hangs)) is TimedOut


class Told(S3):
    """A client whose store answers each operation on a bucket as given: with a table, or with an error."""

    def __init__(self, answers: dict[str, Any], **expect: Any) -> None:
        usual = {"buckets": (), "versioning": "any", "exceptions": ()}
        super().__init__(Endpoints("s3", {"bucket": "artifacts"}, expect={**usual, **expect}))
        self.answers_of = answers

    def _ask(self, operation: str, **given: Any) -> Any:
        bucket = given.get("Bucket", self.bucket)
        asked = f"{operation} {given['Key']}" if "Key" in given else f"{operation} {bucket}"
        answer = self.answers_of.get(asked, Unavailable("s3", "nothing there", kind="not_set"))
        if isinstance(answer, Exception):
            raise answer
        return {"Body": io.BytesIO(answer)} if isinstance(answer, bytes) else answer


def listing(*keys: str, bucket: str = "artifacts", **changed: Any) -> dict[str, Any]:
    """The listing of a bucket with these objects, written ten days ago."""
    at = datetime.now(UTC) - timedelta(days=10)
    fine = {"Size": 1, "LastModified": at, "StorageClass": "STANDARD"}
    return {f"list_objects_v2 {bucket}": {"Contents": [{"Key": key, **fine, **changed} for key in keys]}}


INTERNAL = Unavailable("s3", "GetObject: HTTP 500 InternalError", kind="reads_refused")
KEY_GONE = Unavailable("s3", "GetObject: HTTP 400 KMS.DisabledException", kind="encryption_key_unusable")
MISSING = Unavailable("s3", "HTTP 404 NoSuchBucket", kind="bucket_missing")


@pytest.mark.parametrize(
    ("answers", "signature", "told"),
    [
        (listing(), "", ""),
        ({**listing("a", "b"), "get_object a": b"x", "get_object b": b"x"}, "", ""),
        (
            {**listing("a", "b"), "get_object a": b"x", "get_object b": INTERNAL},
            "s3.object_unreadable",
            "HTTP 500 InternalError: artifacts/b",
        ),
        ({**listing("a"), "get_object a": KEY_GONE}, "s3.object_unreadable", "KMS.DisabledException"),
        ({**listing("a"), "get_object a": TimedOut("s3", "no bytes came")}, "s3.object_unreadable", "no bytes came"),
        ({**listing("a"), "get_object a": Forbidden("s3", "not yours")}, "", ""),
        ({**listing("a"), "get_object a": Unavailable("s3", "gone", kind="object_missing")}, "", ""),
        ({**listing("a", StorageClass="GLACIER"), "get_object a": INTERNAL}, "", ""),
        ({**listing("pv/pv-20261130115212-8f09fe-1")}, "", ""),
    ],
)
def test_what_is_listed_can_be_read_or_says_why_not(answers: dict[str, Any], signature: str, told: str) -> None:
    seen, actual = "", ""
    try:
        Told(answers).can_be_used()
    except Wrong as wrong:
        seen, actual = wrong.signature, wrong.actual

    assert seen == signature
    assert told in actual


def test_a_further_bucket_that_the_platform_names_has_to_be_there() -> None:
    answers = {**listing(), "list_objects_v2 backups": MISSING}

    with pytest.raises(Unavailable) as raised:
        Told(answers, buckets=["backups"]).can_be_used()

    assert raised.value.signature == "s3.bucket_missing"


def test_of_many_objects_200_are_asked_and_many_faults_are_told_in_a_line() -> None:
    keys = [f"model-{n:03}" for n in range(300)]
    client = Told({**listing(*keys), **{f"get_object {key}": INTERNAL for key in keys}})

    with pytest.raises(Wrong) as raised:
        client.can_be_used()

    assert raised.value.actual.count("model-") == 5
    assert "and 195 more" in raised.value.actual
    assert "200 asked, 100 not" in raised.value.message


@pytest.mark.parametrize(
    ("expected", "is_now", "signature"),
    [
        ("any", {}, ""),
        ("Enabled", {"Status": "Enabled"}, ""),
        ("Enabled", {"Status": "Suspended"}, "s3.versioning_changed"),
        ("Disabled", {}, ""),
    ],
)
def test_versioning_is_as_the_platform_relies_on(expected: str, is_now: dict[str, str], signature: str) -> None:
    seen = ""
    try:
        Told({**listing(), "get_bucket_versioning artifacts": is_now}, versioning=expected).can_be_used()
    except Wrong as wrong:
        seen = wrong.signature

    assert seen == signature


def rule(**given: Any) -> dict[str, Any]:
    """A lifecycle rule that is in force."""
    return {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": ""}, **given}


MONTH = {"Expiration": {"Days": 30}}


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (None, ""),
        (rule(**MONTH), "artifacts/tidy: deletes objects everywhere after 30 days, the oldest in 20.0 days"),
        (rule(Expiration={"Days": 7}), "after 7 days, the oldest is due"),
        (rule(Expiration={"Date": datetime(2027, 1, 1, tzinfo=UTC)}), "on 2027-01-01"),
        (rule(Filter={"Prefix": "mlflow/"}, **MONTH), "deletes objects below 'mlflow/' after 30 days"),
        (
            {"ID": "old", "Status": "Enabled", "Prefix": "mlflow/", **MONTH},
            "artifacts/old: deletes objects below 'mlflow/'",
        ),
        (
            rule(Transitions=[{"Days": 60, "StorageClass": "GLACIER"}]),
            "moves objects everywhere to GLACIER after 60 days",
        ),
        (rule(Transitions=[{"Days": 60, "StorageClass": "STANDARD_IA"}]), ""),
        (rule(Filter={"Tag": {"Key": "temporary", "Value": "yes"}}, **MONTH), ""),
        (rule(Filter={"And": {"Prefix": "", "Tags": [{"Key": "t", "Value": "y"}]}}, **MONTH), ""),
        (rule(Filter={"Prefix": "pv/"}, **MONTH), ""),  # what we leave behind may go
        (rule(Status="Disabled", **MONTH), ""),
        (rule(AbortIncompleteMultipartUpload={"DaysAfterInitiation": 3}), ""),
        (rule(NoncurrentVersionExpiration={"NoncurrentDays": 30}), ""),
        (rule(Expiration={"ExpiredObjectDeleteMarker": True}), ""),
    ],
)
def test_a_rule_that_ends_artifacts_is_told_with_the_time_left(found: dict[str, Any] | None, told: str) -> None:
    rules = {"get_bucket_lifecycle_configuration artifacts": {"Rules": [found]}} if found else {}
    seen, actual = "", ""
    try:
        Told({**listing("a"), **rules}).keeps_artifacts()
    except Wrong as wrong:
        seen, actual = wrong.signature, wrong.actual

    assert seen == ("s3.artifacts_expire" if told else "")
    assert told in actual


def test_a_rule_may_be_as_it_is_by_its_name() -> None:
    answers = {**listing("a"), "get_bucket_lifecycle_configuration artifacts": {"Rules": [rule(**MONTH)]}}
    excepted = [{"match": "artifacts/tidy", "reason": "experiments are kept for a month, by contract"}]

    assert Told(answers, exceptions=excepted).keeps_artifacts() == []


@pytest.mark.parametrize("refused", [Forbidden("s3", "not yours"), NotAskable("s3", "501", kind="call_unknown")])
def test_what_we_may_not_see_is_not_held_against_the_store(refused: Exception) -> None:
    answers = {**listing("a"), "get_bucket_lifecycle_configuration artifacts": refused}

    assert Told(answers).keeps_artifacts() == []


@pytest.mark.parametrize("mode", [None, Mode.READ, Mode.WRITE])
def test_whether_nobody_may_write_is_only_asked_in_mode_write(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: Mode | None
) -> None:
    scope = mode and RunScope("pv-1", mode, "s3", Journal(tmp_path / "journal.jsonl"), itertools.count(1))
    client, everybody = S3(Endpoints("s3", {"bucket": "artifacts"}, scope=scope)), MagicMock()
    monkeypatch.setattr(client, "_ask", lambda *_, **__: {})
    monkeypatch.setattr(client, "_opened", lambda *_: everybody)

    allowed = client.without_credentials()

    assert allowed == ["list", "read", *(["write"] if mode is Mode.WRITE else [])]
    assert everybody.upload_part.called == (mode is Mode.WRITE)
