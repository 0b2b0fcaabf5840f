"""When is a first token late? From the group's own recent first-token times. Pure but for reading the health.

Hedges are a loan: they answer one slow route with a second request, and when all routes are slow they would double
the load just then. So at most HEDGE_SHARE of the group's requests of a minute (and one) may be hedged, over all groups.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.config.models import RouterSettings
from penstock.routing.choose import Member
from penstock.routing.health import Health
from penstock.routing.window import percentile

LEAST_SAMPLES_N = 20
FRESH_S = 600.0  # older first-token times tell nothing about now
HEDGE_SHARE = 0.1


def hedge_after_s(members: Sequence[Member], settings: RouterSettings, health: Health, now_s: float) -> float | None:
    """Seconds from sending; None with fewer than 20 samples, one deployment, or when enough was hedged."""
    if len(members) < 2:
        return None
    values: list[float] = []
    requests_n = 0
    for _, state in members:
        values += state.ttfts.values(now_s - FRESH_S)
        requests_n += state.requests.sum(now_s)
    if len(values) < LEAST_SAMPLES_N or health.hedges.sum(now_s) >= 1 + HEDGE_SHARE * requests_n:
        return None
    return max(settings.hedge_least_s, percentile(values, settings.hedge_percentile))
