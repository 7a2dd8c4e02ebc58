"""The path of a dashboard that is always fresh: Kafka carries records, Doris loads them, Superset shows them."""

from __future__ import annotations

import pytest

from fixtures import paths
from fixtures.doris import Doris
from fixtures.kafka import Kafka
from fixtures.superset import Superset
from gonogo import expect


@pytest.mark.criterion("pipelines.streaming_to_dashboard")
@pytest.mark.writes
def test_records_reach_a_dashboard(kafka: Kafka, doris: Doris, superset: Superset) -> None:
    """Records produced to Kafka are rows of Doris by a routine load, and the same rows in Superset's SQL Lab."""
    path = paths.dashboard(kafka, doris, superset, records=10)

    expect(path.walked, [*paths.STREAMING], cause="doris.rows_lost", message=path.latency)
