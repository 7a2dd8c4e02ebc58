"""One run with every outcome: what renderers, gate and judge are tried on.

Of seven components, PostgreSQL and a Kafka broker are gone and Elasticsearch hangs; MLflow and the
pipelines are blocked; Ray was not reached; Katib needs a cluster; one failure is waived.
"""

from __future__ import annotations

from gonogo.core.outcomes import Decision, Level, Mode, Outcome, Skip
from gonogo.results.model import (
    Cause,
    CheckResult,
    ComponentResult,
    CriterionResult,
    Evidence,
    FirstCause,
    Health,
    Odd,
    PodHealth,
    Results,
    RunInfo,
    Shortfall,
    Span,
    Storage,
    TargetInfo,
    Verdict,
    Waiver,
)

RUN = "pv-20250604120000-0a1b2c"
HOSTILE = "<script>alert('x')</script> & \"quotes\" \x1b[31mred\x1b[0m ünïcode ✓"
"""Text that a server could answer with; a renderer must show it and not run it."""

WAIVER = Waiver(
    owner="streaming team",
    reason="rebalancing is slow until the upgrade",
    expires="2025-12-31",
    link="https://tracker.example/142",
)


def sample_results() -> Results:
    """A judged run: every outcome, every level, causes, evidence, spans and a NO-GO."""
    return Results(
        run=_run(),
        target=_target(),
        components=_components(),
        criteria=_criteria(),
        checks=_checks(),
        health=_health(),
        spans=_spans(),
        verdict=_verdict(),
    )


def node(criterion: str) -> str:
    """The node id of the sample's one check of ``criterion``."""
    component, _, claim = criterion.partition(".")
    return f"suites/{component}/test_{component}.py::test_{claim}"


def _health() -> Health:
    return Health(
        strict=66.67,
        literal=75.0,
        healthy=2,
        unhealthy=1,
        excluded=1,
        succeeded=1,
        pods=4,
        running=3,
        formula="2 healthy / (4 pods − 1 succeeded − 0 terminating − 0 replaced)",
        storage=Storage(claims=3, bound=2),
        explain=(
            Odd(
                namespace="data",
                name="kafka-1",
                place=PodHealth.UNHEALTHY,
                phase="Running",
                reason="CrashLoop",
                message=f"exit code 1 {HOSTILE}",
            ),
        ),
        below=(Shortfall(kind="StatefulSet", namespace="data", name="kafka", desired=3, ready=2, reason="CrashLoop"),),
    )


def _run() -> RunInfo:
    return RunInfo(
        id=RUN,
        started="2025-06-04T12:00:00Z",
        finished="2025-06-04T12:01:12Z",
        seconds=72.4,
        argv=("pytest", "suites/"),
        mode=Mode.WRITE,
        gonogo="0.1.0",
        python="3.11.9",
        host={"system": "Linux 6.1", "cores": 2, "memory_gib": 16},
        git="64460f8",
        interrupted=True,
        overhead=0.011,
    )


def _target() -> TargetInfo:
    return TargetInfo(
        name="embedded",
        provider="embedded",
        modes=(Mode.READ, Mode.WRITE, Mode.DISRUPT),
        capabilities=("host", "disturb"),
        components=("kafka", "elasticsearch", "postgresql", "s3", "mlflow", "ray"),
        unsupported={"katib": "needs a cluster: no embedded server"},
        lacks={"katib": "kubernetes"},
    )


def _components() -> tuple[ComponentResult, ...]:
    return (
        ComponentResult(
            name="kafka",
            version="4.2.1",
            provider="embedded",
            transport="direct",
            endpoints={"bootstrap": "127.0.0.1:20101,127.0.0.1:20102,127.0.0.1:20103", "password": "***"},
            identity="5L6g3nShT-eMCtK--X86sw",
            expect={"brokers": 3, "voters": 3},
            answers=Outcome.PASSED,
            answers_at_end=Outcome.PASSED,
            message="3 brokers",
            ready_seconds=7.9,
        ),
        ComponentResult(
            name="elasticsearch",
            provider="embedded",
            transport="direct",
            endpoints={"url": "http://127.0.0.1:20110", "username": "elastic", "password": "***"},
            expect={"data_nodes": 2},
            answers=Outcome.BROKEN,
            cause=Cause(component="elasticsearch", signature="elasticsearch.timed_out"),
            message="no answer within 20 s",
        ),
        ComponentResult(
            name="postgresql",
            version="16.9",
            provider="embedded",
            transport="direct",
            endpoints={"host": "127.0.0.1", "port": "20120", "password": "***"},
            identity="7361245512340912345",
            answers=Outcome.FAILED,
            cause=Cause(component="postgresql", signature="postgresql.process_gone"),
            message="the server process ended with signal 9",
            ready_seconds=1.4,
        ),
        ComponentResult(
            name="s3",
            version="4.48",
            provider="embedded",
            transport="direct",
            endpoints={"endpoint": "http://127.0.0.1:20130", "bucket": "mlflow-artifacts", "secret_key": "***"},
            answers=Outcome.PASSED,
            answers_at_end=Outcome.PASSED,
            ready_seconds=2.2,
        ),
        ComponentResult(
            name="mlflow",
            provider="embedded",
            needs=("postgresql", "s3"),
            answers=Outcome.BLOCKED,
            message="postgresql does not answer",
        ),
        ComponentResult(name="ray", provider="embedded", expect={"workers": 2}),
    )


