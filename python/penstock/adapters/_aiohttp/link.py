"""What stands where aiohttp has a connection and its protocol: one exchange of ours.

`ClientResponse.start(connection)` reads the head from `connection.protocol`; `release()` and `close()` end the
exchange, which resets it at the peer when it is unfinished. Owner: the ClientResponse. Thread: its loop's.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp import hdrs
from aiohttp.http import HttpVersion, HttpVersion10, HttpVersion11
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import EMPTY_PAYLOAD
from multidict import CIMultiDict, CIMultiDictProxy

from penstock.adapters._aiohttp import decoding, signals
from penstock.adapters._aiohttp.errors import connection_timeout, head_error
from penstock.adapters._aiohttp.reader import BodyReader
from penstock.adapters._aiohttp.version import Settings
from penstock.errors import PenstockError
from penstock.response import Response

if TYPE_CHECKING:
    from aiohttp import ClientRequest

VERSIONS = {b"HTTP/1.1": HttpVersion11, b"HTTP/1.0": HttpVersion10, b"HTTP/2": HttpVersion(2, 0)}
PHRASES = {each.value: each.phrase for each in HTTPStatus}
UNCONNECTED = ("", "queue", "resolve", "connect", "tls")  # phases before a connection is there
NO_BODY = (204, 304)


class Message(NamedTuple):
    """The part of aiohttp's RawResponseMessage that ClientResponse.start() takes."""

    version: HttpVersion
    code: int
    reason: str
    headers: CIMultiDictProxy[str]
    raw_headers: tuple[tuple[bytes, bytes], ...]


class Facts:
    """`response.connection.transport`: what can be asked about the connection."""

    __slots__ = ("_link",)

    def __init__(self, link: Link) -> None:
        self._link = link

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """ "peername", and "penstock": the penstock.Response, with timings and HTTP version. There is no socket."""
        if name == "penstock":
            return self._link.response
        if name == "peername" and (peer := self._link.response.timings.peer):
            host, _, port = peer.rpartition(":")
            return (host.strip("[]"), int(port)) if port.isdigit() else default
        return default

    def is_closing(self) -> bool:
        return not self._link.connected

    def get_write_buffer_size(self) -> int:
        """Of the request body: bytes that are not yet on the wire."""
        return self._link.unsent_bytes

    def close(self) -> None:
        self._link.exchange.cancel()

    abort = close


class Link:
    """The protocol."""

    __slots__ = ("_loop", "_request", "_settings", "_uds", "exchange", "failure", "is_late", "queued_bytes", "response")
    upgraded = False
    should_close = False
    writing_paused = False
    _reading_paused = False  # looked at by aiohttp before 3.14

    def __init__(self, request: ClientRequest, response: Response, settings: Settings, uds: str | None) -> None:
        self._request: Any = request  # until the head is there; a response outlives it, with its body's source
        self._settings = settings
        self._uds = uds
        self.response = response
        self.exchange = response.exchange
        self.failure: BaseException | None = None  # what the request body's source raised
        self.queued_bytes = 0  # of the request body
        self.is_late = False  # ClientTimeout.connect ran out

    def __repr__(self) -> str:
        return f"<Link {self.response!r}>"

    async def read(self) -> tuple[Message, Any]:
        """The head, and the body's reader."""
        connect_s = self._settings.timeout.connect
        timer = self._request.loop.call_later(connect_s, self._give_up_connecting) if connect_s else None
        try:
            await self.exchange.wait_head()
        except PenstockError as err:
            await signals.send_connection(self._request, self.response, err)
            exc = self._error(err)
            if isinstance(exc, HttpProcessingError):
                exc.__cause__ = err
            if exc is err:
                raise
            raise exc from err
        finally:
            if timer is not None:
                timer.cancel()
        if self._request._traces:
            await signals.send_connection(self._request, self.response)
        message = _message(self.exchange)
        body = await self._body(message)
        self._request = None
        return message, body

    def _error(self, err: PenstockError) -> BaseException:
        if self.is_late:
            return connection_timeout(self._request)
        return self.failure or head_error(err, self._request, self._uds)

    def _give_up_connecting(self) -> None:
        if self.exchange.timings["phase"] in UNCONNECTED:
            self.is_late = True
            self.exchange.cancel()

    async def _body(self, message: Message) -> Any:
        exchange = self.exchange
        headers = message.headers
        if self._request.method == hdrs.METH_HEAD or message.code in NO_BODY:
            await exchange.read_chunk()  # its end, which is there
            return EMPTY_PAYLOAD
        is_chunked = hdrs.TRANSFER_ENCODING in headers
        if not self._settings.read_until_eof and not is_chunked and hdrs.CONTENT_LENGTH not in headers:
            exchange.cancel()
            return EMPTY_PAYLOAD
        request = self._request
        reader = BodyReader(self, self._settings.read_bufsize, request._timer, request.loop)
        if is_chunked:
            reader.begin_http_chunk_receiving()
        if self._settings.auto_decompress and (encoding := decoding.encoding_of(headers)):
            reader.decode_with(decoding.decoder(reader, encoding))
        if exchange.state == "done":
            await reader.take_present()
        return reader

    @property
    def is_done(self) -> bool:
        return self.exchange.state == "done"

    @property
    def connected(self) -> bool:
        return self.exchange.state in ("sent", "open")

    def is_connected(self) -> bool:
        return self.connected

    @property
    def unsent_bytes(self) -> int:
        return max(0, self.queued_bytes - int(self.exchange.timings["bytes_sent"]))

    @property
    def transport(self) -> Facts:
        return Facts(self)

    def pause_reading(self) -> None:
        """Nothing to pause: the engine is asked when there is a reader."""

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Nothing was paused."""

    def start_timeout(self) -> None:
        """The engine has the clocks."""


class Connection:
    """`response.connection`, until the body has ended or the response was closed."""

    __slots__ = ("_callbacks", "_link")

    def __init__(self, link: Link) -> None:
        self._link: Link | None = link
        self._callbacks: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        return f"<Connection {self._link!r}>"

    @property
    def protocol(self) -> Link | None:
        return self._link

    @property
    def transport(self) -> Facts | None:
        return None if self._link is None else self._link.transport

    @property
    def closed(self) -> bool:
        return self._link is None or not self._link.connected

    def add_callback(self, callback: Callable[[], None] | None) -> None:
        if callback is not None:
            self._callbacks.append(callback)

    def release(self) -> None:
        """End the exchange: harmless when it is complete, else it is reset at the peer. May be called twice."""
        callbacks, self._callbacks = self._callbacks, []
        for each in callbacks:
            with suppress(Exception):
                each()
        if self._link is not None:
            self._link.exchange.cancel()
            self._link = None

    close = release


def _message(exchange: Any) -> Message:
    raw = tuple(exchange.headers)
    version = VERSIONS.get(exchange.http_version, HttpVersion11)
    status = exchange.status
    reason = exchange.reason.decode("utf-8", "surrogateescape")
    if not reason and version.major == 2:  # HTTP/2 has none, and aiohttp's errors show it
        reason = PHRASES.get(status, "")
    return Message(version, status, reason, CIMultiDictProxy(CIMultiDict(_texts(raw))), raw)


def _texts(raw: tuple[tuple[bytes, bytes], ...]) -> list[tuple[str, str]]:
    """As aiohttp decodes them."""
    try:
        return [(name.decode(), value.decode()) for name, value in raw]
    except UnicodeDecodeError:
        how = ("utf-8", "surrogateescape")
        return [(name.decode(*how), value.decode(*how)) for name, value in raw]
