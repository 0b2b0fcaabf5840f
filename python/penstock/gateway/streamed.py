"""Calls that are answered as a stream: once one attempt speaks, its bytes go to the caller.

A failure after the first semantic token is told to the caller as a typed event of its dialect, not as a clean end. With
`rescue` another provider is asked from the start first, and its answer goes on where the cut one ended, if it says the
same up to there.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from penstock.dialects.failure import Failure
from penstock.gateway.attempt import account, answer_headers, attempt_at, served_by, tell_failed
from penstock.gateway.beginning import Begun, attempt, begin
from penstock.gateway.clock import now_s
from penstock.gateway.hooking import guarded
from penstock.gateway.inbound import CallerGone
from penstock.gateway.keepalive import interval_s, wait_aloud
from penstock.gateway.opening import Opened
from penstock.gateway.rejoin import CAN_REJOIN, Diverged, Rejoin
from penstock.gateway.relay import Relay
from penstock.routing.journey import Try
from penstock.sse import Usage, usage_of

if TYPE_CHECKING:
    from penstock.gateway.call import Call

BYTES_PER_TOKEN = 4  # of English text and JSON, roughly
STREAM = (
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-cache"),
    ("x-accel-buffering", "no"),
)


async def serve_stream(call: Call) -> None:
    """Answer it."""
    every_s = interval_s(call)
    begun, relay = await _first(call, every_s)
    if isinstance(begun, Failure):
        if relay is None:
            await call.refuse(begun)
        else:
            await call.break_off(begun, relay.give)
            await call.inbound.end()
        return
    trial, opened = begun
    served_by(call, trial)
    try:
        if relay is None:
            relay = await _begin_answer(call, answer_headers(call, trial, opened.response), every_s)
    except BaseException:  # the caller left just now: what the provider has said is accounted all the same
        opened.close()
        _note(call, trial, opened)
        raise
    call.record.ttft_ms = None if opened.ttft_s is None else (now_s() - call.started_s) * 1000
    try:
        failure = await _relay(call, begun, relay)
    except CallerGone:
        raise
    except Exception as err:  # a hook's or our own; told as an event, since not every server can cut a connection
        failure = call.stumbled(err)
        relay.unhook()
    if failure is not None:
        await call.break_off(failure, relay.give)
    await call.inbound.end()
    if call.hooked is not None and failure is None:
        await call.hooked.streamed(relay.text, model=call.record.model_served or "", deployment=trial.deployment.id)


async def _begin_answer(call: Call, headers: list[tuple[str, str]], every_s: float | None) -> Relay:
    call.record.status = 200
    return Relay(call, await call.inbound.begin(200, [*STREAM, *headers]), every_s)


async def _first(call: Call, every_s: float | None) -> tuple[Begun | Failure, Relay | None]:
    """A stream that speaks, or the failure; and the relay if comments had to be sent before it."""
    if every_s is None:
        return await guarded(call, begin(call)), None
    work = asyncio.ensure_future(guarded(call, begin(call)))
    try:
        relay = await wait_aloud(work, every_s, lambda: _begin_answer(call, call.ids(), every_s))
        return await work, relay
    except BaseException:
        await _undo(work)
        raise


async def _undo(work: asyncio.Task[Begun | Failure]) -> None:
    """Nobody waits for it any more: reset it at the provider."""
    work.cancel()
    (came,) = await asyncio.gather(work, return_exceptions=True)
    if isinstance(came, Begun):
        came.opened.close()


async def _relay(call: Call, begun: Begun, relay: Relay) -> Failure | None:
    """All of the stream to the caller, over rescues if there are any. None = it was complete."""
    first: Failure | None = None
    rejoin: Rejoin | None = None
    while True:
        trial, opened = begun
        try:
            failure = await relay.run(opened, rejoin)
            if failure is not None:
                attempt_at(call, trial.deployment).fault = failure.fault.value
        except Diverged as err:
            assert first is not None  # only a rescue can diverge
            failure = first = replace(first, message=f"{first.message}; rescue failed: {err}")
            call.journey.dropped(trial.deployment, now_s())
        finally:
            usage = _note(call, trial, opened)
            _note_sent(call, relay)
        if failure is None:
            call.record.outcome = "complete"
            call.journey.succeeded(now_s(), ttft_s=opened.ttft_s, tokens_n=usage.total if usage else 0)
            return None
        tell_failed(call, failure, trial.deployment, begun=True)
        first = first or failure
        again = await _rescued(call, relay)
        if again is None:
            return first
        begun, rejoin = again, Rejoin(call.endpoint.dialect, relay.text)


async def _rescued(call: Call, relay: Relay) -> Begun | None:
    """Another attempt for a stream that was cut; None when there is none, or when it could not be joined."""
    if not call.setup.config.router.rescue or call.endpoint.dialect not in CAN_REJOIN or not relay.is_text_only:
        return None
    while isinstance(step := call.journey.step(now_s(), call.roll()), Try):
        came = await attempt(call, step)
        if isinstance(came, Opened):
            return Begun(step, came)
        tell_failed(call, came, step.deployment, begun=True)
    return None


def _seen(call: Call, opened: Opened, said: Usage | None) -> Usage:
    """Tokens of a stream that did not come to its end: what the provider said so far, where it said nothing a count.
    A delta is about a token, four bytes of text too; the larger number of the two is nearer."""
    said = said or Usage()
    spoken = max(opened.tally.semantic_n, opened.tally.text_bytes // BYTES_PER_TOKEN)
    return Usage(
        input=said.input or len(call.facts.body) // BYTES_PER_TOKEN,
        output=max(said.output, spoken),
        cached=said.cached,
        cache_write=said.cache_write,
        reasoning=said.reasoning,
    )


def _note_sent(call: Call, relay: Relay) -> None:
    """What the caller got, for the record."""
    record, gaps = call.record, relay.gaps
    record.sent_bytes = relay.sent_bytes
    record.gap_p50_ms, record.gap_p99_ms = gaps.percentile_ms(0.5), gaps.percentile_ms(0.99)
    if call.setup.config.journal.keep_text:
        record.answer_text = relay.text


def _note(call: Call, trial: Try, opened: Opened) -> Usage | None:
    """What the provider's stream has shown, for the record: also when it was cut or the caller left. Its tokens."""
    record, tally = call.record, opened.tally
    served_by(call, trial)
    record.upstream_received_bytes += opened.upstream_bytes
    record.events_n += tally.events_n
    record.finish_reason = tally.finish_reason
    record.model_served, record.answer_id = tally.model, tally.id
    attempt_at(call, trial.deployment).ended_ms = (now_s() - call.started_s) * 1000
    usage = usage_of(opened.pathway.upstream.value, tally.usage) if tally.usage else None
    if not tally.is_complete:
        record.usage_is_estimate = True
        usage = _seen(call, opened, usage)
    account(call, trial, usage)
    return usage
