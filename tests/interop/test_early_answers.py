"""Servers that answer while the body is still coming, each in its own way (rules F62, F63 and the table of B).

nginx, Apache, Caddy, node, nghttpd    the answer, then RST_STREAM(NO_ERROR)
haproxy                                the answer, then RST_STREAM(CANCEL)
h2o                                    RST_STREAM(REFUSED_STREAM) and no answer
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from penstock import Transport, errors
from tests.transport.certs import Authority
from tests.waiting import eventually

from .asking import MIB, PIECE, echo, get_hello, opened_n
from .conftest import TIMEOUTS, own_transport
from .haproxy import Haproxy
from .server import Server
from .table import SERVERS

UPLOAD_BYTES = 8 << 20
REFUSALS_N = 5


class Upload:
    """A body that nobody wants. Its source may be asked for nothing, if the answer is quicker."""

    def __init__(self) -> None:
        self.is_running = False

    async def pieces(self) -> AsyncIterator[bytes]:
        self.is_running = True
        try:
            for _ in range(UPLOAD_BYTES // PIECE):
                yield bytes(PIECE)
        finally:
            self.is_running = False


async def refuse_upload(server: Server, transport: Transport, *, has_length: bool) -> None:
    early, upload = server.early, Upload()
    headers = {"content-length": str(UPLOAD_BYTES)} if has_length else {}
    asked = transport.request(early.method, server.url(early.path), headers=headers, content=upload.pieces())
    if early.statuses:
        response = await asked
        assert response.http_version == "HTTP/2"
        assert response.status in early.statuses
    else:
        with pytest.raises(errors.Disconnected) as refused:
            await asked
        assert not refused.value.maybe_processed
    await eventually(lambda: not upload.is_running, "the end of the source")


def has_lengths(kind: type[Server]) -> list[bool]:
    return [True] if kind.early.needs_length else [True, False]


def case(kind: type[Server], has_length: bool, *marks: pytest.MarkDecorator) -> object:
    return pytest.param(kind, has_length, id=f"{kind.__name__}-{'length' if has_length else 'no-length'}", marks=marks)


EACH = [case(kind, has_length) for kind in SERVERS for has_length in has_lengths(kind)]


@pytest.mark.parametrize("server, has_length", EACH, indirect=["server"])
async def test_an_early_answer_is_an_answer(server: Server, transport: Transport, has_length: bool) -> None:
    """The upload stops, the answer comes, and the connection serves on."""
    for _ in range(REFUSALS_N):
        await refuse_upload(server, transport, has_length=has_length)
        await get_hello(transport, server.url("/hello"))
    if not isinstance(server, Haproxy):  # 2.6 gives no credit back for what it did not read: a new one for uploads
        assert opened_n(transport) == 1


EACH_UPLOAD = [case(kind, has_length) for kind in SERVERS for has_length in has_lengths(kind)]


@pytest.mark.parametrize("server, has_length", EACH_UPLOAD, indirect=["server"])
async def test_uploads_go_on_after_early_answers(server: Server, authority: Authority, has_length: bool) -> None:
    """On the same connection, or on another one where the server has forgotten to give credit back (rule C29)."""
    async with own_transport(authority, timeouts=replace(TIMEOUTS, write_s=5)) as transport:
        for _ in range(REFUSALS_N):
            await refuse_upload(server, transport, has_length=has_length)
            await echo(transport, server.url("/echo"), MIB, MIB)
