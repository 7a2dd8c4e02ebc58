"""What a path across components is told by a program of its own."""

from __future__ import annotations

import pytest

from fixtures.paths import refused


@pytest.mark.parametrize(
    ("logs", "said"),
    [
        ("loading\n" + '{"mlflow_refused": "PUT /a: HTTP 403 no"}\n', "PUT /a: HTTP 403 no"),
        ('{"mlflow_refused": "PUT /a"}\nTraceback\n', "PUT /a"),
        ('sys.exit(json.dumps({"mlflow_refused": said}))\ndone\n', ""),
        ('[1]\n{"other": 1}\n"mlflow_refused"\n', ""),
        ("", ""),
    ],
)
def test_what_mlflow_refused_a_job_is_its_own_line_of_json(logs: str, said: str) -> None:
    assert refused(logs) == said
