"""One attempt for the record, and what an answer says about how it came to be: both are made from a Try and a clock.

The record's attempts and the `x-litellm-*` headers are the same facts, once for the owner and once for the caller.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import penstock
from penstock.dialects.failure import Failure, Fault
from penstock.gateway.answer import relayed
from penstock.gateway.clock import now_s
from penstock.journal.price import cost
from penstock.journal.record import Attempt, Record
from penstock.routing.journey import GiveUp, Try
from penstock.sse.usage import Usage

if TYPE_CHECKING:
    from penstock.config.models import Deployment
    from penstock.gateway.call import Call
    from penstock.response import Response

CANCELLED = Failure(fault=Fault.CANCELLED, message="the caller went away")  # of an attempt that did not end by itself
VERSION = ("x-litellm-version", penstock.__version__)


async def next_try(call: Call) -> Try | Failure:
    """The journey's next step, once its pause is over; the failure that tells most when there is none."""
    step = call.journey.step(now_s(), call.roll())
    if isinstance(step, GiveUp):
        return step.failure
    if step.wait_s:
        await asyncio.sleep(step.wait_s)
    return step


def begin_attempt(call: Call, trial: Try) -> Attempt:
    """Put an attempt that starts now into the record."""
    deployment = trial.deployment
    attempt = Attempt(
        deployment=deployment.id,
        group=deployment.group,
        provider=deployment.provider,
        model=deployment.model,
        api_host=call.setup.place(deployment).api_host,
        started_ms=(now_s() - call.started_s) * 1000,
        waited_ms=trial.wait_s * 1000,
        is_hedge=trial.is_hedge,
    )
    call.record.attempts.append(attempt)
    return attempt


def end_attempt(call: Call, attempt: Attempt, failure: Failure | None, status: int | None = None) -> None:
    """It is over, now."""
    attempt.ended_ms = (now_s() - call.started_s) * 1000
    if failure is not None:
        attempt.fault = failure.fault.value
        status = failure.status
    attempt.status = status


def attempt_at(call: Call, deployment: Deployment) -> Attempt:
    """The newest of the record there: a hedge that lost may stand behind it."""
    return next(each for each in reversed(call.record.attempts) if each.deployment == deployment.id)


def tell_failed(call: Call, failure: Failure, deployment: Deployment, *, begun: bool | None = None) -> None:
    """The journey hears that the attempt there failed; the record, if that opened the circuit."""
    if call.journey.failed(failure, now_s(), deployment=deployment, begun=begun):
        attempt_at(call, deployment).opened_circuit = True


def served_by(call: Call, trial: Try) -> None:
    """Note in the record who answers."""
    record, deployment = call.record, trial.deployment
    record.group = deployment.group
    record.deployment = deployment.id
    record.provider = deployment.provider
    record.api_host = call.setup.place(deployment).api_host


def asked_last(record: Record) -> None:
    """Note in the record who was asked last: nobody has answered."""
    last = record.attempts[-1]
    record.group, record.deployment = last.group, last.deployment
    record.provider, record.api_host = last.provider, last.api_host


def account(call: Call, trial: Try, usage: Usage | None) -> None:
    """Tokens and what they cost, beside those of a stream that was cut before: its provider wants to be paid too."""
    record = call.record
    if usage is None:
        return
    paid_usd = cost(usage, call.setup.place(trial.deployment).price)
    record.usage = usage if record.usage is None else record.usage + usage
    if paid_usd is not None:
        record.cost_usd = paid_usd + (record.cost_usd or 0.0)


def answer_headers(call: Call, trial: Try, response: Response) -> list[tuple[str, str]]:
    """Headers of an answer that a provider gave: ours, LiteLLM's names for them, and the provider's limits."""
    record, journey, deployment = call.record, call.journey, trial.deployment
    headers = relayed(response.exchange.headers)
    ms = (now_s() - call.started_s) * 1000
    headers += (
        ("x-litellm-call-id", record.id),
        ("x-litellm-model-id", deployment.id),
        ("x-litellm-model-group", deployment.group),
        ("x-litellm-model-api-base", call.setup.place(deployment).api_base),
        VERSION,
        ("x-litellm-response-duration-ms", f"{ms:.3f}"),
        ("x-litellm-attempted-retries", str(journey.retries_n)),
        ("x-litellm-attempted-fallbacks", str(journey.fallbacks_n)),
    )
    if not any(name == "x-request-id" for name, _ in headers):
        headers.append(("x-request-id", record.id))
    return headers
