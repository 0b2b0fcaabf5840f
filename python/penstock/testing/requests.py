"""One request as the upstream saw it: a plain value made of the server's record."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from penstock.headers import Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Moments are seconds of CLOCK_MONOTONIC (time.monotonic()); None = has not happened.

    number       in order of arrival, from 0
    connection   the server's number of it; stream: of HTTP/2, 0 = HTTP/1.1
    protocol     "HTTP/1.1" or "HTTP/2"
    authority    host and port that were asked for: Host, or HTTP/2's :authority, which is not among the headers
    body         empty until it is over; its first part when longer than the limit; body_bytes is its whole length
    rule         which one answered, from 0, of the script with its faults; None = none did
    attempt      how often that rule had been asked then, from 1
    status       of the answer; 0 = no head was sent (yet)
    arrived_s, body_s, answered_s, done_s  its head came, its body ended, the answer's head was sent, the answer ended
    aborted_s    the peer left, or reset it
    """

    number: int
    method: str
    target: str
    headers: Headers
    authority: str = ""
    body: bytes = b""
    body_bytes: int = 0
    protocol: str = "HTTP/1.1"
    is_tls: bool = False
    port: int = 0
    connection: int = 0
    stream: int = 0
    rule: int | None = None
    attempt: int = 0
    status: int = 0
    sent_events: int = 0
    arrived_s: float | None = None
    body_s: float | None = None
    answered_s: float | None = None
    done_s: float | None = None
    aborted_s: float | None = None
    _document: list[Any] = field(default_factory=list, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Request:
        """From penstock._upstream.Server.records()."""

        def moment(name: str) -> float | None:
            return record[name] / 1e9 if record.get(name) else None

        return cls(
            number=record["number"],
            method=record["method"].decode("latin-1"),
            target=record["target"].decode("latin-1"),
            headers=Headers.of_raw(pair for pair in record["headers"] if not pair[0].startswith(b":")),
            authority=_authority(record["headers"]),
            body=record["body"],
            body_bytes=record["body_bytes"],
            protocol=record["protocol"].decode("ascii"),
            is_tls=record["is_tls"],
            port=record["port"],
            connection=record["connection"],
            stream=record["stream"],
            rule=None if record["rule"] < 0 else record["rule"],
            attempt=record["attempt"],
            status=record.get("status", 0),
            sent_events=record["sent_events"],
            arrived_s=moment("arrived_ns"),
            body_s=moment("body_ns"),
            answered_s=moment("answered_ns"),
            done_s=moment("done_ns"),
            aborted_s=moment("aborted_ns"),
        )

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, list[str]]:
        """Names to values, decoded."""
        return parse_qs(self.target.partition("?")[2], keep_blank_values=True)

    def header(self, name: str) -> str | None:
        """The first value of that name."""
        return self.headers.get(name)

    def json(self) -> Any:
        """The body as JSON; ValueError when it is not."""
        if not self._document:
            self._document.append(json.loads(self.body))
        return self._document[0]

    @property
    def is_aborted(self) -> bool:
        """Did the peer leave before the answer's end?"""
        return self.aborted_s is not None

    def line(self) -> str:
        """For messages: method, target, what became of it."""
        fate = "aborted by the peer" if self.is_aborted else f"answered {self.status}" if self.status else "unanswered"
        return f"{self.method} {self.target} ({self.protocol}, connection {self.connection}, {fate})"

    def __repr__(self) -> str:
        return f"<Request {self.number}: {self.line()}>"


def _authority(fields: Sequence[tuple[bytes, bytes]]) -> str:
    found = {name.lower(): value for name, value in fields}
    return found.get(b":authority", found.get(b"host", b"")).decode("latin-1")
