"""After a failure: another route, the same again, another group, or the end. Pure: no clock, no dice, no state.

`decide` knows nothing of deployments; the journey tells it what there is and carries out what it says. The order of
the questions is the order of the table in docs/routing.md.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from penstock.config.models import RetryPolicy, RouterSettings
from penstock.dialects.failure import Failure, Fault

BACKOFF_S = 0.5
BACKOFF_MOST_S = 8.0
HERD_S = 0.25  # added at random to a Retry-After, so that those who were told the same do not come back as one


class Move(Enum):
    """What to do next."""

    OTHER = "other"  # another deployment of the group, now
    AGAIN = "again"  # the group once more, the same route if need be, after wait_s
    FALLBACK = "fallback"  # another group; give up when there is none
    GIVE_UP = "give up"


class Decision(msgspec.Struct, frozen=True, gc=False):
    move: Move
    wait_s: float = 0.0


OTHER = Decision(Move.OTHER)
FALLBACK = Decision(Move.FALLBACK)
GIVE_UP = Decision(Move.GIVE_UP)

OVER = frozenset({Fault.CANCELLED, Fault.BUDGET})
CALLERS = frozenset({Fault.BAD_REQUEST, Fault.CONTEXT_WINDOW, Fault.CONTENT_POLICY})  # the same everywhere alike
NEVER_SAME = frozenset({Fault.SILENT, Fault.AUTHENTICATION, Fault.NOT_FOUND})  # it would say the same, or nothing
AT_ONCE = frozenset({Fault.RATE_LIMIT, Fault.AUTHENTICATION, Fault.NOT_FOUND})

CLASSES: dict[Fault, str] = {  # the field of RetryPolicy that speaks of a fault
    Fault.BAD_REQUEST: "bad_request",
    Fault.AUTHENTICATION: "authentication",
    Fault.SILENT: "timeout",
    Fault.STALL: "timeout",
    Fault.RATE_LIMIT: "rate_limit",
    Fault.CONTENT_POLICY: "content_policy",
    Fault.OVERLOADED: "internal_server",
    Fault.SERVER: "internal_server",
    Fault.CUT: "internal_server",
    Fault.IN_STREAM: "internal_server",
}


def opens_at_once(fault: Fault) -> bool:
    """Is one such failure enough to leave a deployment alone for a while, if its group has another?"""
    return fault in AT_ONCE


def allowed_fails(policy: RetryPolicy, fault: Fault) -> int | None:
    """What allowed_fails_policy says of this class; None when it does not."""
    name = CLASSES.get(fault)
    if name is None:
        return None
    value: int | None = getattr(policy, name)
    return value


def named_retries(settings: RouterSettings, group: str, fault: Fault) -> int | None:
    """What model_group_retry_policy, else retry_policy, says of this class; None when neither does."""
    name = CLASSES.get(fault)
    if name is None:
        return None
    own = settings.group_retry_policy.get(group)
    value: int | None = None if own is None else getattr(own, name)
    if value is None:
        value = getattr(settings.retry_policy, name)
    return value


def backoff_s(again_n: int, roll: float) -> float:
    """Exponential with full jitter: anything up to 0.5, 1, 2, 4, 8, 8 ... s; `again_n` counts from 0."""
    return roll * min(BACKOFF_MOST_S, BACKOFF_S * 2.0 ** min(again_n, 16))


def wait_of(failure: Failure, settings: RouterSettings, *, again_n: int, roll: float) -> float | None:
    """Before the same group is asked again; None when the provider wants a longer pause than we make."""
    told_s = failure.retry_after_s
    if told_s is not None and told_s > 0:
        if told_s > settings.retry_after_most_s:
            return None
        return max(told_s + HERD_S * roll, settings.retry_after_s)
    return max(backoff_s(again_n, roll), settings.retry_after_s)


def decide(
    failure: Failure,
    settings: RouterSettings,
    *,
    retries_left_n: int,
    is_named: bool,
    has_other: bool,
    has_again: bool,
    again_n: int,
    room_s: float,
    roll: float,
) -> Decision:
    """What to do after `failure`.

    retries_left_n  of this class, in this group
    is_named        a retry policy names the class: then even the caller's faults are tried again
    has_other       a healthy deployment of the group that this journey has not tried
    has_again       a healthy one that it may try again
    again_n         how often it has gone back already, for the back-off
    room_s          the longest wait that still leaves time for an attempt
    """
    fault = failure.fault
    if fault in OVER:
        return GIVE_UP
    wants = failure.should_retry
    if fault in CALLERS and not (is_named or wants):
        return FALLBACK
    if retries_left_n <= 0:
        return FALLBACK
    if has_other:
        return OTHER
    if not has_again or wants is False or (fault in NEVER_SAME and not wants):
        return FALLBACK
    wait_s = wait_of(failure, settings, again_n=again_n, roll=roll)
    if wait_s is None or wait_s >= room_s:
        return FALLBACK
    return Decision(Move.AGAIN, wait_s)
