"""Trace signals that aiohttp's connector would send, sent by us when the head is there or the request has failed.

The engine connects without asking Python, so the order is true and the moments are not; durations are in
`response.connection.transport.get_extra_info("penstock").timings`. Nothing is looked at when nobody traces.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from penstock.errors import ConnectError, ConnectTimeout, PenstockError
from penstock.response import Response
from penstock.timings import Timings

if TYPE_CHECKING:
    from aiohttp import ClientRequest


async def send_connection(request: ClientRequest, response: Response, err: PenstockError | None = None) -> None:
    """reuseconn, or create_* with dns_* in between; without the end of what did not end."""
    if not request._traces:
        return
    timings = response.timings
    is_connected = timings.connection != 0
    if timings.reused:
        for trace in request._traces:
            await trace.send_connection_reuseconn()
    elif is_connected or isinstance(err, ConnectError | ConnectTimeout):
        for trace in request._traces:
            await trace.send_connection_create_start()
        await _send_dns(request, timings)
        if is_connected:
            for trace in request._traces:
                await trace.send_connection_create_end()


async def _send_dns(request: ClientRequest, timings: Timings) -> None:
    host = request.url.raw_host
    if not timings.dns_s or host is None or _is_address(host):
        return
    for trace in request._traces:
        await trace.send_dns_resolvehost_start(host)
        await trace.send_dns_resolvehost_end(host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def send_request_headers(request: ClientRequest) -> None:
    for trace in request._traces:
        await trace.send_request_headers(request.method, request.url, request.headers)


async def send_chunk(request: ClientRequest, chunk: bytes) -> None:
    for trace in request._traces:
        await trace.send_request_chunk_sent(request.method, request.url, chunk)
