"""Where the time of one request went. A plain value; the engine counts microseconds, here are seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Durations and moments in seconds since the request was submitted; None = did not happen (yet).

    `queued_s`, `dns_s`, `connect_s`, `tls_s` are durations (the last three only when a connection was made for
    this request); `sent_s`, `first_byte_s`, `total_s` are moments. Bytes are body bytes.
    """

    queued_s: float | None = None
    dns_s: float | None = None
    connect_s: float | None = None
    tls_s: float | None = None
    sent_s: float | None = None
    first_byte_s: float | None = None
    total_s: float | None = None
    bytes_received: int = 0
    bytes_sent: int = 0
    reused: bool = False
    attempts: int = 0
    connection: int = 0  # the engine's number of the connection; 0 = none
    stream_id: int = 0  # on that connection; 0 = HTTP/1.1
    peer: str = ""  # "192.0.2.1:443"
    local: str = ""  # our end of the connection
    tls_version: str = ""  # "TLSv1.3"; "" = none
    phase: str = ""

    @classmethod
    def of(cls, facts: Mapping[str, int | bool | str]) -> Timings:
        """From the engine's dict (`Exchange.timings`)."""

        def moment(key: str) -> float | None:
            us = int(facts.get(key, -1))
            return None if us < 0 else us / 1e6

        return cls(
            queued_s=moment("queued_us"),
            dns_s=moment("dns_us"),
            connect_s=moment("connect_us"),
            tls_s=moment("tls_us"),
            sent_s=moment("sent_us"),
            first_byte_s=moment("first_byte_us"),
            total_s=moment("end_us"),
            bytes_received=int(facts.get("bytes_received", 0)),
            bytes_sent=int(facts.get("bytes_sent", 0)),
            reused=bool(facts.get("reused", False)),
            attempts=int(facts.get("attempts", 0)),
            connection=int(facts.get("connection", 0)),
            stream_id=int(facts.get("stream_id", 0)),
            peer=str(facts.get("peer", "")),
            local=str(facts.get("local", "")),
            tls_version=str(facts.get("tls", "")),
            phase=str(facts.get("phase", "")),
        )
