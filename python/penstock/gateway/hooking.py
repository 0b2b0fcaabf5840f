"""People's hooks around one call: only made when somebody overrides one. Their refusals become the caller's errors.

Order: pre_call may replace the body before it is routed; during_call runs beside the attempts and nothing goes out
before it has come back; post_call sees the answer. What a hook raises by mistake fails the call: a guardrail that
breaks lets nothing through.
"""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from penstock.dialects.failure import Failure, Fault
from penstock.gateway.endpoints import Endpoint
from penstock.gateway.facts import read_facts
from penstock.hooks import Chain, HookAnswer, HookCall, HookFailed, Refused

if TYPE_CHECKING:
    from penstock.gateway.call import Call

T = TypeVar("T")
log = logging.getLogger("penstock.gateway")
SEEN = ("user-agent", "x-request-id", "traceparent")  # headers that hooks may see, beside x-* ones


class Hooked:
    """The hooks of one call. Owner: the Call."""

    __slots__ = ("call", "chain")

    def __init__(self, chain: Chain, call: HookCall) -> None:
        self.chain = chain
        self.call = call

    def __repr__(self) -> str:
        return f"<Hooked {self.chain!r}>"

    @classmethod
    async def begin(cls, call: Call) -> Hooked:
        """pre_call: the call's facts are those of the body that came back. Raises Refused, HookFailed, BadRequest."""
        facts, chain = call.facts, call.setup.hooks
        before = HookCall(
            facts.body,
            dialect=facts.dialect,
            model=facts.model,
            stream=facts.stream,
            key_name=call.key.name,
            request_id=call.record.id,
            endpoint=call.endpoint.name,
            headers=_visible(call),
        )
        after = await chain.pre_call(before)
        if after.body is not facts.body:
            endpoint = Endpoint(call.endpoint.dialect, call.endpoint.name, None, call.endpoint.counts_tokens)
            call.facts = read_facts(
                endpoint, after.body, facts.headers, drop_params=facts.drop_params, include_usage=facts.include_usage
            ).facts
        return cls(chain, after)

    async def beside(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work` once every during_call has agreed."""
        return await self.chain.beside(self.call, work)

    async def answered(self, body: bytes, *, model: str, deployment: str) -> bytes:
        """post_call of a whole answer: the body to send."""
        if not self.chain.post:
            return body
        answer = HookAnswer(body, model=model, deployment=deployment)
        return (await self.chain.post_call(self.call, answer)).body

    async def streamed(self, text: str, *, model: str, deployment: str) -> None:
        """post_call of a stream that has gone out. It cannot change anything any more, so it cannot fail it either."""
        if not self.chain.post:
            return
        answer = HookAnswer(b"", model=model, deployment=deployment, is_stream=True, stream_text=text)
        try:
            await self.chain.post_call(self.call, answer)
        except (Refused, HookFailed) as err:
            log.warning("a post_call hook objects to a stream that has gone out: %s", type(err).__name__)


async def guarded(call: Call, work: Coroutine[Any, Any, T]) -> T | Failure:
    """The result of `work`, beside the call's during hooks if it has any; what a hook objects with is a failure."""
    if call.hooked is None:
        return await work
    try:
        return await call.hooked.beside(work)
    except (Refused, HookFailed) as err:
        return failure_of_hook(err)


def _visible(call: Call) -> dict[str, str]:
    hidden = ("x-api-key", "x-litellm-api-key")
    return {
        name: value
        for name, value in call.inbound.headers()
        if name in SEEN or (name.startswith("x-") and name not in hidden)
    }


def failure_of_hook(err: Refused | HookFailed) -> Failure:
    """What the caller is told."""
    if isinstance(err, Refused):
        fault = Fault.BAD_REQUEST if err.status < 500 else Fault.SERVER
        return Failure(fault=fault, status=err.status, message=str(err), type=err.type, code=err.code)
    log.error("%s", err, exc_info=err.__cause__)
    return Failure(fault=Fault.SERVER, status=500, message="a hook of the gateway failed; its log says why")
