"""The typed contract between Python and the C engine (csrc/py).

Times are seconds as float on the way in (None = no limit) and integer microseconds on the way out.
Only `runtime` and `sse.tally` import this module; others name its types.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Awaitable, TypedDict, final

# Seconds or None, in this order: connect, write, pool, first_byte, idle, total.
Clocks = tuple[float | None, float | None, float | None, float | None, float | None, float | None]
Fields = Sequence[tuple[str | bytes, str | bytes]]

class PoolConfig(TypedDict):
    """Everything that makes two transports share, or not share, connections."""

    # limits
    max_connections: int  # over all origins
    max_connections_per_origin: int
    max_waiting: int  # requests queued for a connection, over all origins
    max_idle: int  # idle connections over all origins; the longest idle ones are closed
    idle_ms: int  # close a connection unused for so long
    age_ms: int  # give a connection no new request after so long (jittered by 10 %); 0 = never
    head_bytes: int  # response head: sum of name + value + 32 (RFC 9113 6.5.2)
    head_fields: int
    trailer_bytes: int
    line_bytes: int
    info_count: int  # 1xx heads before the final one
    buffer_bytes: int  # unread response body held per request before reading stops
    upload_bytes: int  # unsent request body held per request before send() must wait
    gather_us: int  # how long body bytes may wait for others after a wake-up of their loop
    # net
    family: int  # 0 any, 1 IPv4, 2 IPv6
    local_address: str | None
    uds: str | None
    nodelay: bool
    keepalive_s: int  # TCP keep-alive; 0 = off
    user_timeout_ms: int
    eyeballs_ms: int
    socket_options: tuple[tuple[int, int, int | bytes], ...]  # set before connect()
    dns_ttl_ms: int
    # Pairs of kind (csrc/conn/proxy.h), host, port, fields (lines for it alone), user and password (SOCKS), tls (pairs
    # of what follows below, for an https proxy; else None). None = straight to the origins.
    proxy: tuple[tuple[str, Any], ...] | None
    # tls
    verify: bool
    check_hostname: bool
    ca_file: str | None
    ca_dir: str | None
    ca_pem: bytes | None
    use_system_ca: bool
    cert_file: str | None
    key_file: str | None
    key_password: str | None
    ciphers: str | None
    ciphersuites: str | None
    groups: str | None
    security_level: int  # -1 = library default
    min_version: int  # 0x0303, 0x0304
    max_version: int  # 0 = highest
    crl_check: bool
    partial_chain: bool
    x509_strict: bool
    keylog_file: str | None
    ssl_context: Any | None  # ssl.SSLContext sharing our libssl; ValueError says why when it cannot be used
    # http/2
    http2: int  # 0 off, 1 offered by ALPN, 2 and by prior knowledge without TLS
    strict_streams: bool  # the peer's stream limit is per origin
    settings_ack_ms: int
    quiet_ms: int
    quiet_answer_ms: int
    silence_ms: int
    silence_answer_ms: int

@final
class Engine:
    """One IO thread. Raises OSError when it cannot start."""

    def __new__(cls) -> Engine: ...
    def open_pool(self, config: PoolConfig) -> Pool:
        """Raises ValueError for settings that cannot be used, MemoryError, RuntimeError when stopped."""
    def stop(self, drain_s: float = 0.0) -> None:
        """Refuse new requests, let running ones finish for `drain_s`, cancel the rest, join the thread
        (GIL released). May be called twice."""
    def abandon(self) -> None:
        """In a forked child: forget the thread, close inherited descriptors without a word to any peer."""
    @property
    def is_running(self) -> bool: ...
    def stats(self) -> dict[str, int]:
        """Live counts: exchanges, connections, sockets, homes, loop_turns."""

@final
class Pool:
    """The connections of one configuration. Dropping the last reference closes idle connections and lets
    running requests finish."""

    def submit(
        self,
        method: str | bytes,
        url: str | bytes,
        headers: Fields,
        content: bytes | bytearray | memoryview | None,
        clocks: Clocks,
        /,
        *,
        streamed: bool = False,  # the body comes by Exchange.send(); content must be None
        whole: bool = False,  # deliver the response once, complete: wake-ups only at the end
        blocking: bool = False,  # use the *_sync calls; no event loop needed
        body_limit_bytes: int = 0,  # with whole: PS_LIMIT past this; 0 = none
        target: bytes | None = None,  # verbatim request target
        sni: str | None = None,  # TLS server name and name to verify
    ) -> Exchange:
        """Check the request, hand it to the engine, return at once.

        Without `blocking` it must be called in a running asyncio loop. Raises what `set_error_factory`
        makes of statuses 2..5 (bad input: nothing was sent), TypeError, RuntimeError (no loop)."""
    def stats(self) -> dict[str, Any]:
        """{"origins": [{"origin": "https://host:443", "connections": [{"id", "state", "protocol", "peer",
        "streams", "free_streams", "requests", "age_ms", "idle_ms", "ping_us"}],
        "waiting": [{"for", "since_ms"}]}], "connections": n, "waiting": n, "opened": n, "reused": n,
        "closed_idle": n, "stale": n, "failed_dials": n, "replayed": n, "goaways": n}. `ping_us` is -1 before
        the first answered PING."""

@final
class Exchange:
    """One request and its response. Single consumer. Dropping it cancels the request."""

    # -- asynchronous: awaitables; cancelling the awaiting task is safe; any may raise the request's error
    def wait_head(self) -> Awaitable[None]: ...
    def read_chunk(self) -> Awaitable[bytes]:
        """What has arrived, joined; b"" at the end of the body."""
    def read_whole(self) -> Awaitable[bytes]:
        """The complete body."""
    def __aiter__(self) -> AsyncIterator[bytes]: ...
    def __anext__(self) -> Awaitable[bytes]: ...
    def wait_room(self) -> Awaitable[bool]:
        """Wait until send() may be called; False when the peer wants no more (stop sending, read on)."""
    # -- blocking twins, for blocking=True; the GIL is released; signals are checked
    def wait_head_sync(self) -> None: ...
    def read_chunk_sync(self) -> bytes: ...
    def read_whole_sync(self) -> bytes: ...
    def wait_room_sync(self) -> bool: ...
    # -- both
    def send(self, data: bytes | bytearray | memoryview, end: bool = False, /) -> None:
        """Queue a piece of a streamed body; call wait_room() before each."""
    def cancel(self) -> None:
        """Give up: the connection or stream is reset at once. Harmless when done."""
    @property
    def status(self) -> int: ...  # 0 before the head
    @property
    def http_version(self) -> bytes: ...  # b"HTTP/1.1", b"HTTP/2"; b"" before the head
    @property
    def stream_id(self) -> int: ...  # of HTTP/2; 0 with HTTP/1.1 and before a connection was at hand
    @property
    def reason(self) -> bytes: ...
    @property
    def headers(self) -> list[tuple[bytes, bytes]]: ...  # names as received
    @property
    def trailers(self) -> list[tuple[bytes, bytes]]: ...
    @property
    def informational(self) -> list[tuple[int, list[tuple[bytes, bytes]]]]: ...
    @property
    def state(self) -> str:
        """"sent" (no head yet), "open" (body coming), "done" or "failed"."""
    @property
    def timings(self) -> dict[str, int | bool | str]:
        """Microseconds since submit, -1 = did not happen: queued_us, dns_us, connect_us, tls_us (durations),
        sent_us, first_byte_us, end_us (moments); plus bytes_received, bytes_sent (body bytes),
        reused (bool), attempts (int), connection (int id), peer (str), local (str), tls (str),
        phase (str)."""

@final
class Tally:
    """Counts beside the bytes of one provider's stream; `penstock.sse.reference` is the same in Python.

    ValueError for an unknown dialect or max_event_bytes below 1.
    """

    def __new__(
        cls,
        dialect: str,
        *,
        strip_usage: bool = False,
        keep_text: bool = False,
        is_strict: bool = False,
        max_event_bytes: int = 8388608,
    ) -> Tally: ...
    def feed(self, data: bytes, /) -> bytes:
        """The whole events to relay: `data` itself when that is all of it. `penstock.sse.EventTooLong` when one is
        longer than allowed, then for every later call too."""
    def text(self) -> str: ...
    def reasoning(self) -> str: ...
    def tool_calls(self) -> list[tuple[str, str, str]]:
        """Id, name and arguments."""
    @property
    def dialect(self) -> str: ...
    @property
    def seen(self) -> int:
        """Bits of penstock.sse.flags."""
    @property
    def held(self) -> bytes:
        """An unfinished event."""
    @property
    def events_n(self) -> int: ...
    @property
    def semantic_n(self) -> int:
        """Events with something in them that a reader would see."""
    @property
    def malformed_n(self) -> int: ...
    @property
    def text_bytes(self) -> int:
        """Of the text of all choices, as UTF-8."""
    @property
    def id(self) -> str | None: ...
    @property
    def model(self) -> str | None: ...
    @property
    def finish_reason(self) -> str | None: ...
    @property
    def usage(self) -> bytes | None:
        """Raw JSON; of messages merged from start and delta."""
    @property
    def error(self) -> bytes | None:
        """Raw JSON of an error event, or its data as it came."""
    @property
    def is_complete(self) -> bool:
        """The dialect's own sign of success was seen."""

ErrorFactory = Callable[[dict[str, Any]], BaseException]

def set_error_factory(factory: ErrorFactory) -> None:
    """`factory` makes the exception for a failed request from a dict: status (int, csrc/base/status.h), phase
    (int), clock (int), sys (int, negative errno or 0), detail (int), text (str), origin (str,
    "https://host:443"), method (str), elapsed_us (int), bytes_received (int), head_seen (bool),
    maybe_processed (bool: the peer may have acted on the request), attempts (int), timings (dict)."""

def versions() -> dict[str, str]:
    """Versions of the libraries in use: libuv, nghttp2, openssl."""

def shares_libssl(path_of_ssl_module: str) -> bool:
    """Does the extension module at that path use the very libssl that we use?"""
