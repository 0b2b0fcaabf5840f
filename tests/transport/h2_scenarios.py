"""The table of hostile servers. What does not fit a row: test_h2_limits.py and its neighbours."""

from __future__ import annotations

from tests.transport.h2_row import Row
from tests.transport.h2_rows_frames import FRAMES
from tests.transport.h2_rows_goaway import GOAWAYS
from tests.transport.h2_rows_heads import HEADS
from tests.transport.h2_rows_resets import RESETS

TABLE: dict[str, Row] = {row.name: row for row in (*HEADS, *FRAMES, *RESETS, *GOAWAYS)}
assert len(TABLE) == len(HEADS) + len(FRAMES) + len(RESETS) + len(GOAWAYS), "two rows of one name"
