"""What the scripted upstream itself can do on one core, as wrk, h2load and curl see it; its clock; its memory.

    make bench-upstream
    python -m bench.upstream_load [--seconds 5] [--memory-s 60]

`penstock upstream` runs on core 0, the client on core 1. Besides each rate stands the CPU that the server took for it:
on a machine shared with others that is what counts, since its core and the client's are not all its own.
The schedule's error is how late an event was stamped, against the earliest of its stream; with `arrived` how late
penstock's client had it in its hands.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from penstock import HTTP2, Limits, Timeouts, Transport
from penstock.testing import Upstream, on, stamp_of

SERVER_CORE, CLIENT_CORE = "0", "1"
EVENTS, STREAMS, PER_S, PACED_S = 3_000_000, 200, 100, 10
EVENT = 'data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'
SCRIPT = f"""
[[rule]]
path = "/small"
reply = {{ headers = {{ content-type = "application/json" }}, body = '{{"id":"0123456789","ok":true}}' }}
[[rule]]
path = "/events"
reply = {{ sse = ['{EVENT[6:-2]}'], count = {EVENTS} }}
[[rule]]
path = "/paced"
reply = {{ sse = [{{ data = {{ delta = "word " }} }}], count = {PER_S * PACED_S}, per_s = {PER_S}, stamped = true }}
"""


@dataclass(frozen=True)
class Server:
    """`penstock upstream` in a process of its own."""

    url: str
    pid: int

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_kib(self) -> int:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


@contextmanager
def serving() -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.toml"
        script.write_text(SCRIPT)
        command = [sys.executable, "-m", "penstock", "upstream", "--port", "0", "--max-streams", "1000"]
        pinned = ["taskset", "-c", SERVER_CORE, *command, "--script", str(script), "--drain-s", "0"]
        with subprocess.Popen(pinned, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None
            yield Server(process.stdout.readline().strip(), process.pid)
            process.terminate()


def tell(what: str, figure: str, goal: str = "", is_reached: bool = True) -> None:
    verdict = "" if not goal else f"  {'reached' if is_reached else 'MISSED'} ({goal})"
    print(f"{what:32}{figure}{verdict}", flush=True)


def client(*command: str) -> str:
    """What it printed; CalledProcessError when it failed."""
    words = ["taskset", "-c", CLIENT_CORE, *command]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def found(pattern: str, text: str) -> float:
    match = re.search(pattern, text)
    if match is None:
        raise ValueError(f"no {pattern!r} in: {text}")
    return float(match[1])


# -- rates --


def wrk(url: str, seconds: float) -> tuple[float, float]:
    """Answers, and answers a second."""
    told = client("wrk", "-t1", "-c64", f"-d{seconds:g}s", f"{url}/small")
    if "Non-2xx" in told or "Socket errors" in told:
        raise ValueError(told)
    return found(r"(\d+) requests in", told), found(r"Requests/sec:\s+([\d.]+)", told)


def h2load(url: str, seconds: float) -> tuple[float, float]:
    told = client("h2load", "-t1", "-c8", "-m32", f"-D{seconds:g}", f"{url}/small")
    if found(r"(\d+) failed", told) or "0 3xx, 0 4xx, 0 5xx" not in told:
        raise ValueError(told)
    return found(r"(\d+) 2xx", told), found(r"([\d.]+) req/s", told)


def curl(version: str) -> Callable[[str, float], tuple[float, float]]:
    def measure(url: str, seconds: float) -> tuple[float, float]:
        told = client("curl", "-sS", version, "-o/dev/null", "-w%{time_total} %{size_download}", f"{url}/events")
        took_s, got_bytes = map(float, told.split())
        if got_bytes != EVENTS * len(EVENT):
            raise ValueError(f"{got_bytes:.0f} bytes are no {EVENTS} events")
        return EVENTS, EVENTS / took_s

    return measure


RATES = (
    ("small answers, HTTP/1.1 (wrk)", wrk, 60_000),
    ("small answers, h2c (h2load)", h2load, 60_000),
    ("unpaced events, HTTP/1.1 (curl)", curl("--http1.1"), 1_000_000),
    ("unpaced events, h2c (curl)", curl("--http2-prior-knowledge"), 1_000_000),
)


def rates(server: Server, seconds: float) -> None:
    for what, measure, goal in RATES:
        measure(server.url, 1)
        before_s = server.cpu_s()
        count, per_s = measure(server.url, seconds)
        each_us = (server.cpu_s() - before_s) / count * 1e6
        figure = f"{per_s:12,.0f} /s, server {each_us:.3f} us CPU each = {1e6 / each_us:,.0f} /s of a core"
        tell(what, figure, f"{goal:,} /s", per_s >= goal)


# -- the clock --


async def paced(server: Server, http2: bool) -> None:
    limits = Limits(max_connections=STREAMS, max_connections_per_origin=STREAMS)
    versions = HTTP2(prior_knowledge=True) if http2 else False
    late_ms: list[float] = []
    arrived_ms: list[float] = []

    async def read() -> None:
        pieces: list[tuple[int, bytes]] = []
        async with transport.stream("GET", f"{server.url}/paced") as response:
            async for piece in response:
                pieces.append((time.monotonic_ns(), bytes(piece)))
        stamps = [(at, stamp_of(event)) for at, piece in pieces for event in piece.split(b"\n\n") if event]
        known = [(at, stamp) for at, stamp in stamps if stamp is not None]
        if len(known) != PER_S * PACED_S:
            raise ValueError(f"{len(known)} events instead of {PER_S * PACED_S}")
        period_ns = 1e9 / PER_S
        begun_ns = min(stamp.sent_ns - stamp.seq * period_ns for _, stamp in known)
        late_ms.extend((stamp.sent_ns - stamp.seq * period_ns - begun_ns) / 1e6 for _, stamp in known)
        arrived_ms.extend((at - stamp.seq * period_ns - begun_ns) / 1e6 for at, stamp in known)

    async with Transport(http2=versions, limits=limits, timeouts=Timeouts(total_s=60)) as transport:
        before_s, began_s = server.cpu_s(), time.monotonic()
        await asyncio.gather(*(read() for _ in range(STREAMS)))
        share = (server.cpu_s() - before_s) / (time.monotonic() - began_s)
    what = f"paced, {STREAMS} streams, {'h2c' if http2 else 'HTTP/1.1'}"
    tell(what, f"{len(late_ms) / PACED_S:12,.0f} /s, server {share:.1%} of a core", "20 %", share < 0.2)
    late, arrived = statistics.quantiles(late_ms, n=1000), statistics.quantiles(arrived_ms, n=1000)
    figure = f"p50 {late[499]:.3f} ms, p99 {late[989]:.3f} ms, p99.9 {late[998]:.3f} ms"
    tell("  error of the schedule", f"  {figure}; arrived p99 {arrived[989]:.3f} ms", "p99 2 ms", late[989] < 2)


# -- memory, start --


def memory(server: Server, seconds: float) -> None:
    began_s, seen = time.monotonic(), []
    while time.monotonic() - began_s < seconds:
        for _, measure, _ in RATES:
            measure(server.url, 2)
        seen.append(server.rss_kib())
    figure = f"{seen[0] / 1024:12.1f} MiB, then {seen[-1] - seen[0]:+d} KiB in {seconds:g} s ({len(seen)} looks)"
    tell("resident memory", figure, "flat", seen[-1] - seen[0] < 256)


def start_ms(tls: bool) -> float:
    """From nothing to the first byte of an answer. The client's own start is not counted."""
    rule = on().answer(body="hello")
    began_s = time.perf_counter()
    with Upstream(rule, tls=tls) as upstream:
        port = int(upstream.base_url.rsplit(":", 1)[1])
        context = upstream.trust.ssl_context() if tls else None
        with socket.create_connection(("127.0.0.1", port)) as raw:
            peer = context.wrap_socket(raw, server_hostname="localhost") if context else raw
            peer.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            peer.recv(100)
            took_s = time.perf_counter() - began_s
            peer.close()
    return took_s * 1e3


def starts() -> None:
    for tls in (False, True):
        first, *others = [start_ms(tls) for _ in range(101)]
        figure = f"{statistics.median(others):12.3f} ms median, {max(others):.1f} ms most; the first {first:.1f} ms"
        tell(f"start to answer, {'TLS' if tls else 'plain'}", figure, "20 ms", statistics.median(others) < 20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each rate")
    parser.add_argument("--memory-s", type=float, default=60.0, help="of load, for the memory; 0 leaves it out")
    args = parser.parse_args()
    os.sched_setaffinity(0, {int(CLIENT_CORE)})
    print(f"load of the machine: {os.getloadavg()[0]:.2f}")
    starts()
    with serving() as server:
        rates(server, args.seconds)
        for http2 in (False, True):
            asyncio.run(paced(server, http2))
        if args.memory_s:
            memory(server, args.memory_s)


if __name__ == "__main__":
    main()
