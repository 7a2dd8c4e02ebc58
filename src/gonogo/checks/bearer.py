"""A token that a server refused: expired by its own word, or not accepted, with what it says of itself."""

from __future__ import annotations

from datetime import UTC, datetime

from gonogo.catalog.credentials import claims, ends
from gonogo.core.errors import ClientError


def refused(meant: ClientError, token: str) -> ClientError:
    """The refusal ``meant`` of a log-in with this token, with the cause that the token itself tells."""
    end = ends(token)
    expired = end is not None and end <= datetime.now(UTC)
    said = [f"the token {'expired' if expired else 'ends'} at {end:%Y-%m-%d %H:%M:%S} UTC"] if end else []
    told = claims(token)
    said += [f"{name} {told[key]}" for key, name in (("iss", "of issuer"), ("aud", "for audience")) if key in told]
    kind = "token_expired" if expired else "token_refused"
    return type(meant)(meant.component, "; ".join((str(meant), ", ".join(said))) if said else str(meant), kind=kind)
