"""A burst of 500 server-sent events of 150 bytes, chunked, each event its own chunk, 8 responses at once.

`one` gives the response to the kernel in one write; `many` in 50 writes of ten events, a turn of the server's loop
between them, so that the client sees it come in pieces."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench.peers import Peer
from bench.scenarios import Target, WrongAnswer

VARIANTS = ("one", "many")
CONCURRENCY = 8
WARMUP = 40
EVENTS = 500
EVENT_BYTES = 150
WRITES = {"one": 1, "many": 50}

SOURCE = Path(__file__).parent.parent / "sse_server.c"
PROGRAM = Path("build/bench/sse_server")


def event(index: int) -> bytes:
    """The server's event number `index`; has exactly two newlines."""
    head = b'data: {"id":"cmpl-0","index":%d,"delta":"' % index
    text = bytes(ord("a") + at % 26 for at in range(len(head), EVENT_BYTES - 4))
    return head + text + b'"}\n\n'


BODY_SHA256 = sha256(b"".join(event(index) for index in range(EVENTS))).digest()


@contextmanager
def serve(variant: str, folder: Path, prefix: list[str]) -> Iterator[Target]:
    if not PROGRAM.exists() or PROGRAM.stat().st_mtime < SOURCE.stat().st_mtime:
        PROGRAM.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-O2", "-o", str(PROGRAM), str(SOURCE)], check=True)
    command = [*prefix, str(PROGRAM), str(EVENTS), str(EVENT_BYTES), str(WRITES[variant])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        yield Target(f"http://127.0.0.1:{int(server.stdout.readline())}/")
        server.communicate()  # closes its standard input, which ends it


async def once(peer: Peer, url: str, *, whole: bool) -> None:
    newlines = got = 0
    digest = sha256() if whole else None

    def feed(piece: Any) -> None:
        nonlocal newlines, got
        data = bytes(piece)  # what a parser of events needs; no copy when it is bytes already
        got += len(data)
        newlines += data.count(b"\n")
        if digest:
            digest.update(data)

    status = await peer.stream(url, feed)
    if status != 200 or got != EVENTS * EVENT_BYTES or newlines != 2 * EVENTS:
        raise WrongAnswer(f"status {status}, {got} bytes, {newlines} newlines")
    if digest and digest.digest() != BODY_SHA256:
        raise WrongAnswer("the right length, but other bytes")
