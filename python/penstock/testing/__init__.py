"""Test tools: a scripted upstream on real sockets, the same scripts without sockets, LLM presets, faults, pytest
fixtures (plugin.py).

    from penstock.testing import Upstream, on, faults, presets

Nothing here is imported by penstock itself. The server's certificates need the extra `testing`.
"""

from __future__ import annotations

from penstock.testing import faults, presets
from penstock.testing.chain import Reply
from penstock.testing.errors import MissingExtra, ScriptError
from penstock.testing.faults import Fault
from penstock.testing.mock import MockTransport
from penstock.testing.presets import Pace, ToolCall, Turn
from penstock.testing.requests import Request
from penstock.testing.rule import Rule, on
from penstock.testing.stamps import Stamp, stamp_of
from penstock.testing.trust import Trust
from penstock.testing.upstream import Stats, Upstream

__all__ = [
    "Fault",
    "MissingExtra",
    "MockTransport",
    "Pace",
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
