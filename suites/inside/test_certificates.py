"""What is shown where TLS is spoken: one suite for every component that makes this claim."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gonogo import expect, nothing
from gonogo.checks.certificates import holding
from gonogo.core.endpoints import Endpoints


@pytest.mark.criterion("*.certificates")
@pytest.mark.needs("tls")
def test_certificates_hold(component: str, endpoints: Callable[[str], Endpoints]) -> None:
    """The certificates that it shows, its authority's and our own hold for days to come."""
    at = endpoints(component)
    days = at.expect["certificate_days"]

    soon = [one for one in holding(at) if one.days < days]

    expect(list(map(str, soon)), nothing(), cause=f"{component}.certificate_expires", message=f"within {days} days")
