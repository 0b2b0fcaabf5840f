"""How long after a cancelled litellm.acompletion() the provider sees it: from task.cancel(), by the canceller's clock, to
the reset or the end of the connection, by the clock of the provider's own thread (both are CLOCK_MONOTONIC).

python -m bench.cancel [--times 200]

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
from collections.abc import Sequence
from contextlib import suppress
from statistics import median, quantiles

from bench.environments import litellm_python

GOAL_MS = 50.0
VARIANTS = [
    (is_ours, http2, stream) for is_ours in (False, True) for http2 in (False, True) for stream in (False, True)
]
NEVER_MS = float("inf")
LIMIT_S = 1.0  # then it counts as never


async def measured(is_ours: bool, http2: bool, stream: bool, times: int) -> list[float]:
    """Milliseconds of each."""
    import litellm

    from penstock.adapters import litellm as adapter
    from penstock.testing import Provider, faults

    with Provider(tls=True) as provider:
        provider.fault(faults.stall(after_events=2) if stream else faults.silence())
        litellm.http2, litellm.ssl_verify = http2, str(provider.trust.ca_file)
        if is_ours:
            adapter.install()

        async def call() -> None:
            answer = await litellm.acompletion(
                model="openai/any",
                messages=[{"role": "user", "content": "What is a penstock?"}],
                api_base=provider.base_url,
                api_key=provider.api_key,
                max_retries=0,
                stream=stream,
            )
            async for _ in answer:
                pass

        found = []
        for index in range(times):
            task = asyncio.create_task(call())
            await provider.wait_for_async(index + 1)
            while provider.requests[index].sent_events < (2 if stream else 0):
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.01)  # until the client waits, too
            began_s = time.monotonic()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            while (ended_s := provider.requests[index].aborted_s) is None and time.monotonic() < began_s + LIMIT_S:
                await asyncio.sleep(0.001)
            found.append(NEVER_MS if ended_s is None else (ended_s - began_s) * 1e3)
        return found


def inside(argument: str) -> None:
    is_ours, http2, stream, times = json.loads(argument)
    print(json.dumps(asyncio.run(measured(is_ours, http2, stream, times))))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.cancel", description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.inside:
        inside(args.inside)
        return 0
    print(f"ms from cancel() to what the provider sees, {args.times} calls each: median, 99th of 100, highest")
    worst = 0.0
    for is_ours, http2, stream in VARIANTS:
        job = json.dumps([is_ours, http2, stream, args.times])
        command = [litellm_python(), "-m", "bench.cancel", "--inside", job]
        env = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
        found = [float(each) for each in json.loads(done.stdout.splitlines()[-1])]
        name = f"{'penstock' if is_ours else 'as it is'} {'h2' if http2 else 'h1'} {'stream' if stream else 'unary'}"
        print(f"  {name:24} {median(found):8.2f} {quantiles(found, n=100)[98]:8.2f} {max(found):8.2f}", flush=True)
        worst = max(worst, max(found) if is_ours else 0.0)
    print(f"goal: with penstock at most {GOAL_MS:g} ms: {'reached' if worst <= GOAL_MS else 'MISSED'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
