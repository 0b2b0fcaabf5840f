"""The scripted upstream: a server on a native thread of its own. The contract of the extension module.

A script is a list of rules, tried in order for each request; the first that matches answers it. Everything is
compiled to plain values by penstock.testing; the thread never takes the GIL.
"""

from collections.abc import Sequence
from typing import Any, TypedDict, final

Fields = Sequence[tuple[bytes, bytes]]

class Match(TypedDict, total=False):
    """All that is given must hold. An empty one matches everything."""

    method: bytes
    path: bytes  # without the query; a final b"*" matches any rest
    headers: Sequence[tuple[bytes, bytes | None]]  # name in lower case; None: present, whatever its value
    json: Sequence[tuple[bytes, bytes]]  # JSON pointer (RFC 6901) into the body, and the scalar's JSON text; not for
    # an early rule, and only within the first `body_limit_bytes`
    attempt: int  # the n-th request, from 1, for which all the rest of this rule holds
    times: int  # for so many requests, then the rule is used up
    for_us: int  # for so long after its first match

Step = tuple[Any, ...]
# The first item names the step:
#   ("delay", us)
#       wait
#   ("info", status, fields)
#       1xx head
#   ("head", status, fields, body_bytes)
#       final head. body_bytes >= 0: Content-Length is added; -1: chunked in HTTP/1.1; -2: until close in HTTP/1.1;
#       -3: as `fields` say, verbatim (lies included; the body is framed as they say). An HTTP/1.1 connection is
#       closed after a body of another length than announced
#   ("body", data)
#       a piece of the body: a chunk, or DATA
#   ("events", pieces, count, per_s, jitter, seed, stamps)
#       `count` pieces in turn, from `pieces` again and again. per_s 0: as fast as the peer takes them, else at
#       start + i / per_s (absolute schedule), each moved by at most jitter / per_s by a generator of that seed.
#       stamps: (piece_index, offset, kind): "seq" or "ns": 20 ASCII digits at `offset` of the piece are overwritten
#       when it is sent: the event's number in its response from 0 (it goes on in a later "events"), or
#       CLOCK_MONOTONIC in ns
#   ("trailers", fields)
#       ends the response
#   ("end",)
#       ends the response (implied at the end of a program unless it was cut)
#   ("cut", how)
#       ends the connection: "fin" (with close_notify), "abrupt" (FIN alone), "reset" (TCP RST)
#   ("rst", code)
#       RST_STREAM; HTTP/1.1: as ("cut", "reset")
#   ("goaway", code, last, debug)
#       last: "this" stream, "before" it, or "max" (2^31-1); the connection goes on; HTTP/1.1: nothing
#   ("settings", ((id, value), ...))
#       HTTP/2; HTTP/1.1: nothing. ValueError for values that HTTP/2 does not allow (those go as "raw")
#   ("raw", data)
#       bytes on the wire as they are, around all framing. A program without a head that has sent some ends silently:
#       the connection goes on; without either, the end of the program is FIN, or RST_STREAM INTERNAL_ERROR
#   ("split", bytes_n, pause_us)
#       from here on every write of this connection (to its socket: with TLS, of cipher bytes) has at most so many
#       bytes; 0 = no limit
#   ("stall",)
#       nothing more until the peer leaves

class Rule(TypedDict):
    match: Match
    early: bool  # answer when the request head is there, not after its body
    programs: Sequence[Sequence[Step]]  # the n-th match gets the n-th, later ones the last

class Listener(TypedDict, total=False):
    port: int  # 0 = any
    host: str  # "127.0.0.1"
    cert_file: str  # TLS
    key_file: str
    alpn: Sequence[bytes]  # default (b"h2", b"http/1.1"); empty: no ALPN
    tls_stall: bool  # never answers a ClientHello
    on_accept: str  # "serve" (default), "silence" (reads, never answers), "reset"
    max_connections: int  # further ones are reset at once; 0 = no limit
    max_streams: int  # HTTP/2: SETTINGS_MAX_CONCURRENT_STREAMS; default 100

def make_certificate(
    name: str, alt_names: str | None, not_before_s: int, not_after_s: int, issuer: tuple[bytes, bytes] = ...
) -> tuple[bytes, bytes]:
    """A new P-256 key and its certificate, both PEM: (certificate, key). `name` is the common name; `alt_names` as
    OpenSSL writes them, "DNS:localhost,IP:127.0.0.1", None for an authority; times are Unix time; without an issuer
    (its certificate and key) it is signed by itself. ValueError for what cannot be."""

@final
class Server:
    """Made running. ValueError for what cannot be, OSError when it cannot listen."""

    def __new__(cls, *, record_limit: int = 10_000, body_limit_bytes: int = 1 << 20) -> Server:
        """Keeps the first `record_limit` requests in full, of each body the first `body_limit_bytes`; the rest is
        counted."""
    def listen(self, listener: Listener, /) -> int:
        """The port."""
    def close_port(self, port: int, /) -> None:
        """From now on it refuses; connections that are there go on."""
    def set_script(self, rules: Sequence[Rule], /) -> None:
        """For requests that come from now on. Counters of rules start anew."""
    def records(self, since: int = 0, /) -> list[dict[str, Any]]:
        """Requests in order of arrival, from number `since`; the first is 0:
        {"number", "connection", "stream" (0 in HTTP/1.1), "protocol" (b"HTTP/1.1", b"HTTP/2"), "port", "is_tls",
        "method", "target", "headers" [(name, value)] (HTTP/2: also ":authority" and ":scheme"), "body" (b"" until it is
        over), "body_bytes" (all of it), "rule" (-1 = none), "attempt" (the n-th, from 1, for which its rule held),
        "status" (of the final head sent, 0 = not yet), "arrived_ns", "body_ns", "answered_ns" (head sent), "done_ns",
        "aborted_ns" (the peer left or reset), "sent_events"}; moments are CLOCK_MONOTONIC, 0 = not yet."""
    def wait(self, records: int, timeout_s: float, /) -> bool:
        """Until so many requests have come (GIL released); False when the time ran out."""
    def wait_done(self, number: int, timeout_s: float, /) -> bool:
        """Until that request is answered or aborted (GIL released). ValueError for a number at or above
        `record_limit`."""
    def clear(self) -> None:
        """Forget records and high-water marks. Numbers start anew, and wait() counts from here."""
    def stats(self) -> dict[str, int]:
        """connections, connections_total, connections_max, requests, running, running_max, aborted, unmatched,
        malformed, events. All but connections and running count from the server's start."""
    def drop_connections(self, how: str = "reset", /) -> None:
        """Every connection now: "fin", "abrupt" or "reset"."""
    def goaway(self) -> None:
        """Every HTTP/2 connection: graceful (2^31-1, then the last id)."""
    def close(self) -> None:
        """Ports, connections, thread: all gone when it returns (GIL released). May be called twice."""
