"""Short ways to deployments, routes and failures, and a clock that stands still until it is told."""

from __future__ import annotations

from typing import Any

from penstock.config.models import Config, Deployment, GeneralSettings, RouterSettings
from penstock.dialects.failure import Failure, Fault
from penstock.routing.health import Health
from penstock.routing.journey import GiveUp, Journey, Try
from penstock.routing.routes import Routes

STATUS = {
    Fault.BAD_REQUEST: 400,
    Fault.CONTEXT_WINDOW: 400,
    Fault.CONTENT_POLICY: 400,
    Fault.NOT_FOUND: 404,
    Fault.AUTHENTICATION: 401,
    Fault.RATE_LIMIT: 429,
    Fault.OVERLOADED: 503,
    Fault.SERVER: 500,
}


def deployment(name: str, group: str = "main", **fields: Any) -> Deployment:
    fields.setdefault("provider", "openai")
    fields.setdefault("model", f"{group}-at-{name}")
    return Deployment(id=name, group=group, **fields)


def failure(fault: Fault, **fields: Any) -> Failure:
    fields.setdefault("status", STATUS.get(fault))
    fields.setdefault("message", f"it was {fault.value}")
    return Failure(fault=fault, **fields)


def routes(*deployments: Deployment, max_stream_s: float | None = None, **settings: Any) -> Routes:
    return Routes(
        Config(
            deployments=deployments,
            router=RouterSettings(**settings),
            general=GeneralSettings(max_stream_s=max_stream_s),
        )
    )


class Walk:
    """A journey with its own clock: waits pass at once, attempts take as long as the test says."""

    def __init__(
        self, compiled: Routes, model: str = "main", *, health: Health | None = None, now_s: float = 1000.0, **how: Any
    ) -> None:
        how.setdefault("stream", False)
        self.health = Health(compiled.settings) if health is None else health
        self.now_s = now_s
        self.began_s = now_s
        self.roll = 0.5
        self.journey: Journey = compiled.journey(model, self.health, now_s=now_s, **how)
        self.trial: Try | None = None

    def step(self) -> str:
        """What is done: "a" (sent to a), "a+2.0" (after 2 s), "give up 429" or "give up silent"."""
        step = self.journey.step(self.now_s, self.roll)
        if isinstance(step, GiveUp):
            self.trial = None
            return f"give up {step.failure.status or step.failure.fault.value}"
        self.trial = step
        self.now_s += step.wait_s
        marks = ("!" if step.is_rescue else "") + ("~" if step.is_hedge else "")
        wait = f"+{step.wait_s:.2f}" if step.wait_s else ""
        return step.deployment.id + marks + wait

    def fail(self, fault: Fault | Failure, took_s: float = 0.0, **how: Any) -> str:
        """The attempt fails; the next step."""
        self.now_s += took_s
        self.journey.failed(fault if isinstance(fault, Failure) else failure(fault), self.now_s, **how)
        return self.step()

    def win(self, took_s: float = 0.0, ttft_s: float | None = None, tokens_n: int = 10) -> None:
        self.now_s += took_s
        self.journey.succeeded(self.now_s, ttft_s=ttft_s, tokens_n=tokens_n)

    @property
    def elapsed_s(self) -> float:
        return self.now_s - self.began_s

    @property
    def in_flight_n(self) -> int:
        return sum(each["in_flight"] for each in self.health.snapshot().values())
