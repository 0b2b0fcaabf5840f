"""A 1 KiB POST answered by a small JSON object, 32 at once, by nginx over HTTP/1.1, plain and with TLS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.peers import EVERY_H1, Peer
from bench.scenarios import Target, WrongAnswer
from tests.transport.certs import Authority
from tests.transport.nginx_peer import JSON, Nginx

VARIANTS = ("plain", "tls")
PEERS = EVERY_H1
FLOOR = None
GOALS = ()
ROUNDS = 5
CONCURRENCY = 32
WARMUP = 320
EVENTS = 0

HEADERS = {"content-type": "application/json", "authorization": "Bearer sk-0123456789abcdef0123456789abcdef"}
BODY = b'{"model":"small","messages":[{"role":"user","content":"' + b"lorem ipsum " * 80 + b'"}]}'
BODY += b" " * (1024 - len(BODY))


@contextmanager
def serve(variant: str, folder: Path, prefix: list[str]) -> Iterator[Target]:
    authority = Authority(folder)
    with Nginx(folder, tls=authority.issue(), prefix=prefix) as nginx:
        is_tls = variant == "tls"
        yield Target(nginx.url("/json", tls=is_tls), str(authority.ca_file) if is_tls else None)


async def once(peer: Peer, url: str, *, whole: bool) -> None:
    status, body = await peer.post(url, HEADERS, BODY)
    if status != 200 or len(body) != len(JSON) or (whole and bytes(body) != JSON):
        raise WrongAnswer(f"status {status}, body {bytes(body)[:200]!r}")