def _criteria() -> tuple[CriterionResult, ...]:
    critical, important, optional = Level
    lost = "the server process ended with signal 9"
    return (
        _criterion("kafka.answers", critical, "Kafka answers an authenticated client through its data path"),
        _criterion(
            "kafka.brokers",
            critical,
            "Every expected broker is unfenced",
            outcome=Outcome.FAILED,
            reason="a broker is gone: expected 3 brokers, saw {1, 3}",
        ),
        _criterion(
            "kafka.groups",
            important,
            "Two consumers of a group share a topic, none lost or doubled",
            outcome=Outcome.WAIVED,
            reason="expected 100 records, saw 98; waived until 2025-12-31 by streaming team: "
            "rebalancing is slow until the upgrade",
            waiver=WAIVER,
        ),
        _criterion(
            "kafka.broker_lost",
            important,
            "No acknowledged record is lost with a broker",
            outcome=Outcome.SKIPPED,
            reason="needs --mode disrupt",
            skip=Skip.MODE,
            wants=Mode.DISRUPT,
        ),
        _criterion(
            "elasticsearch.answers",
            critical,
            "Elasticsearch answers an authenticated client",
            outcome=Outcome.BROKEN,
            reason="no answer within 20 s",
        ),
        _criterion(
            "postgresql.answers",
            critical,
            "The application's role reaches its database",
            outcome=Outcome.FAILED,
            reason=lost,
        ),
        _criterion("s3.answers", critical, "The object store answers a signed request"),
        _criterion("s3.multipart", important, "An object uploaded in parts is whole"),
        _criterion(
            "mlflow.answers",
            critical,
            "MLflow answers",
            outcome=Outcome.BLOCKED,
            reason="blocked by postgresql.answers: postgresql does not answer",
            blocked_by="postgresql.answers",
        ),
        _criterion(
            "ray.answers",
            critical,
            "Ray answers a client",
            outcome=Outcome.MISSING,
            reason="no result: the run was interrupted",
        ),
        _criterion(
            "ray.dashboard",
            optional,
            "Ray's dashboard shows its nodes",
            outcome=Outcome.MISSING,
            reason="no result: the run was interrupted",
        ),
        _criterion(
            "katib.answers",
            critical,
            "Katib's controller reconciles an experiment",
            outcome=Outcome.UNSUPPORTED,
            reason="needs a cluster: no embedded server",
            lacks="kubernetes",
        ),
        _criterion(
            "pipelines.ml",
            optional,
            "A model trained by a Ray job is found in MLflow and in the object store",
            outcome=Outcome.BLOCKED,
            reason="blocked by postgresql.answers: MLflow answered HTTP 500",
            blocked_by="postgresql.answers",
        ),
    )


def _criterion(
    id: str,
    level: Level,
    claim: str,
    outcome: Outcome = Outcome.PASSED,
    reason: str = "",
    blocked_by: str | None = None,
    waiver: Waiver | None = None,
    skip: Skip | None = None,
    wants: Mode | None = None,
    lacks: str = "",
) -> CriterionResult:
    return CriterionResult(
        id=id,
        level=level,
        component=id.partition(".")[0],
        claim=claim,
        plan="3.2 Data services",
        outcome=outcome,
        reason=reason,
        blocked_by=blocked_by,
        waiver=waiver,
        checks=(node(id),),
        skip=skip,
        wants=wants,
        lacks=lacks,
    )


