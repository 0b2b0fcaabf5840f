"""Run scenarios: rounds of A B C D A B C D..., each peer in a fresh process each round, against one server."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import floor, peers, report, scenarios
from bench.environments import LITELLM_ENV

OUT = Path("bench/out")
CLIENT_LIMIT_S = 600


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("scenario", nargs="*", default=[], help=f"of {', '.join(scenarios.NAMES)}; default: all")
    parser.add_argument("--variant", help="only this variant of a scenario")
    parser.add_argument("--peers", help=f"of {', '.join(peers.NAMES)}, {floor.NAME}; default: the scenario's own")
    parser.add_argument("--rounds", type=int, help="default: the scenario's, 3 or 5")
    parser.add_argument("--seconds", type=float, default=3.0, help="measured per peer and round; default: %(default)s")
    parser.add_argument("--requests", type=int, help="per peer and round, instead of --seconds")
    parser.add_argument("--concurrency", type=int)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--pin", action="store_true", help="server on core 0, the whole client on core 1")
    args = parser.parse_args(argv)
    args.peers = args.peers.split(",") if args.peers else []
    for name in args.scenario:
        if name not in scenarios.NAMES:
            parser.error(f"no scenario {name!r}")
    for name in args.peers:
        if name != floor.NAME and name.partition("@")[0] not in peers.NAMES:
            parser.error(f"no peer {name!r}")
    return args


def installed(names: Sequence[str]) -> list[str]:
    """The peers that can be imported; the others are named on stderr."""
    ready = []
    for name in names:
        if name == floor.NAME:
            if shutil.which(name):
                ready.append(name)
            else:
                print(f"bench: without {name}: Debian's nghttp2-client has it", file=sys.stderr)
            continue
        probe = [sys.executable, "-c", f"from bench import peers; peers.load({name!r})"]
        tried = subprocess.run(probe, capture_output=True, text=True)
        if tried.returncode == 0:
            ready.append(name)
        else:
            print(f"bench: without {name}: {tried.stderr.strip().splitlines()[-1]}", file=sys.stderr)
    return ready


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text:70}", end="" if text else "\r", file=sys.stderr, flush=True)


def run_client(job: dict[str, Any], prefix: list[str], python: str = sys.executable) -> dict[str, Any]:
    program = "bench.floor" if job["peer"] == floor.NAME else "bench.client"
    command = [*prefix, python, "-m", program, json.dumps(job)]
    env = {**os.environ, **LITELLM_ENV}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True, timeout=CLIENT_LIMIT_S)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])  # LiteLLM prints things, too
    return result


def machine() -> dict[str, Any]:
    models = [line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_1m": os.getloadavg()[0],
    }


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def run_variant(name: str, variant: str, names: list[str], args: argparse.Namespace) -> dict[str, Any]:
    scenario = scenarios.load(name)
    concurrency = args.concurrency or scenario.CONCURRENCY
    job = {
        "scenario": name,
        "loop": args.loop,
        "concurrency": concurrency,
        "warmup": scenario.WARMUP,
        "requests": args.requests,
        "seconds": args.seconds,
    }
    on_core = [["taskset", "-c", core] if args.pin else [] for core in ("0", "1")]
    rounds: list[dict[str, Any]] = []
    rounds_n = args.rounds or scenario.ROUNDS
    first_n = concurrency  # requests of the round's first peer: h2load sends as many
    with tempfile.TemporaryDirectory() as folder, scenario.serve(variant, Path(folder), on_core[0]) as target:
        for index in range(rounds_n):
            for peer in names:
                progress(f"{name}/{variant} round {index + 1}/{rounds_n} {peer}")
                own = {**job, "peer": peer, "url": target.url, "ca_file": target.ca_file}
                if peer == floor.NAME:
                    own["requests"] = args.requests or first_n
                result = run_client(own, on_core[1])
                first_n = result["requests"] if peer == names[0] else first_n
                rounds.append({"peer": peer, "round": index, **result})
    progress("")
    return {
        "scenario": name,
        "variant": variant,
        "loop": args.loop,
        "pinned": args.pin,
        "requests": args.requests,
        "seconds": args.seconds,
        "concurrency": concurrency,
        "events_per_response": scenario.EVENTS,
        "machine": machine(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "rounds": rounds,
    }


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    failed = False
    OUT.mkdir(parents=True, exist_ok=True)
    for name in args.scenario or scenarios.NAMES:
        scenario = scenarios.load(name)
        names = installed(args.peers or [*scenario.PEERS, *([floor.NAME] if scenario.FLOOR else [])])
        for variant in scenario.VARIANTS:
            if args.variant and variant != args.variant:
                continue
            outcome = run_variant(name, variant, names, args)
            outcome["summary"] = report.summarize(outcome["rounds"])
            outcome["goals"] = report.reached(outcome["rounds"], scenario.GOALS)
            path = OUT / f"{name}-{variant}-{args.loop}{'-pin' if args.pin else ''}.json"
            path.write_text(json.dumps(outcome, indent=1) + "\n")
            print(report.table(outcome))
            print(f"-> {path}\n")
            failed = failed or any(result["errors"] for result in outcome["rounds"])
    if failed:
        print("bench: there were errors, the numbers do not count", file=sys.stderr)
    return int(failed)
