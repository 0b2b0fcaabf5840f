"""What is not a call to a model: models, health, metrics. Small answers, made when asked for.

LiteLLM's paths and shapes where there are such; what is not known is a 404 in the caller's dialect. Liveness and
readiness need no key, as probes have none; `/health`, which makes real calls, and `/health/drain` do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

import penstock
from penstock.dialects.dialect import Dialect
from penstock.dialects.failure import Failure, Fault
from penstock.gateway.auth import Unauthorized, may_use
from penstock.gateway.checkup import checkup
from penstock.gateway.clock import now_s
from penstock.gateway.condition import condition
from penstock.gateway.endpoints import endpoint_of
from penstock.gateway.inbound import JSON, Inbound
from penstock.gateway.refusing import refusal_of, refuse

if TYPE_CHECKING:
    from penstock.config.models import Key
    from penstock.gateway.app import Gateway
    from penstock.journal.sinks.prometheus import Prometheus, State

PATH_CHARS = 256  # of an unknown path in an error
CREATED_S = 1677610602  # what LiteLLM answers as the birth of every model
STATES: dict[str, State] = {"closed": 0, "half-open": 1, "open": 2}
Handler = Callable[[Inbound], Awaitable[None]]


class Admin:
    """The paths around the calls. Owner: the Gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._paths: dict[str, Handler] = {
            "/models": self._models,
            "/model/info": self._model_info,
            "/health/liveliness": self._alive,
            "/health/liveness": self._alive,
            "/health/readiness": self._ready,
            "/health/drain": self._drain,
            "/health": self._health,
            "/metrics": self._metrics,
            "/": self._root,
        }

    def __repr__(self) -> str:
        return f"<Admin {len(self._paths)} paths>"

    async def serve(self, inbound: Inbound) -> None:
        path = inbound.path.rstrip("/") or "/"
        bare = path[3:] if path.startswith("/v1/") else path
        handler = self._paths.get(bare)
        try:
            if handler is not None and (inbound.method in ("GET", "HEAD") or bare == "/health/drain"):
                await handler(inbound)
            elif bare.startswith("/models/") and inbound.method == "GET":
                await self._model(inbound, bare[len("/models/") :])
            else:
                await _not_served(inbound)
        except Unauthorized as err:
            await _refuse(inbound, refusal_of(err))

    # -- models --

    def _names(self, key: Key) -> list[str]:
        return [name for name in self._gateway.setup.routes.names() if may_use(key, name)]

    async def _models(self, inbound: Inbound) -> None:
        names = self._names(self._gateway.setup.auth.check(inbound))
        if inbound.header("anthropic-version") is not None:
            data = [_anthropic_model(name) for name in names]
            ends = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
            await _json(inbound, 200, {"data": data, "has_more": False, **ends})
        else:
            await _json(inbound, 200, {"data": [_openai_model(name) for name in names], "object": "list"})

    async def _model(self, inbound: Inbound, name: str) -> None:
        key = self._gateway.setup.auth.check(inbound)
        if self._gateway.setup.routes.group(name) is None or not may_use(key, name):
            text = f"the model {name!r} does not exist here; GET /v1/models lists them"
            await _refuse(inbound, Failure(fault=Fault.NOT_FOUND, status=404, message=text, param="model"))
            return
        is_anthropic = inbound.header("anthropic-version") is not None
        await _json(inbound, 200, _anthropic_model(name) if is_anthropic else _openai_model(name))

    async def _model_info(self, inbound: Inbound) -> None:
        setup = self._gateway.setup
        key = setup.auth.check(inbound)
        data = [
            {
                "model_name": each.group,
                "litellm_params": {
                    "model": f"{each.provider}/{each.model}",
                    "api_base": setup.place(each).api_base,
                    "rpm": each.rpm,
                    "tpm": each.tpm,
                    "weight": each.weight,
                    "order": each.order,
                },
                "model_info": {**each.info, "id": each.id, "mode": each.mode, "provider": each.provider},
            }
            for each in setup.config.deployments
            if may_use(key, each.group)
        ]
        await _json(inbound, 200, {"data": data})

    # -- health --

    async def _alive(self, inbound: Inbound) -> None:
        await _json(inbound, 200, "I'm alive!")

    async def _ready(self, inbound: Inbound) -> None:
        gateway = self._gateway
        setup = gateway.setup
        body = {
            "status": "draining" if gateway.is_draining else "healthy",
            "version": penstock.__version__,
            "in_flight": gateway.running_n - 1,  # without this one
            "deployments": len(setup.config.deployments),
            **condition(setup),
        }
        await _json(inbound, 503 if gateway.is_draining else 200, body)

    async def _health(self, inbound: Inbound) -> None:
        """Real calls to every deployment, as LiteLLM's /health makes them."""
        self._gateway.setup.auth.check(inbound)
        await inbound.body(0)
        inbound.watch()
        await _json(inbound, 200, await checkup(self._gateway.setup))

    async def _drain(self, inbound: Inbound) -> None:
        self._gateway.setup.auth.check(inbound)
        self._gateway.drain()
        await _json(inbound, 200, {"status": "draining", "in_flight": self._gateway.running_n - 1})

    async def _metrics(self, inbound: Inbound) -> None:
        for sink in self._gateway.setup.journal.sinks:
            if sink.name == "prometheus":
                from penstock.journal.sinks.prometheus import CONTENT_TYPE, Prometheus  # loaded already

                assert isinstance(sink, Prometheus)
                self._gauge(sink)
                body = await asyncio.to_thread(sink.render)
                await inbound.respond(200, [("content-type", CONTENT_TYPE)], body)
                return
        text = "metrics are off: put callbacks: [prometheus] into litellm_settings"
        await _refuse(inbound, Failure(fault=Fault.NOT_FOUND, status=404, message=text))

    def _gauge(self, sink: Prometheus) -> None:
        """What is counted elsewhere, as of now."""
        setup = self._gateway.setup
        sink.set_in_flight(self._gateway.running_n - 1)
        sink.watch_journal(setup.journal.stats)
        circuits = setup.health.snapshot(now_s())
        for each in setup.config.deployments:
            circuit = circuits[each.id]["circuit"] if each.id in circuits else "closed"
            sink.set_deployment_state(
                each.id,
                model=each.model,
                api_host=setup.place(each).api_host,
                provider=each.provider,
                state=STATES[circuit],
            )

    async def _root(self, inbound: Inbound) -> None:
        await _json(inbound, 200, {"name": "penstock", "version": penstock.__version__, "models": "/v1/models"})


