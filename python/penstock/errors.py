"""What can go wrong: one tree under PenstockError, and the one table from the engine's codes to it.

In: the dict the engine describes a failed request with (`_core.set_error_factory`). Out: an exception that says
what happened, where, after how long, whose fault it was, and whether sending the request again can make the
peer act twice. docs/errors.md is the same table for people; a test keeps the two together.

Texts never hold a header value, a query or a key: the engine names fields, not what is in them.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from penstock.timings import Timings

Whose = Literal["caller", "peer", "network", "penstock"]

# csrc/base/err.h, enum ps_phase
PHASES = ("", "queue", "resolve", "connect", "tls", "send", "wait", "head", "body", "proxy")
PHASE_TEXTS = {
    "queue": "waiting for a connection",
    "resolve": "resolving the name",
    "connect": "connecting",
    "tls": "in the TLS handshake",
    "send": "sending the request",
    "wait": "waiting for the response",
    "head": "in the response head",
    "body": "in the response body",
    "proxy": "asking the proxy",
}
# RFC 9110 9.2.2
IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})


class PenstockError(Exception):
    """The root. Every leaf carries the same facts; those that do not apply keep their empty default.

    Class facts: `code` (stable), `whose` fault it usually is, `can_retry` (might another try go better at all),
    `advice` (one sentence). `text` is the message alone; str() adds the facts to it.
    """

    code: ClassVar[str] = "error"
    whose: ClassVar[Whose] = "penstock"
    can_retry: ClassVar[bool] = False
    advice: ClassVar[str] = ""

    def __init__(
        self,
        text: str,
        *,
        origin: str = "",
        method: str = "",
        phase: str = "",
        elapsed_s: float | None = None,
        bytes_received: int = 0,
        head_seen: bool = False,
        maybe_processed: bool = False,
        attempts: int = 0,
        timings: Timings | None = None,
        os_error: int = 0,
        detail: int = 0,
    ) -> None:
        super().__init__(text)
        self.text = text
        self.origin = origin
        self.method = method
        self.phase = phase
        self.elapsed_s = elapsed_s
        self.bytes_received = bytes_received
        self.head_seen = head_seen
        self.maybe_processed = maybe_processed
        self.attempts = attempts
        self.timings = timings
        self.os_error = os_error  # errno; 0 = none
        self.detail = detail  # X509 verify result, HTTP/2 error code, a proxy's status or reply code; 0 = none

    @property
    def is_peer_fault(self) -> bool:
        return self.whose == "peer"

    @property
    def retry_is_safe(self) -> bool:
        """Might another try help, and can it not make the peer act twice? The peer has certainly not acted on
        this request, or the method is idempotent (RFC 9110 9.2.2)."""
        return self.can_retry and (not self.maybe_processed or self.method in IDEMPOTENT)

    def __str__(self) -> str:
        target = f"{self.method} {self.origin}".strip()
        parts = [f"{target}: {self.text}" if target else self.text]
        if facts := self._facts():
            parts.append(f" ({', '.join(facts)})")
        if self.advice:
            parts.append(f". {self.advice}")
        return "".join(parts)

    def _facts(self) -> list[str]:
        facts: list[str] = []
        if self.phase:
            facts.append(PHASE_TEXTS.get(self.phase, self.phase))
        if self.elapsed_s is not None and self.origin:
            facts.append(
                f"after {self.elapsed_s:.3g} s" if self.elapsed_s >= 1 else f"after {self.elapsed_s * 1000:.3g} ms"
            )
        if self.head_seen:
            facts.append(f"{self.bytes_received} body bytes received")
        if self.attempts > 1:
            facts.append(f"{self.attempts} attempts")
        if self.attempts:
            facts.append("the peer may have acted on it" if self.maybe_processed else "the peer has not acted on it")
        return facts


# -- the caller's fault: nothing was sent --


class InvalidRequest(PenstockError, ValueError):
    code = "invalid_request"
    whose: ClassVar[Whose] = "caller"


class InvalidURL(InvalidRequest):
    code = "invalid_url"


class UnsupportedScheme(InvalidURL):
    code = "unsupported_scheme"
    advice = "Only http:// and https:// URLs can be requested"


class InvalidHeader(InvalidRequest):
    code = "invalid_header"


class ConfigError(PenstockError, ValueError):
    code = "config"
    whose: ClassVar[Whose] = "caller"


class BodyMismatch(PenstockError):
    code = "body_mismatch"
    whose: ClassVar[Whose] = "caller"
    advice = "Send exactly as many bytes as Content-Length says, or leave it out"


class TransportClosed(PenstockError, RuntimeError):
    code = "transport_closed"
    whose: ClassVar[Whose] = "caller"
    advice = "Make a new Transport"


class ForkedError(PenstockError, RuntimeError):
    code = "forked"
    whose: ClassVar[Whose] = "caller"
    advice = "Make the request again in the child process"


class RequestCancelled(PenstockError):
    """Another party gave this request up: Response.cancel(), or a Transport whose drain time ran out. (A
    cancelled asyncio task sees asyncio.CancelledError instead.)"""

    code = "cancelled"
    whose: ClassVar[Whose] = "caller"


# -- a clock ran out --


class TimeoutError(PenstockError, builtins.TimeoutError):
    code = "timeout"
    whose: ClassVar[Whose] = "peer"
    can_retry = True


class ConnectTimeout(TimeoutError):
    code = "connect_timeout"
    whose: ClassVar[Whose] = "network"
    advice = "Is the host reachable? Timeouts(connect_s=...) sets the limit"


class WriteTimeout(TimeoutError):
    code = "write_timeout"
    advice = "Timeouts(write_s=...) limits the time without progress"


class PoolTimeout(TimeoutError):
    code = "pool_timeout"
    whose: ClassVar[Whose] = "caller"
    advice = (
        "Raise Limits(max_connections_per_origin=...), or close responses sooner; Timeouts(pool_s=...) sets the limit"
    )


class FirstByteTimeout(TimeoutError):
    code = "first_byte_timeout"
    advice = "Timeouts(first_byte_s=...) sets the limit"


class IdleTimeout(TimeoutError):
    code = "idle_timeout"
    advice = "Timeouts(idle_s=...) limits the silence between two pieces of the body"


class TotalTimeout(TimeoutError):
    code = "total_timeout"
    advice = "Timeouts(total_s=...) sets the limit"


# -- no connection --


class ConnectError(PenstockError):
    code = "connect"
    whose: ClassVar[Whose] = "network"
    can_retry = True


class ResolveError(ConnectError):
    code = "resolve"
    advice = "Check the host name and the resolver"


class ConnectFailed(ConnectError):
    code = "connect_failed"
    advice = "Check host, port and firewall"


class TLSError(ConnectError):
    code = "tls"
    whose: ClassVar[Whose] = "peer"


class CertificateError(TLSError):
    code = "certificate"
    can_retry = False
    advice = "TLS(ca_file=...) names the authorities to trust; without verify anybody in between can read the traffic"


class ProxyError(ConnectError):
    """The proxy was reached and opened no way to the origin. `detail` is what it answered CONNECT with, or its
    SOCKS5 reply code; 0 = its answer was no answer."""

    code = "proxy"
    advice = "Ask the proxy's owner; NO_PROXY or Transport(trust_env=False) goes around a proxy of the environment"


class ProxyAuthRequired(ProxyError):
    code = "proxy_auth"
    whose: ClassVar[Whose] = "caller"
    can_retry = False
    advice = "Proxy(auth=(user, password)) gives the credentials"


# -- the connection broke --


class NetworkError(PenstockError):
    code = "network"
    whose: ClassVar[Whose] = "network"
    can_retry = True


class ReadError(NetworkError):
    code = "read"


class WriteError(NetworkError):
    code = "write"


class Disconnected(NetworkError):
    code = "disconnected"
    whose: ClassVar[Whose] = "peer"


# -- the peer broke the rules --


class ProtocolError(PenstockError):
    code = "protocol"
    whose: ClassVar[Whose] = "peer"
    can_retry = True


class MalformedResponse(ProtocolError):
    code = "malformed_response"
    can_retry = False


class TruncatedResponse(ProtocolError):
    code = "truncated"
    advice = "What was received is incomplete: do not treat it as a whole answer"


class LimitExceeded(ProtocolError):
    code = "limit"
    can_retry = False
    advice = "Limits(...) sets what is allowed"


class InternalError(PenstockError):
    code = "internal"
    advice = "This is a bug of penstock, please report it"


# -- the tables: csrc/base/status.h and enum ps_clock_kind to classes --

STATUSES: Mapping[int, type[PenstockError]] = {
    2: InvalidRequest,
    3: InvalidURL,
    4: InvalidHeader,
    5: UnsupportedScheme,
    6: ResolveError,
    7: ConnectFailed,
    8: TLSError,
    9: CertificateError,
    10: TimeoutError,
    11: ReadError,
    12: WriteError,
    13: Disconnected,
    14: TruncatedResponse,
    15: MalformedResponse,
    16: LimitExceeded,
    17: BodyMismatch,
    18: RequestCancelled,
    19: TransportClosed,
    20: ForkedError,
    21: InternalError,
    22: ProxyError,
    23: ProxyAuthRequired,
}
CLOCKS: Mapping[int, type[TimeoutError]] = {
    1: ConnectTimeout,
    2: WriteTimeout,
    3: PoolTimeout,
    4: FirstByteTimeout,
    5: IdleTimeout,
    6: TotalTimeout,
}
TIMED_OUT = 10
LEAVES: tuple[type[PenstockError], ...] = (*STATUSES.values(), *CLOCKS.values(), ConfigError)
CODES: Mapping[str, type[PenstockError]] = {each.code: each for each in LEAVES}


def error_class(status: int, clock: int) -> type[PenstockError]:
    """The class for a status of the engine; an unknown number is a bug of ours.

    >>> error_class(TIMED_OUT, 4).__name__
    'FirstByteTimeout'
    """
    if status == TIMED_OUT:
        return CLOCKS.get(clock, TimeoutError)
    return STATUSES.get(status, InternalError)


def error_from_facts(facts: Mapping[str, Any]) -> PenstockError:
    """The exception for a failed request; `facts` as `_core.set_error_factory` documents them."""
    made = error_class(facts["status"], facts["clock"])
    phase = facts["phase"]
    return made(
        facts["text"] or made.code,
        origin=facts["origin"],
        method=facts["method"],
        phase=PHASES[phase] if 0 <= phase < len(PHASES) else str(phase),
        elapsed_s=facts["elapsed_us"] / 1e6,
        bytes_received=facts["bytes_received"],
        head_seen=facts["head_seen"],
        maybe_processed=facts["maybe_processed"],
        attempts=facts["attempts"],
        timings=Timings.of(facts["timings"]),
        os_error=-facts["sys"],
        detail=facts["detail"],
    )
