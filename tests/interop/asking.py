"""Requests whose answers are checked: what the tests of all servers ask."""

from __future__ import annotations

from collections.abc import AsyncIterator

from penstock import Transport

from .server import HELLO, Server

MIB = b"".join(b"%07x\n" % word for word in range(1 << 17))  # no two words are alike: lost or doubled pieces show
PIECE = 65536


def opened_n(transport: Transport) -> int:
    return int(transport.stats()["opened"])


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), PIECE):
        yield body[at : at + PIECE]


async def get_hello(transport: Transport, url: str) -> None:
    response = await transport.request("GET", url)
    assert (response.status, response.http_version, response.body) == (200, "HTTP/2", HELLO)


async def echo(transport: Transport, url: str, content: bytes | AsyncIterator[bytes], right: bytes) -> None:
    response = await transport.request("POST", url, content=content)
    assert (response.status, response.http_version) == (200, "HTTP/2")
    assert response.body == right, f"{len(response.body)} bytes came back of {len(right)}"


class Events:
    """One event stream of the application. An event is released when the one before has arrived, so nothing on the
    way may hold one back. The first is released in advance: h2o and Apache keep the head until there is a body."""

    def __init__(self, server: Server, transport: Transport, name: str, count: int) -> None:
        self.name, self.count = name, count
        self._server, self._transport = server, transport
        self._sent = 0

    def __repr__(self) -> str:
        return f"<Events {self.name} {self._sent}/{self.count}>"

    @property
    def url(self) -> str:
        return self._server.url(f"/events?of={self.name}&count={self.count}")

    async def release(self) -> None:
        response = await self._transport.request("POST", self._server.url(f"/release?of={self.name}"))
        assert (response.status, response.http_version) == (204, "HTTP/2")

    async def read(self, chunks: AsyncIterator[bytes], *, until: int) -> None:
        """Read and check events up to that one; each but the first is released here."""
        for sent in range(self._sent, until):
            if sent > 0:
                await self.release()
            text = b""
            while not text.endswith(b"\n\n"):
                text += await anext(chunks)
            assert text == b'id: %d\ndata: {"of":"%b","sent":%d}\n\n' % (sent, self.name.encode(), sent)
        self._sent = until
