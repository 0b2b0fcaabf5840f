"""Calls that are answered in one piece: one attempt after the other until a provider's whole answer is there.

Nothing of an attempt reaches the caller before all of it has come, so a cut answer is one more failed attempt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from penstock.dialects.call import BadRequest
from penstock.dialects.failure import Failure, Fault
from penstock.dialects.failures import classify, classify_event
from penstock.dialects.pathway import Pathway, pathway
from penstock.dialects.translation import BadAnswer
from penstock.errors import PenstockError
from penstock.gateway.answer import Answer, read_answer
from penstock.gateway.attempt import (
    CANCELLED,
    account,
    answer_headers,
    begin_attempt,
    end_attempt,
    next_try,
    served_by,
    tell_failed,
)
from penstock.gateway.clock import now_s, wall_s
from penstock.gateway.hooking import failure_of_hook, guarded
from penstock.gateway.inbound import JSON
from penstock.gateway.refusing import refusal_of
from penstock.gateway.upstream import failure_of
from penstock.hooks import HookFailed, Refused
from penstock.response import Response
from penstock.routing.journey import Try

if TYPE_CHECKING:
    from penstock.gateway.call import Call


async def serve_whole(call: Call) -> None:
    """Answer it, with the provider's answer or with the error that tells most."""
    came = await guarded(call, _obtain(call))
    if isinstance(came, Failure):
        await call.refuse(came)
    else:
        await _deliver(call, came)


class Got(NamedTuple):
    """An answer and where it came from."""

    trial: Try
    response: Response
    answer: Answer


async def _obtain(call: Call) -> Got | Failure:
    """One attempt after the other."""
    journey = call.journey
    while True:
        step = await next_try(call)
        if isinstance(step, Failure):
            return step
        try:
            way = pathway(call.facts.dialect, step.deployment, call.facts)
            came = await _attempt(call, step, way)
        except BadRequest as err:
            came = refusal_of(err)
        if isinstance(came, Failure):
            tell_failed(call, came, step.deployment)
            continue
        response, answer = came
        journey.succeeded(now_s(), ttft_s=None, tokens_n=answer.usage.total if answer.usage else 0)
        return Got(step, response, answer)


async def _attempt(call: Call, trial: Try, way: Pathway) -> tuple[Response, Answer] | Failure:
    outgoing = way.request()
    attempt = begin_attempt(call, trial)
    record = call.record
    status = None
    came: tuple[Response, Answer] | Failure = CANCELLED
    try:
        response = call.setup.transport.submit(
            outgoing.method, outgoing.url, outgoing.headers, outgoing.body, trial.clocks.as_tuple, whole=True
        )
        record.upstream_sent_bytes += len(outgoing.body)
        body = await response.read_whole()
    except PenstockError as err:
        came = failure_of(err, is_stream=False)
    else:
        status = response.status
        record.upstream_received_bytes += len(body)
        came = _judge(way, response, body)
    finally:
        end_attempt(call, attempt, came if isinstance(came, Failure) else None, status)
    return came


def _judge(way: Pathway, response: Response, body: bytes) -> tuple[Response, Answer] | Failure:
    """Is this an answer?"""
    if response.status != 200:
        return classify(way.upstream, response.status, response.exchange.headers, body, now_s=wall_s())
    answer = read_answer(way.upstream, body)
    if answer is None:
        kind = response.headers.get("content-type", "no content-type")
        return Failure(
            fault=Fault.SERVER,
            status=200,
            message=f"the provider answered 200 with {len(body)} bytes of {kind}, not JSON",
        )
    if answer.error is not None:
        return classify_event(way.upstream, answer.error)
    if not way.is_same:
        try:
            answer.body = way.response(body)
        except BadAnswer as err:
            return Failure(fault=Fault.SERVER, status=200, message=f"the provider's answer cannot be translated: {err}")
    return response, answer


async def _deliver(call: Call, got: Got) -> None:
    trial, response, answer = got
    record = call.record
    served_by(call, trial)
    account(call, trial, answer.usage)
    record.answer_id, record.model_served, record.finish_reason = answer.id, answer.model, answer.finish_reason
    body = answer.body
    if call.hooked is not None:
        try:
            body = await call.hooked.answered(body, model=answer.model or "", deployment=trial.deployment.id)
        except (Refused, HookFailed) as err:
            await call.refuse(failure_of_hook(err))
            return
    headers = answer_headers(call, trial, response)
    headers.append(JSON)
    if record.cost_usd is not None:
        headers.append(("x-litellm-response-cost", f"{record.cost_usd:.10g}"))
    record.outcome, record.status = "complete", 200
    record.sent_bytes = len(body)
    await call.inbound.respond(200, headers, body)
