"""The published JSON Schemas of what verbs print for programs (``-o json``), derived from their structs.

``python -m gonogo.commands.schemas reports/schemas`` publishes them anew; a test holds the two together, and what every
verb really prints against them. A field may be added; where one goes or changes its meaning, the schema is another one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from gonogo.commands.components import ComponentsAnswer
from gonogo.commands.doctor import DoctorAnswer
from gonogo.commands.drill import DrillAnswer, DrillListAnswer
from gonogo.commands.explain import ExplainAnswer
from gonogo.commands.gate import EachAnswer, GateAnswer
from gonogo.commands.health import HealthAnswer, HealthWatchAnswer
from gonogo.commands.plan import PlanAnswer
from gonogo.commands.planning import ClusterPlanAnswer
from gonogo.commands.preflight import PreflightAnswer
from gonogo.commands.rollback import RollbackAnswer
from gonogo.commands.status import StatusAnswer
from gonogo.commands.sweep import SweepAnswer
from gonogo.commands.written import WrittenAnswer
from gonogo.core.atomic import write_atomically
from gonogo.core.outcomes import Struct

ANSWERS: tuple[type[Struct], ...] = (
    *(ComponentsAnswer, DoctorAnswer, DrillAnswer, DrillListAnswer, EachAnswer, ExplainAnswer, GateAnswer),
    *(
        HealthAnswer,
        HealthWatchAnswer,
        PlanAnswer,
        ClusterPlanAnswer,
        PreflightAnswer,
        RollbackAnswer,
        StatusAnswer,
        SweepAnswer,
        WrittenAnswer,
    ),
)


def schemas() -> Mapping[str, bytes]:
    """File name to JSON Schema 2020-12, indented for review."""
    found = {}
    for answer in ANSWERS:
        (field,) = (one for one in msgspec.structs.fields(answer) if one.name == "schema")
        head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": field.default}
        shape = json.dumps(head | msgspec.json.schema(answer), indent=2, ensure_ascii=False)
        found[f"{field.default.split('/')[1]}.schema.json"] = shape.encode() + b"\n"
    return found


if __name__ == "__main__":
    for name, schema in schemas().items():
        write_atomically(Path(sys.argv[1]) / name, schema)
