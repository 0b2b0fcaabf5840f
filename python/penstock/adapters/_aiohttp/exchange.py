"""One request of aiohttp's, one exchange of ours, one ClientResponse of aiohttp's.

The hot path: a body at hand goes with the submit, and nothing runs beside the caller's task.
"""

from __future__ import annotations

from typing import Any

from aiohttp import ClientRequest, ClientResponse, hdrs
from aiohttp.payload import BytesPayload

from penstock.adapters._aiohttp import signals
from penstock.adapters._aiohttp.errors import head_error
from penstock.adapters._aiohttp.link import Connection, Link
from penstock.adapters._aiohttp.version import Settings, takes_stream_writer
from penstock.adapters._aiohttp.writer import BodyWriter, Tracking, write_body
from penstock.client import Transport
from penstock.errors import PenstockError
from penstock.limits import Clocks

STREAM_WRITER = takes_stream_writer()  # ClientResponse wants one


class NoWriter:
    """The stream_writer of a request whose body went with the submit."""

    output_size = 0


NO_WRITER = NoWriter()


async def send(request: ClientRequest, transport: Transport, settings: Settings) -> ClientResponse:
    """Until the response head is there. Raises what aiohttp raises."""
    _add_content_type(request)
    body = _body_at_hand(request)
    is_streamed = body is None and request._body is not None
    try:
        response = transport.submit(
            request.method,
            str(request.url),
            _fields(request),
            body,
            clocks_of(settings.timeout),
            server_name=request.server_hostname,
            streamed=is_streamed,
        )
    except PenstockError as err:
        if (exc := head_error(err, request)) is err:
            raise
        raise exc from err
    link = Link(request, response, settings, transport.network.uds)
    if request._traces:
        await signals.send_request_headers(request)
    writer = BodyWriter(link, request) if is_streamed else None
    task = None if writer is None else request.loop.create_task(write_body(link, request, writer))
    if task is not None:
        request._writer = task  # a retry waits for it
    elif request._traces or getattr(request, "_upload_tracker", None) is not None:
        await _tell_body(request, body)
    made = _response(request, task, writer)
    try:
        await made.start(Connection(link))  # type: ignore[arg-type]
    except BaseException:
        made.close()
        raise
    return made


def clocks_of(timeout: Any) -> Clocks:
    """`total` is aiohttp's own timer; `connect` as a whole is Link's; sock_read is a limit on silence."""
    connect_s, sock_connect_s = timeout.connect or None, timeout.sock_connect or None
    if connect_s is not None and (sock_connect_s is None or connect_s < sock_connect_s):
        sock_connect_s = connect_s
    read_s = timeout.sock_read or None
    return (sock_connect_s, None, connect_s, read_s, read_s, None)


def _body_at_hand(request: ClientRequest) -> Any:
    """bytes that can go with the submit; None when there are none, or when they have to be written."""
    body = request._body
    if body is None:  # where aiohttp says "Content-Length: 0" the body is an empty one, not none
        return b"" if hdrs.CONTENT_LENGTH in request.headers else None
    if not isinstance(body, BytesPayload) or request.compress or request.chunked:
        return None
    if getattr(request, "_upload_tracker", None) is not None:
        return None
    if type(body).write_with_length is not BytesPayload.write_with_length:
        return None
    return body._value


def _fields(request: ClientRequest) -> list[tuple[Any, Any]]:
    """As aiohttp sends them: UTF-8."""
    fields: list[tuple[Any, Any]] = list(request.headers.items())
    for _, value in fields:
        if not value.isascii():
            return [(name.encode("utf-8"), value.encode("utf-8")) for name, value in fields]
    return fields


def _add_content_type(request: ClientRequest) -> None:
    """aiohttp does this when it sends."""
    headers = request.headers
    if (
        request.method in request.POST_METHODS
        and hdrs.CONTENT_TYPE not in headers
        and hdrs.CONTENT_TYPE not in request.skip_auto_headers
    ):
        headers[hdrs.CONTENT_TYPE] = "application/octet-stream"


async def _tell_body(request: ClientRequest, body: Any) -> None:
    if body and request._traces:
        await signals.send_chunk(request, bytes(body))
    Tracking(request).finished()


def _response(request: ClientRequest, task: Any, writer: BodyWriter | None) -> ClientResponse:
    settings: dict[str, Any] = {"stream_writer": writer or NO_WRITER} if STREAM_WRITER else {}
    owner: Any = request
    made: ClientResponse = request.response_class(
        request.method,
        request.original_url,
        writer=task,
        continue100=None,  # the engine waits for it
        timer=request._timer,
        request_info=request.request_info,
        traces=request._traces,
        loop=request.loop,
        session=request._session,
        **settings,
    )
    owner.response = made
    return made
