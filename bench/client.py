"""The process that is measured: one peer, one scenario, warm-up, then the counted requests. Prints JSON.

python -m bench.client '{"peer": ..., "scenario": ..., "url": ..., "ca_file": ..., "requests": ..., "loop": ...}'
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import sys
import time
from array import array
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from bench import peers, scenarios


def cpu_s() -> tuple[float, float]:
    """User and system time of the whole process, every thread."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime, usage.ru_stime


def rss_mib() -> float:
    """The highest resident size so far. (ru_maxrss would count the parent from before exec.)"""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return float("nan")


def connections_n(url: str) -> int | None:
    """How many TCP connections of this process lead to the URL's port; None where that cannot be seen."""
    port = f":{urlsplit(url).port:04X}"
    try:
        mine = {os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if os.path.islink(entry.path)}
        with open("/proc/self/net/tcp") as table:
            rows = [line.split() for line in table]
    except OSError:
        return None
    # a set: while connections come and go elsewhere the kernel's table may list one twice
    return len(mine & {f"socket:[{row[9]}]" for row in rows if row[2].endswith(port) and row[3] == "01"})


class Load:
    """`concurrency` tasks that send one request after another; latencies and errors are collected."""

    def __init__(self, scenario: scenarios.Scenario, peer: peers.Peer, url: str) -> None:
        self._scenario, self._peer, self._url = scenario, peer, url
        self.latencies_s = array("d")
        self.errors: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<Load done={len(self.latencies_s)} errors={dict(self.errors)}>"

    async def run(self, concurrency: int, *, requests: int | None, seconds: float, whole: bool) -> None:
        """Until so many requests have been sent; without a number, for so many seconds."""
        self._left = requests if requests is not None else 1 << 60
        self._end_s = time.perf_counter() + (float("inf") if requests is not None else seconds)
        await asyncio.gather(*(self._worker(whole) for _ in range(min(concurrency, self._left))))

    async def _worker(self, whole: bool) -> None:
        clock, once, peer, url = time.perf_counter, self._scenario.once, self._peer, self._url
        began_s = clock()
        while self._left > 0 and began_s < self._end_s:
            self._left -= 1
            try:
                await once(peer, url, whole=whole)
            except Exception as err:
                self.errors[f"{type(err).__name__}: {err}"[:200]] += 1
            ended_s = clock()
            self.latencies_s.append(ended_s - began_s)
            began_s = ended_s


async def measure(job: dict[str, Any]) -> dict[str, Any]:
    scenario = scenarios.load(job["scenario"])
    module = peers.load(job["peer"])
    concurrency = job["concurrency"]
    peer = await module.open_peer(ca_file=job["ca_file"], connections=peers.cap_of(job["peer"], concurrency))
    try:
        warmup = Load(scenario, peer, job["url"])
        await warmup.run(concurrency, requests=job["warmup"], seconds=0, whole=True)
        gc.collect()
        load = Load(scenario, peer, job["url"])
        cpu_began, began = cpu_s(), time.perf_counter()
        await load.run(concurrency, requests=job["requests"], seconds=job["seconds"], whole=False)
        wall_s = time.perf_counter() - began
        user_s, system_s = (now - then for now, then in zip(cpu_s(), cpu_began, strict=True))
        spoken, open_n = peer.http_version, connections_n(job["url"])
        if spoken != module.HTTP:
            load.errors[f"it spoke {spoken or 'nothing'}, not {module.HTTP}"] += 1
    finally:
        await peer.close()
    done = sorted(load.latencies_s)
    spent_s = user_s + system_s
    return {
        "version": module.VERSION,
        "http": spoken,
        "connections": open_n,
        "requests": len(done),
        "errors": dict(warmup.errors + load.errors),
        "wall_s": wall_s,
        "cpu_s": spent_s,
        "system_us_per_request": system_s / len(done) * 1e6,
        "cpu_us_per_request": spent_s / len(done) * 1e6,
        "cpu_us_per_event": spent_s / len(done) / scenario.EVENTS * 1e6 if scenario.EVENTS else None,
        "requests_per_s": len(done) / wall_s,
        "p50_ms": done[len(done) // 2] * 1e3,
        "p99_ms": done[min(len(done) - 1, len(done) * 99 // 100)] * 1e3,
        "rss_mib": rss_mib(),
    }


def main() -> None:
    job = json.loads(sys.argv[1])
    if job["loop"] == "uvloop":
        import uvloop

        result = uvloop.run(measure(job))
    else:
        result = asyncio.run(measure(job))
    print(json.dumps(result), flush=True)
    os._exit(0)  # leave without finalization: pyreqwest's thread now and then aborts the process there


if __name__ == "__main__":
    main()
