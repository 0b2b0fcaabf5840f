"""What penstock adds under the libraries it is put under: CPU per request of httpx.AsyncClient and of aiohttp's session
over penstock, less that of the same over a transport that does nothing; and litellm.acompletion() before and after
install(), streaming and not, with CPU per event. Process CPU, all threads, system calls included.

python -m bench.overhead [httpx aiohttp litellm] [--rounds 5] [--seconds 3] [--concurrency 32]

Rounds of A B C D A B C D, each in a fresh process: for httpx and aiohttp `small_unary` against nginx, plain HTTP/1.1;
for LiteLLM its own scenarios, over TLS, in LiteLLM's environment of tests/compat.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench import scenarios
from bench.environments import litellm_python
from bench.run import OUT, machine, progress, run_client

MOST_US = 60.0  # the goal
LITELLM = ("litellm", "litellm-penstock", "litellm-h2", "litellm-penstock-h2")


@dataclass(frozen=True, slots=True)
class Table:
    """base  the peer the others are compared to; "" = none
    goal  the peer that is to be at most MOST_US above it
    """

    name: str
    scenario: str
    variant: str
    peers: tuple[str, ...]
    base: str = ""
    goal: str = ""


HTTPX = ("httpx-null", "httpx-turn", "penstock-httpx", "penstock-httpx-compat", "httpx", "penstock")
AIOHTTP = ("aiohttp-null", "penstock-aiohttp", "aiohttp", "penstock")
TABLES = (
    Table("httpx", "small_unary", "plain", HTTPX, base="httpx-null", goal="penstock-httpx"),
    Table("aiohttp", "small_unary", "plain", AIOHTTP, base="aiohttp-null"),
    Table("litellm", "litellm_unary", "tls", LITELLM, base="litellm"),
    Table("litellm", "litellm_stream", "tls", LITELLM, base="litellm"),
)


def measured(table: Table, args: argparse.Namespace) -> list[dict[str, dict[str, Any]]]:
    """Results by peer, of each round. RuntimeError when a request failed."""
    scenario = scenarios.load(table.scenario)
    job = {"scenario": table.scenario, "loop": "asyncio", "warmup": scenario.WARMUP}
    job |= {"concurrency": min(args.concurrency, scenario.CONCURRENCY), "requests": None, "seconds": args.seconds}
    python = litellm_python() if table.name == "litellm" else sys.executable
    rounds = []
    with tempfile.TemporaryDirectory() as folder, scenario.serve(table.variant, Path(folder), []) as target:
        for index in range(args.rounds):
            row = {}
            for peer in table.peers:
                progress(f"{table.scenario} round {index + 1}/{args.rounds} {peer}")
                own = {**job, "peer": peer, "url": target.url, "ca_file": target.ca_file}
                row[peer] = run_client(own, [], python)
                if row[peer]["errors"]:
                    raise RuntimeError(f"{peer}: {row[peer]['errors']}")
            rounds.append(row)
    progress("")
    return rounds


def told(table: Table, rounds: list[dict[str, dict[str, Any]]]) -> str:
    lines = [f"{table.scenario}: CPU per request in us, median (lowest..highest) of {len(rounds)} rounds"]
    for peer in table.peers:
        alone = [row[peer]["cpu_us_per_request"] for row in rounds]
        added = [row[peer]["cpu_us_per_request"] - row[table.base]["cpu_us_per_request"] for row in rounds]
        line = f"  {peer:24} {median(alone):8.1f}   above {table.base}: {median(added):8.1f} "
        line += f"({min(added):.1f}..{max(added):.1f})"
        events = [row[peer]["cpu_us_per_event"] for row in rounds]
        lines.append(line + (f"   per event {median(events):.2f}" if events[0] is not None else ""))
    if table.goal:
        reached = median(
            row[table.goal]["cpu_us_per_request"] - row[table.base]["cpu_us_per_request"] for row in rounds
        )
        word = "reached" if reached <= MOST_US else "MISSED"
        lines.append(f"goal: {table.goal} at most {MOST_US:g} us above: {word}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.overhead", description=__doc__)
    parser.add_argument("name", nargs="*", help="of httpx, aiohttp, litellm; default: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--concurrency", type=int, default=32)
    args = parser.parse_args(argv)
    OUT.mkdir(parents=True, exist_ok=True)
    kept = []
    for table in TABLES:
        if args.name and table.name not in args.name:
            continue
        rounds = measured(table, args)
        print(told(table, rounds), flush=True)
        kept.append({"scenario": table.scenario, "name": table.name, "rounds": rounds})
    (OUT / "overhead.json").write_text(json.dumps({"machine": machine(), "tables": kept}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
