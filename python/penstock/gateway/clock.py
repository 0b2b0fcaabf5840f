"""The two clocks, by their one names: tests put their own here."""

from __future__ import annotations

import time

now_s = time.monotonic  # for durations
wall_s = time.time  # for dates