def _openai_model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED_S, "owned_by": "penstock"}


def _anthropic_model(name: str) -> dict[str, Any]:
    return {"type": "model", "id": name, "display_name": name, "created_at": "2023-02-28T18:56:42Z"}


async def _json(inbound: Inbound, status: int, value: object) -> None:
    await inbound.respond(status, [JSON], msgspec.json.encode(value))


async def _not_served(inbound: Inbound) -> None:
    """404; 405 where a POST would have been a call to a model."""
    status, text = 404, f"{inbound.method} {inbound.path[:PATH_CHARS]} is not served here"
    headers, dialect = [], _dialect_of(inbound)
    endpoint = endpoint_of(inbound.path)
    if endpoint is not None:
        status, text = 405, f"{inbound.method} is not allowed here: it is POST {endpoint.name}"
        headers, dialect = [("allow", "POST")], endpoint.dialect
    failure = Failure(fault=Fault.BAD_REQUEST, status=status, message=text)
    await refuse(inbound, failure, dialect=dialect, headers=headers)


async def _refuse(inbound: Inbound, failure: Failure) -> None:
    await refuse(inbound, failure, dialect=_dialect_of(inbound))


def _dialect_of(inbound: Inbound) -> Dialect:
    return Dialect.MESSAGES if inbound.header("anthropic-version") is not None else Dialect.CHAT
