"""A token that a server refused: expired by its own word, or not accepted, with what it says of itself."""

from __future__ import annotations

from datetime import UTC, datetime

from gonogo.catalog.credentials import claims, ends
from gonogo.core.errors import ClientError


def expired(token: str) -> bool:
    """Whether a token has expired by its own word."""
    end = ends(token)
    return end is not None and end <= datetime.now(UTC)


def refused(meant: ClientError, token: str) -> ClientError:
    """The refusal ``meant`` of a log-in with this token, with the cause that the token itself tells."""
    end, over = ends(token), expired(token)
    said = [f"the token {'expired' if over else 'ends'} at {end:%Y-%m-%d %H:%M:%S} UTC"] if end else []
    told = claims(token)
    said += [f"{name} {told[key]}" for key, name in (("iss", "of issuer"), ("aud", "for audience")) if key in told]
    kind = "token_expired" if over else "token_refused"
    return type(meant)(meant.component, "; ".join((str(meant), ", ".join(said))) if said else str(meant), kind=kind)
