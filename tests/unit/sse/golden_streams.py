"""The golden streams, and what a tally says about one: streams as providers send them, whole, cut and broken.

`golden/expected.json` holds the answers, checked by hand; `python -m tests.unit.sse.golden_streams` prints what the
reference would say of all.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

from penstock.sse import flags
from penstock.sse.reference import Tally as Reference

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.sse"))
SETTINGS: list[dict[str, bool]] = [
    {"keep_text": True},
    {"strip_usage": True, "keep_text": True, "is_strict": True},
]
_FLAGS = ("SEMANTIC", "FINISHED", "ERROR", "USAGE", "DONE", "MALFORMED")


class AnyTally(Protocol):
    def feed(self, data: bytes, /) -> bytes: ...


def stream(name: str) -> bytes:
    return (GOLDEN / f"{name}.sse").read_bytes()


def dialect(name: str) -> str:
    return name.split("_")[0]


def said(tally: Any) -> dict[str, Any]:
    """All that can be asked."""
    names = ("seen", "held", "events_n", "semantic_n", "malformed_n", "text_bytes", "id", "model", "finish_reason")
    values = {name: getattr(tally, name) for name in (*names, "usage", "error", "is_complete", "dialect")}
    return values | {"text": tally.text(), "reasoning": tally.reasoning(), "tool_calls": tally.tool_calls()}


def fed(tally: Any, pieces: list[bytes]) -> tuple[bytes, dict[str, Any]]:
    return b"".join(tally.feed(piece) for piece in pieces), said(tally)


def readable(values: dict[str, Any]) -> dict[str, Any]:
    """As it is written in expected.json: without what is empty."""
    plain = {name: each.decode("latin-1") if isinstance(each, bytes) else each for name, each in values.items() if each}
    plain["seen"] = " ".join(name for name in _FLAGS if values["seen"] & getattr(flags, name))
    if "tool_calls" in plain:
        plain["tool_calls"] = [list(call) for call in values["tool_calls"]]
    del plain["dialect"]
    return plain


if __name__ == "__main__":
    answers = {name: readable(fed(Reference(dialect(name), **SETTINGS[0]), [stream(name)])[1]) for name in NAMES}
    print(json.dumps(answers, indent=1, ensure_ascii=False))
