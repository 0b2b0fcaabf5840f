"""Test tools: a scripted upstream on real sockets, the same scripts without sockets, LLM presets, faults, pytest
fixtures (plugin.py).

    from penstock.testing import Upstream, on, faults, presets

Nothing here is imported by penstock itself, and nothing is loaded before it is asked for, because pytest imports this
package with its plugin. The server's certificates need the extra `testing`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.testing import faults, presets
    from penstock.testing.chain import Reply
    from penstock.testing.errors import MissingExtra, NetworkUsed, ScriptError
    from penstock.testing.faults import Fault
    from penstock.testing.mock import MockTransport
    from penstock.testing.network_guard import NetworkGuard
    from penstock.testing.presets.turn import Pace, ToolCall, Turn
    from penstock.testing.provider import Provider
    from penstock.testing.requests import Request
    from penstock.testing.rule import Rule, on
    from penstock.testing.stamps import Stamp, stamp_of
    from penstock.testing.trust import Trust
    from penstock.testing.upstream import Stats, Upstream

HOMES = {
    "Fault": "faults",
    "MissingExtra": "errors",
    "MockTransport": "mock",
    "NetworkGuard": "network_guard",
    "NetworkUsed": "errors",
    "Pace": "presets.turn",
    "Provider": "provider",
    "Reply": "chain",
    "Request": "requests",
    "Rule": "rule",
    "ScriptError": "errors",
    "Stamp": "stamps",
    "Stats": "upstream",
    "ToolCall": "presets.turn",
    "Trust": "trust",
    "Turn": "presets.turn",
    "Upstream": "upstream",
    "on": "rule",
    "stamp_of": "stamps",
}

__all__ = [
    "Fault",
    "MissingExtra",
    "MockTransport",
    "NetworkGuard",
    "NetworkUsed",
    "Pace",
    "Provider",
    "Reply",
    "Request",
    "Rule",
    "ScriptError",
    "Stamp",
    "Stats",
    "ToolCall",
    "Trust",
    "Turn",
    "Upstream",
    "faults",
    "on",
    "presets",
    "stamp_of",
]


def __getattr__(name: str) -> object:
    if name in ("faults", "presets"):
        return import_module(f"{__name__}.{name}")
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
    return found
