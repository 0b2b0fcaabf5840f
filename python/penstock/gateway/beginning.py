"""Attempts of a streamed call until one has begun to speak: in turn, and side by side when hedging is on.

Before the first semantic token any attempt may fail unseen. A hedge is a second attempt, sent when the first is later
than its group usually is: the one that speaks first wins, the other is reset at its provider.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from penstock.dialects.call import BadRequest
from penstock.dialects.failure import Failure
from penstock.dialects.pathway import pathway
from penstock.gateway.attempt import CANCELLED, begin_attempt, end_attempt, next_try, tell_failed
from penstock.gateway.clock import now_s
from penstock.gateway.opening import Opened, open_stream
from penstock.gateway.refusing import refusal_of
from penstock.routing.journey import Try

if TYPE_CHECKING:
    from penstock.gateway.call import Call


class Begun(NamedTuple):
    """A stream that speaks, and where it comes from."""

    trial: Try
    opened: Opened


async def begin(call: Call) -> Begun | Failure:
    """Attempts until one speaks, or the error that tells most. Cancelling it resets all of them."""
    journey = call.journey
    while True:
        step = await next_try(call)
        if isinstance(step, Failure):
            return step
        late_s = journey.hedge_after_s(now_s())
        if late_s is None:
            came = await attempt(call, step)
            if isinstance(came, Opened):
                return Begun(step, came)
            tell_failed(call, came, step.deployment, begun=False)
        elif (won := await _raced(call, step, late_s)) is not None:
            return won


async def attempt(call: Call, trial: Try) -> Opened | Failure:
    """One attempt up to its first token."""
    setup = call.setup
    try:
        way = pathway(call.facts.dialect, trial.deployment, call.facts)
        outgoing = way.request()
    except BadRequest as err:
        return refusal_of(err)
    noted = begin_attempt(call, trial)
    call.record.upstream_sent_bytes += len(outgoing.body)
    came: Opened | Failure = CANCELLED
    try:
        came = await open_stream(
            setup.transport,
            outgoing,
            way,
            trial.clocks.as_tuple,
            trial.clocks.ttft_s,
            setup.config.router,
            keep_text=setup.keeps_text,
        )
    finally:
        end_attempt(call, noted, came if isinstance(came, Failure) else None, 200)
    if isinstance(came, Opened) and came.ttft_s is not None:
        noted.ttft_ms = came.ttft_s * 1000
    return came


async def _raced(call: Call, trial: Try, late_s: float) -> Begun | None:
    """The winner of this attempt and its hedge; None when both failed, which the journey has been told."""
    journey = call.journey
    running: dict[asyncio.Task[Opened | Failure], Try] = {asyncio.ensure_future(attempt(call, trial)): trial}
    wait_s: float | None = late_s
    try:
        while running:
            done, _ = await asyncio.wait(running, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                wait_s = None
                if (hedge := journey.hedge(now_s(), call.roll())) is not None:
                    running[asyncio.ensure_future(attempt(call, hedge))] = hedge
                continue
            for task in sorted(done, key=lambda each: running[each].is_hedge):
                if isinstance(came := task.result(), Opened):
                    return Begun(running.pop(task), came)
                tell_failed(call, came, running.pop(task).deployment, begun=False)
        return None
    finally:
        await _reset(call, running)


async def _reset(call: Call, losers: dict[asyncio.Task[Opened | Failure], Try]) -> None:
    """Cancel what lost, or what the caller did not wait for."""
    for task, trial in losers.items():
        task.cancel()
        call.journey.dropped(trial.deployment, now_s())
    for came in await asyncio.gather(*losers, return_exceptions=True):
        if isinstance(came, Opened):  # it spoke in the same turn
            came.close()
