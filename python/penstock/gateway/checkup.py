"""`/health`: a real, tiny call to every deployment. It costs tokens; probes want `/health/liveliness`.

A few at a time, each with a short clock; the state that routing decides by is not touched.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.config.models import Deployment
from penstock.dialects.call import BadRequest, CallFacts
from penstock.dialects.dialect import Dialect
from penstock.dialects.failures import classify
from penstock.dialects.pathway import pathway
from penstock.errors import PenstockError
from penstock.gateway.clock import wall_s
from penstock.journal.redact import mask
from penstock.limits import Clocks

if TYPE_CHECKING:
    from penstock.gateway.setup import Setup

AT_ONCE = 8
CLOCKS: Clocks = (10.0, 10.0, 10.0, 60.0, 60.0, 60.0)  # HEALTH_CHECK_TIMEOUT_SECONDS of LiteLLM


async def checkup(setup: Setup) -> dict[str, Any]:
    """LiteLLM's shape: healthy_endpoints, unhealthy_endpoints, and how many of each."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(deployment: Deployment) -> str | None:
        async with gate:
            return await _ask(setup, deployment)

    deployments = setup.config.deployments
    errors = await asyncio.gather(*(one(each) for each in deployments))
    healthy: list[dict[str, Any]] = []
    unhealthy: list[dict[str, Any]] = []
    for each, error in zip(deployments, errors, strict=True):
        facts = {"model": f"{each.provider}/{each.model}", "model_group": each.group, "model_id": each.id}
        if error is None:
            healthy.append(facts)
        else:
            unhealthy.append({**facts, "error": mask(error)})
    return {
        "healthy_endpoints": healthy,
        "unhealthy_endpoints": unhealthy,
        "healthy_count": len(healthy),
        "unhealthy_count": len(unhealthy),
    }


def _question(deployment: Deployment) -> CallFacts:
    if deployment.mode == "embedding":
        body = {"model": deployment.group, "input": "hi"}
        return CallFacts(dialect=Dialect.EMBEDDINGS, body=msgspec.json.encode(body), model=deployment.group)
    if deployment.mode == "completion":
        prompt = {"model": deployment.group, "prompt": "hi", "max_tokens": 5}
        return CallFacts(dialect=Dialect.COMPLETIONS, body=msgspec.json.encode(prompt), model=deployment.group)
    chat = {"model": deployment.group, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 16}
    return CallFacts(dialect=Dialect.CHAT, body=msgspec.json.encode(chat), model=deployment.group)


async def _ask(setup: Setup, deployment: Deployment) -> str | None:
    """What is wrong with it; None = nothing."""
    if "*" in deployment.model:
        return "a pattern has no model of its own to ask"
    call = _question(deployment)
    try:
        way = pathway(call.dialect, deployment, call)
        outgoing = way.request()
        response = setup.transport.submit(
            outgoing.method, outgoing.url, outgoing.headers, outgoing.body, CLOCKS, whole=True
        )
        body = await response.read_whole()
    except (PenstockError, BadRequest) as err:
        return str(err)
    if response.status != 200:
        failure = classify(way.upstream, response.status, response.exchange.headers, body, now_s=wall_s())
        return f"{response.status}: {failure.message}"
    return None
