"""How long after a cancelled litellm.acompletion() the provider sees it: from task.cancel(), by the canceller's clock,
to the reset or the end of the connection, by the clock of the provider's own thread (both are CLOCK_MONOTONIC).

python -m bench.cancel [--times 60]

One call at a time, streaming (cancelled after some events) and not, over HTTP/1.1 and HTTP/2 with TLS, LiteLLM as it is
and with penstock. In LiteLLM's environment of tests/compat.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import product
from statistics import median
from typing import Any

from bench.environments import LITELLM_ENV, litellm_python

GOAL_MS = 50.0
MODELS = {"openai": "openai/any", "anthropic": "anthropic/claude-any"}  # an SDK's client, LiteLLM's own
VARIANTS = list(product((False, True), MODELS, (False, True), (False, True)))
NEVER_MS = float("inf")
LIMIT_S = 1.0  # then it counts as never


async def until(holds: Callable[[], bool]) -> None:
    """At most LIMIT_S."""
    end_s = time.monotonic() + LIMIT_S
    while not holds() and time.monotonic() < end_s:  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def measured(is_ours: bool, model: str, http2: bool, stream: bool, times: int) -> list[float]:
    """Milliseconds of each call."""
    import litellm

    from penstock.adapters import litellm as adapter
    from penstock.testing import Provider, faults

    with Provider(tls=True) as provider:
        provider.fault(faults.stall(after_events=2) if stream else faults.silence())
        litellm.http2, litellm.ssl_verify = http2, str(provider.trust.ca_file)
        if is_ours:
            adapter.install()
        asked = {
            "model": MODELS[model],
            "messages": [{"role": "user", "content": "What is a penstock?"}],
            "api_base": provider.base_url if model == "openai" else provider.anthropic_url,
            "api_key": provider.api_key,
            "max_retries": 0,
            "stream": stream,
        }
        return [await cancelled(provider, asked, index) for index in range(times)]


async def cancelled(provider: Any, asked: dict[str, Any], index: int) -> float:
    import litellm

    async def call() -> None:
        async for _ in await litellm.acompletion(**asked):
            pass

    task = asyncio.create_task(call())
    await provider.wait_for_async(index + 1)
    await until(lambda: provider.requests[index].sent_events >= (2 if asked["stream"] else 0))
    await asyncio.sleep(0.01)  # until the client waits, too
    began_s = time.monotonic()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await until(lambda: provider.requests[index].aborted_s is not None)
    ended_s = provider.requests[index].aborted_s
    return NEVER_MS if ended_s is None else float(ended_s - began_s) * 1e3


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.cancel", description=__doc__)
    parser.add_argument("--times", type=int, default=60)
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.inside:
        print(json.dumps(asyncio.run(measured(*json.loads(args.inside)))))
        return 0
    print(f"ms from cancel() to what the provider sees, {args.times} calls each: median, highest")
    worst = 0.0
    for is_ours, model, http2, stream in VARIANTS:
        job = json.dumps([is_ours, model, http2, stream, args.times])
        command = [litellm_python(), "-m", "bench.cancel", "--inside", job]
        env = {**os.environ, **LITELLM_ENV}
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
        found = [float(each) for each in json.loads(done.stdout.splitlines()[-1])]
        name = [model, "h2" if http2 else "h1", "stream" if stream else "unary", "penstock" if is_ours else "as it is"]
        print(f"  {' '.join(name):34} {median(found):8.2f} {max(found):8.2f}", flush=True)
        worst = max(worst, max(found) if is_ours else 0.0)
    print(f"goal: with penstock at most {GOAL_MS:g} ms: {'reached' if worst <= GOAL_MS else 'MISSED'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
