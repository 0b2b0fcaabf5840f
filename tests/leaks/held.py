"""What a process holds: descriptors, threads, memory, exchanges. For scripts that repeat something and compare."""

from __future__ import annotations

import gc
import os
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

from penstock.runtime import runtime

LIMIT_S = 60.0


@dataclass(frozen=True)
class Held:
    fds: int
    threads: int
    exchanges: int
    rss_bytes: int
    python_bytes: int  # 0 when tracemalloc is off

    @staticmethod
    def now() -> Held:
        for _ in range(3):
            gc.collect()
        with open("/proc/self/statm") as statm:
            pages = int(statm.read().split()[1])
        return Held(
            fds=len(os.listdir("/proc/self/fd")),
            threads=len(os.listdir("/proc/self/task")),
            exchanges=runtime.stats().get("exchanges", 0),
            rss_bytes=pages * os.sysconf("SC_PAGE_SIZE"),
            python_bytes=tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else 0,
        )

    def returns(self) -> Held:
        """What is held when descriptors, threads and exchanges are back at these counts; they close a moment later
        than their users let go of them."""
        deadline_s = time.monotonic() + LIMIT_S
        while True:
            now = Held.now()
            if now.fds <= self.fds and now.threads <= self.threads and now.exchanges <= self.exchanges:
                return now
            assert time.monotonic() < deadline_s, f"held at first: {self}; in the end: {now}"
            time.sleep(0.01)


def check_repeats(act: Callable[[], None], *, warm_n: int, repeats_n: int, rss_each_bytes: int) -> None:
    """`act` again and again leaves nothing behind, after `warm_n` times that fill caches.

    Resident memory is compared between the first and the second half of the repeats: allocators keep what they once
    had, so it may grow early, but what leaks grows in both halves. `rss_each_bytes` is what one repeat may add in the
    second half; one leaked exchange with its buffers, loop or connection is far more.
    """
    for _ in range(warm_n):
        act()
    first = Held.now()
    for _ in range(repeats_n // 2):
        act()
    middle = first.returns()
    for _ in range(repeats_n // 2):
        act()
    last = first.returns()
    grown = last.rss_bytes - middle.rss_bytes
    assert grown <= rss_each_bytes * (repeats_n // 2) + (1 << 20), f"resident memory grows: {first} {middle} {last}"
    print(f"ok: {first} -> {last}")
