"""The load: wrk for whole answers, bench/paced_client.c for streams; and one look at what is answered.

Both run on the upstream's core, beside it. A gateway's answers are compared before and after each measurement; within
one the status, the length, and each stream's numbers are.
"""

from __future__ import annotations

import http.client
import json
import re
import subprocess
from pathlib import Path
from typing import Any

from bench.gateways import KEY, PATH
from bench.gateways.processes import Program
from bench.gateways.upstream import CORE, PER_S, SHORT_TOKENS, TEXT, raw, request
from bench.programs import compiled

HERE = Path(__file__).parent
BODY_BYTES = 250  # no whole answer is shorter
LIMIT_S = 30
SETTLE_MS = 300


class Wrong(Exception):
    """An answer that is not what the upstream said."""


def ask(port: int, question: str = "What is it?", *, stream: bool = False) -> str:
    """The body of one answer. Wrong when its status is not 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    connection.request("POST", PATH, request(question, stream=stream), headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    if answer.status != 200:
        raise Wrong(f"{answer.status}: {text[:500]}")
    return text


def check(port: int) -> None:
    """A whole answer and a short stream, to the last byte of their texts. Wrong."""
    message = json.loads(ask(port))["choices"][0]["message"]["content"]
    if message != TEXT:
        raise Wrong(f"said {message!r}")
    lines = ask(port, "short", stream=True).split("\n")
    events = [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]
    choices = [choice for event in events if event != "[DONE]" for choice in json.loads(event).get("choices", ())]
    tokens = [text for choice in choices if (text := choice["delta"].get("content"))]
    said = "".join(tokens)
    if not re.fullmatch(r"\d+", said) or len(said) != 40 * SHORT_TOKENS:
        raise Wrong(f"streamed {said!r}")
    if [end for choice in choices if (end := choice.get("finish_reason"))] != ["stop"] or events[-1] != "[DONE]":
        raise Wrong(f"a stream ended with {events[-2:]}")


def unary(port: int, program: Program | None, connections: int, seconds: float) -> dict[str, Any]:
    """Whole answers for so long: rate, latency, the gateway's CPU for each."""
    began_us = program.cpu_us() if program else 0.0
    command = [
        "taskset",
        "-c",
        CORE,
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds:g}s",
        "--latency",
        "--timeout",
        "20s",
    ]
    command += ["-s", str(HERE / "unary.lua"), f"http://127.0.0.1:{port}", "--", KEY, request().decode()]
    # wrk counts its own -d in whole seconds; what it took is in its answer.
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LIMIT_S)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if told["errors"] or told["bytes"] < told["requests"] * BODY_BYTES:
        raise Wrong(done.stdout)
    spent_us = program.cpu_us() - began_us if program else 0.0
    return {
        "cpu_us": spent_us / told["requests"],
        "per_s": told["requests"] / told["took_us"] * 1e6,
        "busy": spent_us / told["took_us"],
        "p50_us": told["p50_us"],
        "p99_us": told["p99_us"],
    }


def paced(port: int, program: Program | None, streams: int, seconds: float, *, is_spread: bool) -> dict[str, Any]:
    """So many streams at once: the gateway's CPU for each event, delays, memory."""
    client = compiled("paced_client")
    pids = [str(pid) for pid in program.pids()] if program else []
    spread_ms = 1000 // PER_S if is_spread else 0
    numbers = (port, streams, spread_ms, SETTLE_MS, round(seconds * 1000))
    command = ["taskset", "-c", CORE, str(client), *map(str, numbers), *pids]
    body = raw(port, request(stream=True))
    done = subprocess.run(command, input=body, stdout=subprocess.PIPE, check=True, timeout=LIMIT_S)
    told: dict[str, Any] = json.loads(done.stdout)
    if told["broken"] or told["lost"] or not told["events"]:
        raise Wrong(done.stdout.decode())
    wanted = streams * PER_S * told["window_ms"] / 1000
    return {
        "cpu_us": told["cpu_us"] / told["events"],
        "busy": told["cpu_us"] / told["window_ms"] / 1000,
        "kept_up": told["events"] / wanted,
        "begun": told["begun"],
        **{name: told[name] for name in ("ttft_p50_us", "ttft_p99_us", "late_p50_us", "late_p99_us")},
        "largest_mib": told["largest_kib"] / 1024,
        "rss_mib": told["rss_kib"] / 1024,
    }
