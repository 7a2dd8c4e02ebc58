"""A server's own code is the cause: what each comes to, outcome and signature, by where the server documents it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import botocore.exceptions
import elastic_transport
import elasticsearch
import httpx
import kafka.errors
import neo4j.exceptions
import psycopg.errors
import pytest

from fixtures import elasticsearch as of_elasticsearch
from fixtures import kafka as of_kafka
from fixtures import mlflow as of_mlflow
from fixtures import neo4j as of_neo4j
from fixtures import postgresql as of_postgresql
from fixtures import s3 as of_s3
from gonogo.catalog.registry import Registry
from gonogo.core.errors import ClientError, ending


class Told(NamedTuple):
    """How a server tells its codes, and what they come to; ``unknown`` is one that no table knows."""

    source: str
    make: Callable[[Any], ClientError | None]
    codes: Mapping[Any, tuple[str, str]]
    unknown: Any


def of_state(state: str) -> ClientError | None:
    class Other(psycopg.Error):
        sqlstate = state  # type: ignore[misc]

    return of_postgresql.known(Other("a sentence"))


def of_status(code: str) -> ClientError | None:
    return of_neo4j.known(neo4j.exceptions.Neo4jError._hydrate_neo4j(code=code, message="a sentence"))


def of_number(code: int) -> ClientError | None:
    return of_kafka.known(kafka.errors.for_code(code)("a sentence"))


def of_type(told: tuple[int, str, str]) -> ClientError | None:
    status, kind, reason = told
    meta = elastic_transport.ApiResponseMeta(
        status, "1.1", elastic_transport.HttpHeaders(), 0.1, elastic_transport.NodeConfig("http", "es", 9200)
    )
    inner = {"type": kind, "reason": reason}
    body = {"error": {**inner, "root_cause": [inner]}, "status": status}
    return of_elasticsearch.known(elasticsearch.ApiError(kind, meta=meta, body=body))


def of_refusal(told: tuple[int, str, str]) -> ClientError | None:
    status, code, operation = told
    answer: Any = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return of_s3.known(botocore.exceptions.ClientError(answer, operation))


def of_answer(told: tuple[int, str, str]) -> ClientError | None:
    status, code, message = told
    request = httpx.Request("POST", "http://mlflow/api/2.0/mlflow/runs/create")
    body = json.dumps({"error_code": code, "message": message})
    found = of_mlflow.refusal(httpx.Response(status, text=body, request=request))
    assert found is None or isinstance(found, ClientError)
    return found


FAILED, BROKEN = "failed", "broken"

POSTGRESQL = Told(
    "PostgreSQL's manual, appendix A; 26000 and 42P05 also PgBouncer's FAQ",
    of_state,
    {
        "22021": (FAILED, "encoding_refused"),
        "25006": (FAILED, "read_only"),
        "26000": (FAILED, "prepared_statement_lost"),
        "28000": (BROKEN, "credentials_refused"),
        "28P01": (BROKEN, "credentials_refused"),
        "3D000": (FAILED, "database_missing"),
        "3F000": (FAILED, "search_path"),
        "40001": (FAILED, "conflict"),
        "40P01": (FAILED, "deadlock"),
        "42501": (BROKEN, "right_missing"),
        "42P01": (FAILED, "table_missing"),
        "53100": (FAILED, "disk_full"),
        "53200": (FAILED, "memory_exhausted"),
        "53300": (FAILED, "connections_exhausted"),
        "53400": (FAILED, "limit_of_settings"),
        "53999": (FAILED, "resources_exhausted"),
        "54000": (FAILED, "limit_exceeded"),
        "55P03": (FAILED, "lock_timeout"),
        "57014": (FAILED, "statement_cancelled"),
        "57P01": (FAILED, "shutting_down"),
        "57P03": (FAILED, "starting"),
        "58030": (FAILED, "storage_error"),
        "XX001": (FAILED, "corrupted"),
    },
    "42883",
)
NEO4J = Told(
    "Neo4j's Status.java, 4.4 and 5",
    of_status,
    {
        "Neo.ClientError.Security.Unauthorized": (BROKEN, "credentials_refused"),
        "Neo.ClientError.Security.AuthenticationRateLimit": (BROKEN, "account_locked"),
        "Neo.ClientError.Security.CredentialsExpired": (BROKEN, "password_expired"),
        "Neo.ClientError.Security.Forbidden": (BROKEN, "right_missing"),
        "Neo.ClientError.Database.DatabaseNotFound": (FAILED, "database_missing"),
        "Neo.ClientError.Database.DatabaseLimitReached": (FAILED, "limit_reached"),
        "Neo.ClientError.Cluster.NotALeader": (FAILED, "no_leader"),
        "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase": (FAILED, "read_only"),
        "Neo.ClientError.General.WriteOnReadOnlyAccessDatabase": (FAILED, "read_only"),
        "Neo.ClientError.Statement.AccessMode": (FAILED, "read_only"),
        "Neo.ClientError.Transaction.LockClientStopped": (FAILED, "writes_blocked"),
        "Neo.ClientError.Transaction.TransactionTimedOut": (FAILED, "writes_blocked"),
        "Neo.ClientError.Transaction.Terminated": (FAILED, "transaction_ended"),
        "Neo.TransientError.Transaction.DeadlockDetected": (FAILED, "deadlock"),
        "Neo.TransientError.Database.DatabaseUnavailable": (FAILED, "database_not_online"),
        "Neo.TransientError.General.DatabaseUnavailable": (FAILED, "database_not_online"),
        "Neo.TransientError.General.MemoryPoolOutOfMemoryError": (FAILED, "memory_limit"),
        "Neo.TransientError.General.TransactionOutOfMemoryError": (FAILED, "memory_limit"),
        "Neo.TransientError.General.OutOfMemoryError": (FAILED, "heap_exhausted"),
        "Neo.TransientError.Request.NoThreadsAvailable": (FAILED, "threads_exhausted"),
        "Neo.TransientError.Transaction.MaximumTransactionLimitReached": (FAILED, "transactions_exhausted"),
        "Neo.DatabaseError.Transaction.TransactionLogError": (FAILED, "log_unwritable"),
        "Neo.DatabaseError.General.StorageDamageDetected": (FAILED, "store_damaged"),
        "Neo.ClientError.Procedure.ProcedureNotFound": (FAILED, "procedure_missing"),
        "Neo.ClientError.Statement.SyntaxError": (BROKEN, "statement_unknown"),
    },
    "Neo.DatabaseError.General.UnknownError",
)
KAFKA = Told(
    "org.apache.kafka.common.protocol.Errors",
    of_number,
    {
        1: (FAILED, "records_gone"),
        2: (FAILED, "record_corrupted"),
        3: (FAILED, "topic_missing"),
        5: (FAILED, "partition_offline"),
        6: (FAILED, "leader_moves"),
        8: (FAILED, "broker_missing"),
        10: (FAILED, "record_refused"),
        12: (FAILED, "offsets_refused"),
        14: (FAILED, "group_coordinator_missing"),
        15: (FAILED, "group_coordinator_missing"),
        16: (FAILED, "group_coordinator_missing"),
        19: (FAILED, "not_enough_replicas"),
        20: (FAILED, "not_enough_replicas"),
        25: (FAILED, "group_unbalanced"),
        29: (BROKEN, "right_missing"),
        30: (BROKEN, "right_missing"),
        31: (BROKEN, "right_missing"),
        33: (BROKEN, "credentials_refused"),
        35: (BROKEN, "call_unknown"),
        38: (FAILED, "replication_impossible"),
        41: (FAILED, "quorum_without_leader"),
        44: (FAILED, "policy_refuses"),
        53: (BROKEN, "right_missing"),
        56: (FAILED, "log_dir_offline"),
        58: (BROKEN, "credentials_refused"),
        66: (BROKEN, "token_expired"),
        74: (FAILED, "leader_moves"),
        81: (FAILED, "group_full"),
        82: (FAILED, "group_unbalanced"),
        87: (FAILED, "record_refused"),
        88: (FAILED, "group_coordinator_missing"),
        89: (FAILED, "throttled"),
        100: (FAILED, "topic_missing"),
    },
    42,
)
ELASTICSEARCH = Told(
    "Elasticsearch's ElasticsearchException, IndexMetadata, Metadata and ShardLimitValidator",
    of_type,
    {
        (429, "circuit_breaking_exception", "[parent] Data too large"): (FAILED, "circuit_breaker"),
        (429, "es_rejected_execution_exception", "rejected execution"): (FAILED, "queue_full"),
        (403, "cluster_block_exception", "blocked by: [FORBIDDEN/8/index write (api)];"): (FAILED, "index_read_only"),
        (429, "cluster_block_exception", "[TOO_MANY_REQUESTS/12/disk usage exceeded]"): (FAILED, "index_read_only"),
        (403, "cluster_block_exception", "blocked by: [FORBIDDEN/6/read only];"): (FAILED, "cluster_read_only"),
        (503, "cluster_block_exception", "blocked by: [SERVICE_UNAVAILABLE/2/no master];"): (
            FAILED,
            "master_not_discovered",
        ),
        (503, "master_not_discovered_exception", ""): (FAILED, "master_not_discovered"),
        (503, "process_cluster_event_timeout_exception", "failed to process"): (FAILED, "tasks_pending"),
        (400, "validation_exception", "this action would add [2] shards, but [10]/[10] maximum shards open"): (
            FAILED,
            "shards_full",
        ),
        (400, "index_closed_exception", "closed"): (FAILED, "index_closed"),
        (404, "index_not_found_exception", "no such index [a]"): (FAILED, "index_missing"),
        (503, "no_shard_available_action_exception", "No shard available"): (FAILED, "shard_unassigned"),
        (503, "unavailable_shards_exception", "primary shard is not active"): (FAILED, "shard_unassigned"),
        (500, "node_disconnected_exception", "[es-2] disconnected"): (FAILED, "node_missing"),
        (500, "corrupt_index_exception", "checksum failed"): (FAILED, "index_damaged"),
        (500, "i_o_exception", "No space left on device"): (FAILED, "disk_unwritable"),
        (400, "illegal_argument_exception", "Limit of total fields [1000] has been exceeded"): (FAILED, "fields_full"),
        (401, "security_exception", "unable to authenticate user"): (BROKEN, "credentials_refused"),
        (403, "security_exception", "action is unauthorized"): (BROKEN, "right_missing"),
    },
    (500, "null_pointer_exception", "cannot invoke"),
)
S3 = Told(
    "S3's API reference, MinIO's api-errors.go, SeaweedFS's s3err, Ceph's rgw_common",
    of_refusal,
    {
        (503, "SlowDown", "GetObject"): (FAILED, "throttled"),
        (429, "", "PutObject"): (FAILED, "throttled"),
        (403, "QuotaExceeded", "PutObject"): (FAILED, "quota_exceeded"),
        (507, "InsufficientStorage", "PutObject"): (FAILED, "disk_full"),
        (507, "XMinioStorageFull", "PutObject"): (FAILED, "disk_full"),
        (404, "NoSuchBucket", "ListObjectsV2"): (FAILED, "bucket_missing"),
        (404, "NoSuchKey", "GetObject"): (FAILED, "object_missing"),
        (403, "RequestTimeTooSkewed", "ListObjectsV2"): (BROKEN, "clock_skewed"),
        (400, "ExpiredToken", "ListObjectsV2"): (BROKEN, "token_expired"),
        (403, "AccountProblem", "ListObjectsV2"): (BROKEN, "account_closed"),
        (403, "InvalidObjectState", "GetObject"): (FAILED, "object_archived"),
        (403, "InvalidAccessKeyId", "ListObjectsV2"): (BROKEN, "credentials_refused"),
        (403, "AccessDenied", "PutObject"): (BROKEN, "right_missing"),
        (400, "BadDigest", "PutObject"): (FAILED, "body_altered"),
        (413, "", "PutObject"): (FAILED, "size_refused"),
        (400, "EntityTooLarge", "PutObject"): (FAILED, "size_refused"),
        (500, "InternalError", "PutObject"): (FAILED, "writes_refused"),
        (500, "InternalError", "GetObject"): (FAILED, "reads_refused"),
        (503, "XMinioServerNotInitialized", "ListObjectsV2"): (FAILED, "starting"),
        (503, "SlowDownWrite", "PutObject"): (FAILED, "drives_missing"),
        (501, "NotImplemented", "GetBucketVersioning"): (BROKEN, "call_unknown"),
    },
    (500, "InternalError", "ListObjectsV2"),
)
MLFLOW = Told(
    "MLflow's databricks.proto ErrorCode and exceptions.py; psycopg's classes for SQLSTATE",
    of_answer,
    {
        (404, "RESOURCE_DOES_NOT_EXIST", "No Experiment with id=7"): (FAILED, "object_gone"),
        (400, "RESOURCE_ALREADY_EXISTS", "Experiment(name=a) already exists"): (FAILED, "key_taken"),
        (429, "RESOURCE_EXHAUSTED", "wait"): (FAILED, "limit_exceeded"),
        (429, "REQUEST_LIMIT_EXCEEDED", "wait"): (FAILED, "limit_exceeded"),
        (429, "RESOURCE_LIMIT_EXCEEDED", "wait"): (FAILED, "limit_exceeded"),
        (403, "PERMISSION_DENIED", "Permission denied"): (BROKEN, "right_missing"),
        (401, "UNAUTHENTICATED", "who are you"): (BROKEN, "credentials_refused"),
        (404, "ENDPOINT_NOT_FOUND", "no such endpoint"): (FAILED, "endpoint_missing"),
        (501, "NOT_IMPLEMENTED", "not with this store"): (FAILED, "feature_disabled"),
        (503, "TEMPORARILY_UNAVAILABLE", "a message"): (FAILED, "database_unreachable"),
        (500, "INTERNAL_ERROR", "(psycopg2.errors.UniqueViolation) duplicate key"): (FAILED, "key_taken"),
        (500, "INTERNAL_ERROR", "(psycopg2.errors.ReadOnlySqlTransaction) cannot"): (FAILED, "database_read_only"),
        (500, "INTERNAL_ERROR", "(psycopg2.errors.UndefinedTable) relation"): (FAILED, "schema_differs"),
        (500, "INTERNAL_ERROR", "(psycopg2.errors.DiskFull) no space"): (FAILED, "database_full"),
        (500, "INTERNAL_ERROR", "(psycopg2.errors.LockNotAvailable) lock"): (FAILED, "database_locked"),
        (500, "INTERNAL_ERROR", "(psycopg2.errors.QueryCanceled) timeout"): (FAILED, "database_cancelled"),
    },
    (500, "INTERNAL_ERROR", "list index out of range"),
)
SERVERS = {
    "postgresql": POSTGRESQL,
    "neo4j": NEO4J,
    "kafka": KAFKA,
    "elasticsearch": ELASTICSEARCH,
    "s3": S3,
    "mlflow": MLFLOW,
}
EACH = [(name, code, *comes) for name, one in SERVERS.items() for code, comes in one.codes.items()]


@pytest.mark.parametrize(("component", "code", "outcome", "kind"), EACH)
def test_a_code_comes_to_an_outcome_and_a_cause(component: str, code: Any, outcome: str, kind: str) -> None:
    found = SERVERS[component].make(code)

    assert found is not None
    assert (ending(found).outcome, found.signature) == (outcome, f"{component}.{kind}")


@pytest.mark.parametrize("component", SERVERS)
def test_a_code_that_no_table_knows_is_failed_with_code_and_text(component: str) -> None:
    code = SERVERS[component].unknown
    named = code[1] if isinstance(code, tuple) else kafka.errors.for_code(code).message if code == 42 else code

    found = SERVERS[component].make(code)

    assert found is not None
    assert (ending(found).outcome, found.signature) == ("failed", f"{component}.server_error")
    assert named in str(found)
    assert found.facts == {"code": named}


@pytest.mark.parametrize("component", SERVERS)
def test_every_kind_has_a_hint_of_its_own_or_a_general_one(component: str) -> None:
    registry = Registry.load(Path(__file__).parent.parent)
    causes = {f"{component}.{kind}" for _, kind in SERVERS[component].codes.values()}

    assert SERVERS[component].source
    assert {one for one in causes if not registry.signature(one).hint} == set()
