"""h2load in the place of a client: what the protocol costs a C program that looks at nothing. Prints JSON.

python -m bench.floor '{"scenario": ..., "url": ..., "requests": ..., "concurrency": ...}'

Its process cannot be measured from within, so the figures are those of the whole program: start, handshake, and no
warm-up. It compares no bodies; their total length and the number of good answers are checked here.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import scenarios

NAME = "h2load"


def command(job: dict[str, Any], floor: scenarios.Floor, body_file: Path) -> list[str]:
    words = [NAME, "-n", str(job["requests"]), "-c", "1", "-t", "1", "-m", str(job["concurrency"])]
    for name, value in floor.headers.items():
        words += ["-H", f"{name}: {value}"]
    if floor.body:
        body_file.write_bytes(floor.body)
        words += ["-d", str(body_file)]
    return [*words, job["url"] + floor.path]


def complaints(output: str, requests: int, floor: scenarios.Floor) -> dict[str, int]:
    """What is wrong with h2load's report: not HTTP/2, not every answer a 2xx, not so many bytes.

    >>> complaints("Application protocol: h2\\n... status codes: 3 2xx,\\n ... 5B (5) headers, 30B (30) data", 3,
    ...            scenarios.Floor(answer_bytes=10))
    {}
    """
    good = re.search(r"status codes: (\d+) 2xx", output)
    data = re.search(r"\((\d+)\) data", output)
    wrong = []
    if "Application protocol: h2\n" not in output:
        wrong.append("it did not speak HTTP/2")
    if not good or int(good[1]) != requests:
        wrong.append(f"{good[1] if good else 'no'} good answers of {requests}")
    if not data or int(data[1]) != requests * floor.answer_bytes:
        wrong.append(f"{data[1] if data else 'no'} bytes of {requests * floor.answer_bytes}")
    return dict.fromkeys(wrong, 1)


def measure(job: dict[str, Any]) -> dict[str, Any]:
    scenario = scenarios.load(job["scenario"])
    floor, requests = scenario.FLOOR, job["requests"]
    assert floor is not None
    with tempfile.TemporaryDirectory() as folder:
        words = command(job, floor, Path(folder) / "body")
        began = time.perf_counter()
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        wall_s = time.perf_counter() - began
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent_s = usage.ru_utime + usage.ru_stime
    return {
        "version": f"{version()}, bodies not compared",
        "http": "HTTP/2",
        "connections": 1,
        "requests": requests,
        "errors": complaints(done.stdout, requests, floor),
        "wall_s": wall_s,
        "cpu_s": spent_s,
        "system_us_per_request": usage.ru_stime / requests * 1e6,
        "cpu_us_per_request": spent_s / requests * 1e6,
        "cpu_us_per_event": spent_s / requests / scenario.EVENTS * 1e6 if scenario.EVENTS else None,
        "requests_per_s": requests / wall_s,
    }


def version() -> str:
    """After the measured run: its children's CPU time is counted too."""
    return subprocess.run([NAME, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]))), flush=True)
