"""litellm.acompletion(), a small answer, 16 at once, from the scripted OpenAI over TLS, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.peers import Peer
from bench.scenarios import Target, WrongAnswer

VARIANTS = ("tls",)
PEERS = ("litellm", "litellm-penstock", "litellm-h2", "litellm-penstock-h2")
FLOOR = None
GOALS = ()
ROUNDS = 3
CONCURRENCY = 16
WARMUP = 64
EVENTS = 0

ANSWER = "Water under pressure"
PROMPT = b"lorem ipsum " * 80


@contextmanager
def scripted(folder: Path, prefix: list[str], *options: str) -> Iterator[Target]:
    """`penstock upstream` with OpenAI's preset."""
    trust = folder / "trust.pem"
    command = [*prefix, sys.executable, "-m", "penstock", "upstream", "--tls-port", "0", "--trust-file", str(trust)]
    command += ["--preset", "openai", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            url = next(word for line in server.stdout for word in line.split() if word.startswith("https://"))
            yield Target(url.rstrip("/") + "/v1", str(trust))
        finally:
            server.terminate()


@contextmanager
def serve(variant: str, folder: Path, prefix: list[str]) -> Iterator[Target]:
    with scripted(folder, prefix, "--text", ANSWER) as target:
        yield target


async def once(peer: Peer, url: str, *, whole: bool) -> None:
    status, body = await peer.post(url, {}, PROMPT)
    if status != 200 or body != ANSWER.encode():
        raise WrongAnswer(f"status {status}, body {bytes(body)[:200]!r}")
