"""How long and how much: Timeouts and Limits, checked when made. Units live in the names.

The defaults are for LLM traffic: minutes until the first byte and between two pieces of a body are normal,
a slow connect or a full pool is not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from penstock import check

KIB = 1024
MIB = 1024 * KIB
UNLIMITED = 2**32 - 1  # of what a machine has

Clocks = tuple[float | None, float | None, float | None, float | None, float | None, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds; None = unlimited. Each is a limit of its own kind:

    connect_s     making one connection: name, TCP, TLS
    write_s       without progress while the request is written
    pool_s        waiting for a free connection
    first_byte_s  from the request's last byte to the response head
    idle_s        without a byte inside the response body
    total_s       all of it
    """

    connect_s: float | None = 10.0
    write_s: float | None = 60.0
    pool_s: float | None = 60.0
    first_byte_s: float | None = 600.0
    idle_s: float | None = 300.0
    total_s: float | None = None
    clocks: Clocks = field(init=False, repr=False, compare=False)  # as the engine takes them

    def __post_init__(self) -> None:
        clocks = (
            check.optional_seconds("connect_s", self.connect_s),
            check.optional_seconds("write_s", self.write_s),
            check.optional_seconds("pool_s", self.pool_s),
            check.optional_seconds("first_byte_s", self.first_byte_s),
            check.optional_seconds("idle_s", self.idle_s),
            check.optional_seconds("total_s", self.total_s),
        )
        object.__setattr__(self, "clocks", clocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one transport may use, and what a peer may send.

    max_connections             over all origins; those that only finish what runs do not count
    max_connections_per_origin  for one scheme, host and port
    max_waiting                 requests queued for a connection, over all origins
    max_idle_connections        unused connections that are kept, over all origins; None = no limit but the others
    idle_s                      a connection unused for so long is closed
    age_s                       a connection older than this gets no new request; None = never
    head_bytes, head_fields     of a response head: sum of name + value + 32 (RFC 9113 6.5.2), and how many
    trailer_bytes, line_bytes   of the trailer section; of one line
    info_count                  1xx responses before the final one
    buffer_bytes                of a response body that is not yet read, before the connection is paused; with
                                HTTP/2 the stream, at up to four times that for a reader who kept up
    upload_bytes                of a streamed request body that is not yet sent, before its source is paused
    gather_s                    body bytes that come so soon after a wake-up of their event loop wait for it to pass, so
                                that a hundred paced streams cost one wake-up and not a hundred; 0 = not at all. A head,
                                a body's first bytes, its end and large pieces do not wait once they were read; while a
                                trickle goes on, reading itself may be so late
    body_bytes                  most that read() and request() collect; None = no limit
    """

    max_connections: int = 1000
    max_connections_per_origin: int = 100
    max_waiting: int = 10_000
    max_idle_connections: int | None = None
    idle_s: float = 55.0
    age_s: float | None = 600.0
    head_bytes: int = 128 * KIB
    head_fields: int = 500
    trailer_bytes: int = 16 * KIB
    line_bytes: int = 64 * KIB
    info_count: int = 16
    buffer_bytes: int = 1 * MIB
    upload_bytes: int = 256 * KIB
    gather_s: float = 0.0
    body_bytes: int | None = 256 * MIB

    def __post_init__(self) -> None:
        check.count("max_connections", self.max_connections, least=1)
        check.count("max_connections_per_origin", self.max_connections_per_origin, least=1)
        check.count("max_waiting", self.max_waiting)
        if self.max_idle_connections is not None:
            check.count("max_idle_connections", self.max_idle_connections)
        check.seconds("idle_s", self.idle_s)
        check.optional_seconds("age_s", self.age_s)
        check.count("head_bytes", self.head_bytes, least=1 * KIB)
        check.count("head_fields", self.head_fields, least=1)
        check.count("trailer_bytes", self.trailer_bytes)
        check.count("line_bytes", self.line_bytes, least=256)
        check.count("info_count", self.info_count)
        check.count("buffer_bytes", self.buffer_bytes, least=4 * KIB, most=1024 * MIB)
        check.count("upload_bytes", self.upload_bytes, least=4 * KIB, most=1024 * MIB)
        check.seconds("gather_s", self.gather_s, most_s=0.1)
        if self.body_bytes is not None:
            check.count("body_bytes", self.body_bytes, least=1, most=2**62)

    def pool_part(self) -> dict[str, Any]:
        """These settings as the engine takes them. (`body_bytes` goes with each request.)"""
        return {
            "max_connections": self.max_connections,
            "max_connections_per_origin": self.max_connections_per_origin,
            "max_waiting": self.max_waiting,
            "max_idle": UNLIMITED if self.max_idle_connections is None else self.max_idle_connections,
            "idle_ms": max(1, round(self.idle_s * 1000)),  # the engine's 0 is "no limit"
            "age_ms": 0 if self.age_s is None else max(1, round(self.age_s * 1000)),
            "head_bytes": self.head_bytes,
            "head_fields": self.head_fields,
            "trailer_bytes": self.trailer_bytes,
            "line_bytes": self.line_bytes,
            "info_count": self.info_count,
            "buffer_bytes": self.buffer_bytes,
            "upload_bytes": self.upload_bytes,
            "gather_us": round(self.gather_s * 1e6),
        }
