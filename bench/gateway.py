"""Gateways side by side: `python -m bench.gateway`, rounds of A B C A B C... against one scripted upstream.

The gateway under test has core 0 for itself (the others are stopped meanwhile), the upstream and the load share core 1.
CPU is that of all of a gateway's processes. What a gateway adds is its latency less that of the upstream asked directly
in the same round. Results: bench/out/gateway.json and a table of medians; targets that are missed are told, no failure.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.gateways import NAMES, NotInstalled, load
from bench.gateways.load import Wrong, check, paced, unary
from bench.gateways.processes import Program
from bench.gateways.table import goals, summarize, table
from bench.gateways.upstream import serving
from bench.run import machine, progress
from tests.ports import free_port

OUT = Path("bench/out/gateway.json")
CORE = "0"
DIRECT = "direct"
FAILED = (Wrong, OSError, subprocess.SubprocessError, http.client.HTTPException)
REST_S = 0.3  # for the streams that were cut to be over everywhere
SLOW = ("litellm-uvicorn", "litellm-granian")  # 500 streams are more than they can do: once is enough
CELLS = ("unary", "lone", "together", "spread", "many")


class Contender:
    """A gateway that runs; `program` None is the upstream itself."""

    def __init__(self, name: str, port: int, program: Program | None, version: str) -> None:
        self.name = name
        self.port = port
        self.program = program
        self.version = version
        self.idle_mib = (0.0, 0.0)

    def measure(self, cell: str, seconds: float) -> dict[str, Any]:
        """Wrong when an answer is not right."""
        if cell == "unary":
            unary(self.port, self.program, 64, 1)  # connections, caches
            return unary(self.port, self.program, 64, seconds)
        if cell == "lone":
            return unary(self.port, self.program, 1, seconds)
        streams = 500 if cell == "many" else 100
        return paced(self.port, self.program, streams, seconds, is_spread=cell != "together")


def start(name: str, folder: Path, upstream: str, stack: ExitStack) -> Contender:
    """NotInstalled; RuntimeError when it does not come up."""
    port = free_port()
    launch = load(name).launch(name, folder, upstream, port)
    program = stack.enter_context(Program(launch.command, CORE, folder / f"{name}.log", launch.env))
    program.wait_for(f"http://127.0.0.1:{port}{launch.ready_path}")
    contender = Contender(name, port, program, launch.version)
    check(port)
    contender.idle_mib = program.rss_mib()
    program.sleep()
    return contender


def one_round(contenders: list[Contender], args: argparse.Namespace, index: int) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    for contender in contenders:
        if contender.program is not None:
            contender.program.wake()
        for cell in args.cells:
            if index > 0 and cell == "many" and contender.name in SLOW:
                continue
            progress(f"round {index + 1}/{args.rounds} {contender.name} {cell}")
            result: dict[str, Any] = {"gateway": contender.name, "round": index, "cell": cell}
            try:
                check(contender.port)
                result |= contender.measure(cell, args.seconds)
                time.sleep(REST_S)
                check(contender.port)
            except FAILED as err:
                result["wrong"] = repr(err)
            results.append(result)
            if args.verbose:
                print(json.dumps(results[-1]), file=sys.stderr)
        if contender.program is not None:
            contender.program.sleep()
    return results


def run(args: argparse.Namespace) -> dict[str, Any]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(serving(folder))
        contenders = [Contender(DIRECT, int(upstream.rpartition(":")[2]), None, "the upstream itself")]
        for name in args.gateways:
            progress(f"starting {name}")
            try:
                contenders.append(start(name, folder, upstream, stack))
            except (NotInstalled, RuntimeError, *FAILED) as err:
                print(f"bench: without {name}: {err}", file=sys.stderr)
        rounds = []
        for index in range(args.rounds):
            rounds += one_round(contenders, args, index)
        progress("")
    return {
        "machine": machine(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "seconds": args.seconds,
        "versions": {each.name: each.version for each in contenders},
        "idle_mib": {each.name: each.idle_mib for each in contenders if each.program is not None},
        "rounds": rounds,
    }


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.gateway", description=__doc__)
    parser.add_argument("gateways", nargs="*", default=[], help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement; wrk takes whole ones")
    parser.add_argument("--cells", help=f"of {', '.join(CELLS)}; default: all")
    parser.add_argument("--verbose", action="store_true", help="each measurement, as it is made")
    args = parser.parse_args()
    args.gateways = args.gateways or list(NAMES)
    args.cells = args.cells.split(",") if args.cells else list(CELLS)
    for name in args.gateways:
        if name not in NAMES:
            parser.error(f"no gateway {name!r}")
    return args


def main() -> int:
    args = parse()
    os.sched_setaffinity(0, {1})
    outcome = run(args)
    outcome["summary"] = summarize(outcome["rounds"])
    outcome["goals"] = goals(outcome)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(outcome, indent=1) + "\n")
    print(table(outcome))
    wrong = [each for each in outcome["rounds"] if "wrong" in each]
    for each in wrong:
        print(f"bench: {each['gateway']} {each['cell']}: {each['wrong'][:300]}", file=sys.stderr)
    return int(any(each["gateway"] == "penstock" for each in wrong))


if __name__ == "__main__":
    raise SystemExit(main())
