"""`make run`: a gateway on a free port, one answer streamed through it, and the lines to try it yourself.

With OPENAI_API_KEY or ANTHROPIC_API_KEY in the environment the gateway leads to that provider; without, to a scripted
one with TLS and HTTP/2 in this process. It serves until Ctrl-C; without a terminal it ends after the answer.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from penstock import Transport, errors
from penstock.__main__ import version
from penstock.sse import Events
from penstock.testing import Pace, Provider

QUESTION = "What is a penstock?"
ANSWER = (
    "A penstock carries water under pressure from the reservoir to the turbine. Its gate decides how much; "
    "the pipe only has to hold, and to let nothing stand still."
)
PACE = Pace(per_s=60)  # so that one can see the tokens come
MODEL = "demo"
REAL = (("OPENAI_API_KEY", "openai/gpt-4o-mini"), ("ANTHROPIC_API_KEY", "anthropic/claude-haiku-4-5"))
START_S = 30.0


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def upstream_of(stack: ExitStack) -> tuple[str, dict[str, Any], Mapping[str, str]]:
    """What the model is served by: a name for people, litellm_params, and environment for the gateway."""
    for variable, model in REAL:
        if os.environ.get(variable):
            return model, {"model": model, "api_key": f"os.environ/{variable}"}, {}
    provider = stack.enter_context(Provider(ANSWER, pace=PACE))
    params = {"model": "openai/scripted-1", "api_base": provider.base_url, "api_key": provider.api_key}
    return "a scripted provider in this process", params, provider.trust.env()


@contextmanager
def gateway(folder: Path, params: Mapping[str, Any], key: str, env: Mapping[str, str]) -> Iterator[str]:
    """`penstock serve` in a process of its own; its address."""
    config = {
        "model_list": [{"model_name": MODEL, "litellm_params": dict(params)}],
        "general_settings": {"master_key": key},
        "litellm_settings": {"callbacks": ["prometheus"]},
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(config, indent=1))  # JSON is YAML
    port = free_port()
    command = [sys.executable, "-m", "penstock", "serve", "--config", str(path), "--host", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--log_level", "error"], env={**os.environ, **env}, start_new_session=True
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait()


async def until_ready(transport: Transport, url: str) -> None:
    due_s = time.monotonic() + START_S
    while True:
        try:
            if (await transport.request("GET", f"{url}/health/readiness")).status == 200:
                return
        except errors.ConnectError:
            pass
        if time.monotonic() > due_s:
            raise SystemExit("the gateway did not start")
        await asyncio.sleep(0.05)


async def ask(transport: Transport, url: str, key: str) -> bool:
    """Print the answer token by token; was it complete?"""
    body = {"model": MODEL, "messages": [{"role": "user", "content": QUESTION}], "stream": True}
    headers = [("authorization", f"Bearer {key}"), ("content-type", "application/json")]
    began_s, first_s, is_done, events = time.monotonic(), None, False, Events()
    async with transport.stream(
        "POST", f"{url}/v1/chat/completions", headers=headers, content=json.dumps(body)
    ) as response:
        if response.status != 200:
            print(f"{response.status}: {(await response.read()).decode()}")
            return False
        served = {name: response.headers.get(name) for name in ("x-litellm-model-api-base", "x-litellm-model-id")}
        async for chunk in response:
            for event in events.feed(chunk):
                if event.data is None:
                    continue
                if event.data == b"[DONE]":
                    is_done = True
                    continue
                token = "".join(one["delta"].get("content") or "" for one in json.loads(event.data)["choices"])
                first_s = first_s or (time.monotonic() - began_s if token else None)
                print(token, end="", flush=True)
    total_s = time.monotonic() - began_s
    print(f"\n  [first token {(first_s or 0) * 1000:.1f} ms, total {total_s * 1000:.0f} ms, {served}]")
    return is_done


def advice(url: str, key: str) -> str:
    """How to go on."""
    question = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": QUESTION}], "stream": True})
    return f"""
Try it:
  curl -N {url}/v1/chat/completions -H 'authorization: Bearer {key}' \\
       -H 'content-type: application/json' -d '{question}'

  openai.OpenAI(base_url="{url}/v1", api_key="{key}")
  anthropic.Anthropic(base_url="{url}", api_key="{key}")

  {url}/metrics   {url}/health/readiness   {url}/v1/models
"""


async def main() -> int:
    key = f"sk-{secrets.token_urlsafe(12)}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="penstock-demo-")))
        name, params, env = upstream_of(stack)
        print(f"{version()}, gateway to {name}\n")
        url = stack.enter_context(gateway(folder, params, key, env))
        async with Transport(trust_env=False) as transport:
            await until_ready(transport, url)
            print(f"> {QUESTION}")
            is_complete = await ask(transport, url, key)
        print(advice(url, key))
        if is_complete and sys.stdin.isatty() and sys.stdout.isatty():
            print("Ctrl-C ends it.")
            await asyncio.Event().wait()
    return 0 if is_complete else 1


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except KeyboardInterrupt:
        sys.exit(0)
    except ModuleNotFoundError as err:
        sys.exit(f"the demo needs the {err.name} package: pip install 'penstock[gateway]'")
