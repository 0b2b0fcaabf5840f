"""How everything below the calls is: circuits, connections, the journal's queues. For readiness and Router.health."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from penstock.gateway.clock import now_s

if TYPE_CHECKING:
    from penstock.gateway.setup import Setup

SHOWN = ("running", "connections", "waiting", "opened", "reused", "replayed")


def condition(setup: Setup) -> dict[str, Any]:
    """Plain values, for JSON."""
    stats = setup.transport.stats()
    return {
        "cooling_down": sorted(setup.health.cooling(now_s())),
        "http2": setup.config.upstream.http2,
        "transport": {name: stats[name] for name in SHOWN},
        "journal": [msgspec.to_builtins(each) for each in setup.journal.stats()],
    }


def deployments(setup: Setup) -> dict[str, dict[str, Any]]:
    """Of each deployment, by id: what it is, and what its health remembers ({} before its first attempt)."""
    states = setup.health.snapshot(now_s())
    return {
        each.id: {
            "group": each.group,
            "provider": each.provider,
            "model": each.model,
            "api_host": setup.place(each).api_host,
            "circuit": "closed",
            **states.get(each.id, {}),
        }
        for each in setup.config.deployments
    }
