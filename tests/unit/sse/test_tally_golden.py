"""What a tally says about the golden streams; the one in C says what the reference says, however they are cut."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.sse.reference import Tally as Reference
from penstock.sse.tally import Tally
from tests.unit.sse.golden_streams import GOLDEN, NAMES, SETTINGS, dialect, fed, readable, said, stream

EXPECTED = json.loads((GOLDEN / "expected.json").read_text())
SPLITS_MOST = 3000
each_name = pytest.mark.parametrize("name", NAMES)
each_settings = pytest.mark.parametrize("settings", SETTINGS, ids=["as it comes", "stripped"])
each_kind = pytest.mark.parametrize("kind", [Reference, Tally], ids=["reference", "C"])


def test_every_stream_has_its_answer() -> None:
    assert list(EXPECTED) == NAMES


@each_kind
@each_name
def test_says_what_was_checked_by_hand(name: str, kind: type[Any]) -> None:
    out, values = fed(kind(dialect(name), keep_text=True), [stream(name)])
    assert readable(values) == EXPECTED[name]
    if values["error"] is None:
        assert out + values["held"] == stream(name)
    else:
        assert stream(name).startswith(out)
        assert out == b"" or out.endswith(b"\n\n")
        assert values["error"] not in out


@each_settings
@each_name
def test_splits_change_nothing(name: str, settings: dict[str, bool]) -> None:
    data = stream(name)
    whole = fed(Reference(dialect(name), **settings), [data])
    assert fed(Tally(dialect(name), **settings), [data]) == whole
    for at in range(1, len(data), 1 + len(data) // SPLITS_MOST):
        assert fed(Tally(dialect(name), **settings), [data[:at], data[at:]]) == whole, at


@each_settings
@each_name
def test_byte_by_byte_each_step_is_the_same(name: str, settings: dict[str, bool]) -> None:
    fast, slow = Tally(dialect(name), **settings), Reference(dialect(name), **settings)
    data = stream(name)
    step = 1 + len(data) // SPLITS_MOST
    for at in range(0, len(data), step):
        piece = data[at : at + step]
        assert fast.feed(piece) == slow.feed(piece)
        assert fast.held == slow.held
        assert fast.seen == slow.seen
    assert said(fast) == said(slow)
