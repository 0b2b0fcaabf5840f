"""Browsers of other origins, when the configuration lets them in (LITELLM_CORS_ORIGINS): the Fetch standard's preflight
and the header that lets a page read the answer. Keys are sent by pages as headers, never as cookies: no credentials.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.gateway.inbound import Inbound

MAX_AGE_S = 600


async def crossed(inbound: Inbound, origins: Sequence[str]) -> bool:
    """Mark the answer as readable for the page's origin; True when this was a preflight, which is answered."""
    origin = inbound.header("origin")
    if origin is None or not ("*" in origins or origin in origins):
        return False
    allowed = "*" if "*" in origins else origin
    inbound.extra = [("access-control-allow-origin", allowed), ("vary", "origin")]
    if inbound.method != "OPTIONS" or inbound.header("access-control-request-method") is None:
        inbound.extra.append(("access-control-expose-headers", "*"))
        return False
    asked = inbound.header("access-control-request-headers") or "*"
    headers = [
        ("access-control-allow-methods", "GET, POST, OPTIONS"),
        ("access-control-allow-headers", asked),
        ("access-control-max-age", str(MAX_AGE_S)),
    ]
    await inbound.respond(204, headers, b"")
    return True
