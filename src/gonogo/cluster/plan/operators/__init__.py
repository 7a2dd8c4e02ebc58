"""What operators make of their kinds, a module per operator: the one place of the code that names such kinds."""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.cluster.plan.demand import Expander
from gonogo.cluster.plan.operators import cloudnativepg, doris, elastic, ray, strimzi, superset

EXPANDERS: Mapping[str, Expander] = {
    kind: one
    for module in (cloudnativepg, doris, elastic, ray, strimzi, superset)
    for kind, one in module.KINDS.items()
}
"""By kind, as a world knows it."""

PODLESS = frozenset({*cloudnativepg.PODLESS, *elastic.PODLESS, *strimzi.PODLESS})
"""Their kinds of which nobody makes pods."""