def _checks() -> tuple[CheckResult, ...]:
    return (
        _check("kafka.answers", expected="an answer", actual="3 brokers"),
        _check(
            "kafka.brokers",
            outcome=Outcome.FAILED,
            expected="3 brokers",
            actual="{1, 3}",
            message="a broker is gone: expected 3 brokers, saw {1, 3}",
            cause=Cause(component="kafka", signature="kafka.broker_missing"),
            hint="A broker is fenced or gone; look at its log and whether its disk is full.",
            by_hand="kafka-broker-api-versions.sh --bootstrap-server 127.0.0.1:20101",
            evidence=(
                Evidence(kind="log", title="broker-2's last lines", text=f"[12:00:31] ERROR {HOSTILE}\n" * 3),
                Evidence(kind="answer", title="metadata", text='{"brokers": [1, 3]}', truncated=True),
                Evidence(kind="file", title="the whole log", path="evidence/kafka-broker-2.log"),
            ),
        ),
        _check(
            "kafka.groups",
            outcome=Outcome.FAILED,
            expected="100 records",
            actual="98",
            message="expected 100 records, saw 98",
            cause=Cause(component="kafka", signature="kafka.record_lost"),
            hint="A consumer committed before it had processed.",
        ),
        _check(
            "kafka.broker_lost",
            outcome=Outcome.SKIPPED,
            message="needs --mode disrupt",
            skip=Skip.MODE,
            wants=Mode.DISRUPT,
        ),
        _check(
            "elasticsearch.answers",
            outcome=Outcome.BROKEN,
            message="no answer within 20 s",
            cause=Cause(component="elasticsearch", signature="elasticsearch.timed_out"),
            hint="The server hangs, or something drops packets on the way.",
            by_hand="gonogo status",
            seconds=20.0,
            attempts=3,
        ),
        _check(
            "postgresql.answers",
            outcome=Outcome.FAILED,
            expected="an answer",
            message="the server process ended with signal 9",
            cause=Cause(component="postgresql", signature="postgresql.process_gone"),
            hint="The process was killed; look for the kernel's out-of-memory message.",
            by_hand="dmesg | tail",
        ),
        _check("s3.answers", expected="200", actual="200"),
        _check("s3.multipart", expected="sha256 9f86d081…", actual="sha256 9f86d081…", seconds=1.25),
        _check("mlflow.answers", outcome=Outcome.BLOCKED, message="postgresql does not answer"),
        _check(
            "katib.answers",
            outcome=Outcome.UNSUPPORTED,
            message="needs a cluster: no embedded server",
            lacks="kubernetes",
        ),
        _check(
            "pipelines.ml",
            outcome=Outcome.FAILED,
            uses=("ray", "mlflow", "s3"),
            message="MLflow answered HTTP 500",
            cause=Cause(component="mlflow", signature="mlflow.unavailable"),
        ),
    )


def _check(
    criterion: str,
    outcome: Outcome = Outcome.PASSED,
    *,
    uses: tuple[str, ...] = (),
    expected: str = "",
    actual: str = "",
    message: str = "",
    cause: Cause | None = None,
    hint: str = "",
    by_hand: str = "",
    evidence: tuple[Evidence, ...] = (),
    seconds: float = 0.3,
    attempts: int = 1,
    skip: Skip | None = None,
    wants: Mode | None = None,
    lacks: str = "",
) -> CheckResult:
    component = criterion.partition(".")[0]
    return CheckResult(
        nodeid=node(criterion),
        criteria=(criterion,),
        component=component,
        uses=uses or (component,),
        outcome=outcome,
        expected=expected,
        actual=actual,
        message=message,
        cause=cause,
        hint=hint,
        by_hand=by_hand,
        evidence=evidence,
        started="2025-06-04T12:00:30Z",
        seconds=seconds,
        attempts=attempts,
        transport="direct",
        skip=skip,
        wants=wants,
        lacks=lacks,
    )


def _spans() -> tuple[Span, ...]:
    return (
        Span(name="fetch kafka", kind="fetch", component="kafka", started=0.2, seconds=12.0, critical_path=True),
        Span(name="start kafka", kind="deploy", component="kafka", started=12.2, seconds=1.1, critical_path=True),
        Span(name="kafka ready", kind="wait", component="kafka", started=13.3, seconds=6.8, critical_path=True),
        Span(name="start postgresql", kind="deploy", component="postgresql", started=0.3, seconds=1.4),
        Span(name="kafka.brokers", kind="check", component="kafka", started=20.4, seconds=0.3, critical_path=True),
        Span(
            name="elasticsearch.answers",
            kind="check",
            component="elasticsearch",
            started=20.4,
            seconds=20.0,
            critical_path=True,
        ),
        Span(name="take down", kind="teardown", started=66.1, seconds=5.9, critical_path=True),
    )


def _verdict() -> Verdict:
    reason = (
        "postgresql.answers failed: the server process ended with signal 9; "
        "also kafka.brokers failed, elasticsearch.answers broken, ray.answers missing; 1 blocked; "
        "the run was interrupted"
    )
    counts = {level.value: {outcome.value: 0 for outcome in Outcome} for level in Level}
    for criterion in _criteria():
        counts[criterion.level][criterion.outcome] += 1
    return Verdict(
        decision=Decision.NO_GO,
        reason=reason,
        headline=f"NO-GO: {reason}",
        code=1,
        counts=counts,
        first_causes=(
            _first("postgresql.answers", "postgresql.process_gone", "the server process ended with signal 9"),
            _first("kafka.brokers", "kafka.broker_missing", "a broker is gone: expected 3 brokers, saw {1, 3}"),
            _first("elasticsearch.answers", "elasticsearch.timed_out", "no answer within 20 s"),
        ),
        unsupported={"katib.answers": "needs a cluster: no embedded server"},
        waived=("kafka.groups",),
    )


def _first(criterion: str, signature: str, message: str) -> FirstCause:
    return FirstCause(component=criterion.partition(".")[0], signature=signature, criterion=criterion, message=message)
