"""What went wrong with one attempt, in words that all providers share. Routing decides by it, a dialect renders it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from penstock.dialects.dialect import Dialect


class Fault(str, Enum):
    """Whose fault, and with it: does it help to try again, here or elsewhere? Values are used in logs and metrics."""

    # The caller's: the same request fails everywhere.
    BAD_REQUEST = "bad_request"  # 400, 413, 422: nothing helps
    CONTEXT_WINDOW = "context_window"  # too long for this model: another group may take it
    CONTENT_POLICY = "content_policy"  # refused by a filter: a configured group may take it
    NOT_FOUND = "not_found"  # 404: no such model or path at this deployment
    # The gateway's owner's: this deployment will not do it, another may.
    AUTHENTICATION = "authentication"  # 401, 403, 402
    # The provider's or the network's.
    RATE_LIMIT = "rate_limit"  # 429
    OVERLOADED = "overloaded"  # 503, 529
    SERVER = "server"  # other 5xx, 408, 409, a body that is not what it should be
    CONNECT = "connect"  # nothing was sent: name, TCP, TLS, proxy, no free connection
    RESET = "reset"  # the connection went before the response head
    SILENT = "silent"  # accepted, and then no head or no first token in time: do not try the same route again
    # After the first semantic token.
    CUT = "cut"  # the stream ended before its end
    STALL = "stall"  # nothing for longer than the idle clock
    IN_STREAM = "in_stream"  # an error event inside a 200
    # Ours.
    CANCELLED = "cancelled"  # the caller went away
    BUDGET = "budget"  # attempts or time of the request are used up


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failed attempt.

    status         the provider's; None when there was no response head
    message        the provider's own words, or ours (host, phase, elapsed, bytes); never empty, no secrets
    type, code, param   as the provider gave them (OpenAI's names; Anthropic has only `type`)
    retry_after_s  from `retry-after-ms` or `retry-after` (seconds or date, relative to when it came)
    should_retry   the provider's `x-should-retry`; None when it did not say
    body           the provider's error body as it came, for callers of the same dialect; None when it was no response
    body_dialect   what it is written in
    """

    fault: Fault
    message: str
    status: int | None = None
    type: str | None = None
    code: str | None = None
    param: str | None = None
    retry_after_s: float | None = None
    should_retry: bool | None = None
    body: bytes | None = None
    body_dialect: Dialect | None = None
