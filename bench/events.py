"""Bodies of server-sent events: what the servers send, and reading them from a peer with the check."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

from bench.peers import Peer
from bench.scenarios import WrongAnswer


@dataclass(frozen=True)
class Events:
    """`count` events of `size` bytes, two newlines each; `head` with the event's number, then letters.

    >>> Events(1, 40, b'data: {"i":%d,"d":"').body
    b'data: {"i":0,"d":"stuvwxyzabcdefghij"}\\n\\n'
    """

    count: int
    size: int
    head: bytes

    @cached_property
    def body(self) -> bytes:
        return b"".join(self._event(index) for index in range(self.count))

    def _event(self, index: int) -> bytes:
        head = self.head % index
        return head + bytes(ord("a") + at % 26 for at in range(len(head), self.size - 4)) + b'"}\n\n'

    @cached_property
    def digest(self) -> bytes:
        return sha256(self.body).digest()

    async def expect(self, peer: Peer, url: str, *, whole: bool, live: bool = False) -> None:
        """GET; WrongAnswer unless so many bytes and newlines come, and with `whole` exactly these. `live`: the first
        of them in the first half of the time, not when the server is done."""
        newlines = got = 0
        began_s = first_s = time.perf_counter()
        digest = sha256() if whole else None

        def feed(piece: Any) -> None:
            nonlocal newlines, got, first_s
            if not got:
                first_s = time.perf_counter()
            data = bytes(piece)  # what a parser of events needs; no copy when it is bytes already
            got += len(data)
            newlines += data.count(b"\n")
            if digest:
                digest.update(data)

        status = await peer.stream(url, feed)
        if status != 200 or got != self.count * self.size or newlines != 2 * self.count:
            raise WrongAnswer(f"status {status}, {got} bytes, {newlines} newlines")
        waited_s, took_s = first_s - began_s, time.perf_counter() - began_s
        if live and waited_s > took_s / 2:
            raise WrongAnswer("the first event was held back for more than half of the time")
        if digest and digest.digest() != self.digest:
            raise WrongAnswer("the right length, but other bytes")
