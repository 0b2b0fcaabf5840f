"""One request as one value: who asked what, which way it went, how long each part took, what it used and cost.

The gateway makes a Record when a request comes in, fills it as it goes and gives it to `Journal.put` when all is
over; after that nobody writes to it, because each sink's thread reads it. No message text, key or header is in it
unless `keep_text` is set, and then only in `request_text` and `answer_text`. Times are milliseconds since
`started_s`, which is wall time. Pure: ids take their dice, times are arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import getrandbits
from typing import Literal

import msgspec

from penstock.dialects.failure import Failure
from penstock.journal.redact import clip, mask, shorten
from penstock.sse.usage import Usage

Outcome = Literal["complete", "cut", "failed", "cancelled", "refused"]
ERROR_MESSAGE_CHARS = 300
READ_CHARS = 2048  # of a provider's message; more is not looked at


class Attempt(msgspec.Struct, kw_only=True, gc=False):
    """One try at one deployment. `fault` is None when it went well."""

    deployment: str  # its id
    group: str
    provider: str = ""
    model: str = ""  # that the provider was asked for
    api_host: str = ""
    started_ms: float = 0.0  # since the record's start
    ended_ms: float = 0.0
    waited_ms: float = 0.0  # the pause before it: Retry-After or back-off
    ttft_ms: float | None = None  # from its own start
    fault: str | None = None  # a value of dialects.Fault
    status: int | None = None  # the provider's; None when there was no response head
    is_hedge: bool = False  # ran beside another one
    opened_circuit: bool = False  # for its failure the deployment rests


class RecordError(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """Why a request did not end well, without secrets and cut short."""

    fault: str
    message: str
    type: str | None = None
    code: str | None = None


class Record(msgspec.Struct, kw_only=True, gc=False):
    """One request. Cheap to make (about 1 us) and made before anything is known: all but `id` has a default."""

    # Who and what.
    id: str  # x-request-id and x-litellm-call-id of the answer
    started_s: float = 0.0  # wall time, seconds since the epoch
    endpoint: str = ""  # the route, "/v1/chat/completions"
    dialect: str = ""  # the caller's, a value of dialects.Dialect
    key_name: str | None = None  # name of the caller's key, never the key
    user: str | None = None  # the body's `user` or metadata.user_id
    session: str | None = None
    tags: tuple[str, ...] = ()
    caller_id: str | None = None  # the caller's own x-request-id
    traceparent: str | None = None  # the caller's W3C trace context
    stream: bool = False
    model_asked: str = ""
    # Which way.
    group: str | None = None  # that served; asked for one, perhaps served by a fallback
    deployment: str | None = None  # id
    provider: str | None = None
    model_served: str | None = None  # as the answer names it
    api_host: str | None = None  # host of the provider's address, no path
    provider_id: str | None = None  # the provider's request id
    answer_id: str | None = None  # the id in the answer, "chatcmpl-..."
    attempts: list[Attempt] = msgspec.field(default_factory=list)
    retries_n: int = 0  # further attempts in the same group
    fallbacks_n: int = 0  # changes of group
    # How it ended.
    outcome: Outcome = "failed"
    status: int = 0  # answered to the caller; 0 = none was sent
    finish_reason: str | None = None
    error: RecordError | None = None
    # How long.
    ttft_ms: float | None = None  # to the first semantic token that the caller could see
    gap_p50_ms: float | None = None  # between pieces of a stream
    gap_p99_ms: float | None = None
    duration_ms: float = 0.0
    overhead_ms: float | None = None  # duration without attempts and the pauses before them
    # How much.
    usage: Usage | None = None  # of all attempts that spoke (a rescue has two); None = the provider did not say
    usage_is_estimate: bool = False  # a stream ended before the provider said it: counted from what was seen
    cost_usd: float | None = None  # None = no usage or no price known
    events_n: int = 0  # of the stream
    upstream_sent_bytes: int = 0
    upstream_received_bytes: int = 0
    received_bytes: int = 0  # from the caller
    sent_bytes: int = 0  # to the caller
    # Only with keep_text.
    request_text: str | None = None  # the body as it came
    answer_text: str | None = None

    def close(self, duration_ms: float) -> None:
        """Fill what follows from the attempts: duration, overhead, retries, fallbacks."""
        self.duration_ms = duration_ms
        attempts = self.attempts
        if len(attempts) == 1:  # nearly always
            one = attempts[0]
            away_ms = one.ended_ms - one.started_ms + one.waited_ms
        else:
            away_ms = away_in(attempts)
            turns = [each.group for each in attempts if not each.is_hedge]
            self.fallbacks_n = sum(turns[i] != turns[i - 1] for i in range(1, len(turns)))
            self.retries_n = max(len(turns) - 1 - self.fallbacks_n, 0)
        self.overhead_ms = max(duration_ms - away_ms, 0.0)


def new_id() -> str:
    """A random UUID (version 4) as text. Unique, not unguessable; forks get dice of their own from `random`.

    >>> len(new_id()), new_id()[14]
    (36, '4')
    """
    digits = f"{getrandbits(128):032x}"
    return (
        f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{'89ab'[int(digits[16], 16) & 3]}{digits[17:20]}-{digits[20:]}"
    )


def away_in(attempts: Sequence[Attempt]) -> float:
    """Milliseconds in which at least one attempt, or the pause before one, was running.

    >>> away_in([Attempt(deployment="a", group="g", started_ms=0, ended_ms=10),
    ...          Attempt(deployment="b", group="g", started_ms=5, ended_ms=20, is_hedge=True)])
    20.0
    """
    total_ms, until_ms = 0.0, float("-inf")
    for begin_ms, end_ms in sorted((each.started_ms - each.waited_ms, each.ended_ms) for each in attempts):
        total_ms += max(end_ms - max(begin_ms, until_ms), 0)
        until_ms = max(until_ms, end_ms)
    return total_ms


def error_of(failure: Failure, *, secrets: Sequence[str] = ()) -> RecordError:
    """A Failure for the journal: keys masked, long quotes left out, short."""
    return RecordError(
        fault=failure.fault.value,
        message=shorten(mask(clip(failure.message, READ_CHARS), secrets=secrets), ERROR_MESSAGE_CHARS),
        type=shorten(mask(clip(failure.type, READ_CHARS)), 80) if failure.type else None,
        code=shorten(mask(clip(failure.code, READ_CHARS)), 80) if failure.code else None,
    )
