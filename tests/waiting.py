"""Waiting for facts that nobody announces, such as a count in stats()."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

LIMIT_S = 30.0


async def eventually(holds: Callable[[], bool], what: str = "", limit_s: float = LIMIT_S) -> None:
    """Look again each turn of the loop, until `limit_s`.

    Use an event, a peer's wait_for() or the result of a request where there is one.
    """
    deadline_s = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline_s, f"still not so after {limit_s} s: {what or holds}"
        await asyncio.sleep(0.001)


def eventually_sync(holds: Callable[[], bool], what: str = "", limit_s: float = LIMIT_S) -> None:
    """`eventually` for tests without a loop."""
    deadline_s = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline_s, f"still not so after {limit_s} s: {what or holds}"
        time.sleep(0.001)
