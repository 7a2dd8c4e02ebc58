"""The platform as a whole: its URLs from outside and inside, who reaches whom, and its storage."""

from __future__ import annotations

import pytest

from fixtures.platform import Platform
from gonogo import containing, expect, nothing


@pytest.mark.criterion("platform.answers")
@pytest.mark.needs("kubernetes")
def test_there_is_a_pod_that_asks_from_inside(platform: Platform) -> None:
    """The cluster shows a ready pod from which the inside is asked."""
    expect(platform.answers(), containing("ask from inside"), cause="platform.answer_garbled")


@pytest.mark.criterion("platform.urls")
@pytest.mark.needs("kubernetes")
def test_every_url_leads_to_its_application(platform: Platform) -> None:
    """Every URL resolves, shows a certificate that is trusted, and leads to its own application, without plain http."""
    seen = platform.outside()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="wrong from outside")


@pytest.mark.criterion("platform.urls_inside")
@pytest.mark.needs("kubernetes", "exec")
def test_every_url_leads_to_its_application_from_inside(platform: Platform) -> None:
    """The same of addresses for programs of the platform, asked from one of its pods."""
    seen = platform.inside()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="wrong from inside")


@pytest.mark.criterion("platform.certificates")
@pytest.mark.needs("kubernetes")
def test_certificates_of_the_urls_hold_for_days_to_come(platform: Platform) -> None:
    """No certificate that a URL shows expires within the expected days."""
    seen = platform.ending()

    expect(seen.faults, nothing(), cause="platform.certificate_ends", message="expiring")


@pytest.mark.criterion("platform.reach")
@pytest.mark.needs("kubernetes", "exec")
def test_every_consumer_reaches_its_providers(platform: Platform) -> None:
    """A connection comes about from a pod of each consumer to each Service that it needs."""
    seen = platform.unreached()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="not reached")


@pytest.mark.criterion("platform.storage")
@pytest.mark.needs("kubernetes")
def test_claims_have_what_is_planned(platform: Platform) -> None:
    """The claims are of the planned class, and have as much as planned, all together."""
    seen = platform.storage()

    expect(seen.wrong, nothing(), cause=seen.cause, facts=seen.facts, message="not as planned")
