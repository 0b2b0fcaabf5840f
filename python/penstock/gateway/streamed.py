"""Calls that are answered as a stream: attempts until one has begun to speak, then the relay.

Before the first semantic token any attempt may fail unseen. After it a failure is told to the caller as a typed event
of its dialect, unless `rescue` is on and another provider's answer begins with what the caller has already.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from penstock.dialects.call import BadRequest
from penstock.dialects.failure import Failure
from penstock.dialects.failures import error_event
from penstock.dialects.pathway import pathway
from penstock.gateway.attempt import account, answer_headers, begin_attempt, end_attempt, refusal_of, served_by
from penstock.gateway.clock import now_s
from penstock.gateway.hooking import failure_of_hook
from penstock.gateway.opening import Opened, open_stream
from penstock.gateway.relay import Relay
from penstock.hooks import HookFailed, Refused
from penstock.journal.record import error_of
from penstock.routing.journey import GiveUp
from penstock.sse import usage_of

if TYPE_CHECKING:
    from penstock.gateway.call import Call
    from penstock.routing.journey import Try

STREAM = (
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-cache"),
    ("x-accel-buffering", "no"),
)


async def serve_stream(call: Call) -> None:
    """Answer it."""
    if call.hooked is None:
        begun = await begin(call)
    else:
        try:
            begun = await call.hooked.beside(begin(call))
        except (Refused, HookFailed) as err:
            begun = failure_of_hook(err)
    if isinstance(begun, Failure):
        await call.refuse(begun)
        return
    trial, opened = begun
    record = call.record
    served_by(call, trial, opened.response)
    headers = [*STREAM, *answer_headers(call, trial, opened.response)]
    relay = Relay(call.endpoint.dialect, await call.inbound.begin(200, headers))
    record.ttft_ms = None if opened.ttft_s is None else (now_s() - call.started_s) * 1000
    failure: Failure | None = None
    try:
        failure = await relay.run(opened)
    except BaseException:
        call.journey.dropped(trial.deployment)
        raise
    finally:
        note(call, trial, opened, relay)
    if failure is None:
        record.outcome = "complete"
        call.journey.succeeded(now_s(), ttft_s=opened.ttft_s, tokens_n=record.usage.total if record.usage else 0)
    else:
        call.journey.failed(failure, now_s())
        record.outcome = "cut"
        record.error = error_of(failure)
        await relay.give(error_event(call.endpoint.dialect, failure, request_id=record.id))
    await call.inbound.end()
    if call.hooked is not None and failure is None:
        await call.hooked.streamed(opened.tally.text(), model=opened.tally.model or "", deployment=trial.deployment.id)


async def begin(call: Call) -> tuple[Try, Opened] | Failure:
    """Attempts until one speaks, or the error that tells most."""
    journey = call.journey
    while True:
        step = journey.step(now_s(), call.roll())
        if isinstance(step, GiveUp):
            return step.failure
        if step.wait_s:
            await asyncio.sleep(step.wait_s)
        try:
            came = await attempt_stream(call, step)
        except BadRequest as err:
            came = refusal_of(err)
        except BaseException:
            journey.dropped(step.deployment)
            raise
        if isinstance(came, Opened):
            return step, came
        journey.failed(came, now_s())


async def attempt_stream(call: Call, trial: Try) -> Opened | Failure:
    """One attempt up to its first token."""
    setup = call.setup
    way = pathway(call.facts.dialect, trial.deployment, call.facts)
    outgoing = way.request()
    attempt = begin_attempt(call, trial)
    call.record.upstream_sent_bytes += len(outgoing.body)
    came: Opened | Failure | None = None
    try:
        came = await open_stream(
            setup.transport,
            outgoing,
            way,
            trial.clocks.as_tuple,
            trial.clocks.ttft_s,
            setup.config.router,
            keep_text=setup.config.journal.keep_text or setup.config.router.rescue or bool(setup.hooks.post),
        )
    finally:
        end_attempt(call, attempt, came if isinstance(came, Failure) else None, 200)
    if isinstance(came, Opened) and came.ttft_s is not None:
        attempt.ttft_ms = came.ttft_s * 1000
    return came


def note(call: Call, trial: Try, opened: Opened, relay: Relay) -> None:
    """What the stream has shown, for the record: also when it was cut or the caller left."""
    record, tally, gaps = call.record, opened.tally, relay.gaps
    record.sent_bytes = relay.sent_bytes
    record.upstream_received_bytes += opened.upstream_bytes
    record.events_n = tally.events_n
    record.finish_reason = tally.finish_reason
    record.model_served, record.answer_id = tally.model, tally.id
    record.gap_p50_ms, record.gap_p99_ms = gaps.percentile_ms(0.5), gaps.percentile_ms(0.99)
    if record.attempts:
        record.attempts[-1].ended_ms = (now_s() - call.started_s) * 1000
    account(call, trial, usage_of(opened.pathway.upstream.value, tally.usage) if tally.usage else None)
    if call.setup.config.journal.keep_text:
        record.answer_text = tally.text()
