"""What penstock adds under httpx: CPU per request of httpx.AsyncClient over penstock, less that of httpx.AsyncClient
over a transport that does nothing. Process CPU, both threads, system calls included.

python -m bench.overhead [--rounds 5] [--seconds 3] [--concurrency 32]

`small_unary` against nginx, plain HTTP/1.1; rounds of A B C D A B C D, each in a fresh process.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench import scenarios
from bench.run import OUT, machine, progress, run_client

BASE = "httpx-null"
PEERS = (BASE, "httpx-turn", "penstock-httpx", "penstock-httpx-compat", "httpx", "penstock")
MOST_US = 60.0  # the goal


def measured(rounds_n: int, seconds: float, concurrency: int) -> list[dict[str, float]]:
    """CPU in microseconds per request, by peer, of each round. RuntimeError when a request failed."""
    scenario = scenarios.load("small_unary")
    job = {"scenario": "small_unary", "loop": "asyncio", "concurrency": concurrency, "warmup": scenario.WARMUP}
    job |= {"requests": None, "seconds": seconds}
    rounds = []
    with tempfile.TemporaryDirectory() as folder, scenario.serve("plain", Path(folder), []) as target:
        for index in range(rounds_n):
            row = {}
            for peer in PEERS:
                progress(f"round {index + 1}/{rounds_n} {peer}")
                result = run_client({**job, "peer": peer, "url": target.url, "ca_file": None}, [])
                if result["errors"]:
                    raise RuntimeError(f"{peer}: {result['errors']}")
                row[peer] = result["cpu_us_per_request"]
            rounds.append(row)
    progress("")
    return rounds


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.overhead", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--concurrency", type=int, default=32)
    args = parser.parse_args(argv)
    rounds = measured(args.rounds, args.seconds, args.concurrency)
    print(f"CPU per request in us, median (lowest..highest) of {args.rounds} rounds, {args.concurrency} at once")
    for peer in PEERS:
        alone = [row[peer] for row in rounds]
        added = [row[peer] - row[BASE] for row in rounds]
        spread = f"({min(added):.1f}..{max(added):.1f})"
        print(f"  {peer:24} {median(alone):7.1f}   above {BASE}: {median(added):7.1f} {spread}")
    reached = median(row["penstock-httpx"] - row[BASE] for row in rounds)
    print(f"goal: penstock-httpx at most {MOST_US:g} us above: {'reached' if reached <= MOST_US else 'MISSED'}")
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "overhead.json").write_text(json.dumps({"machine": machine(), "rounds": rounds}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
