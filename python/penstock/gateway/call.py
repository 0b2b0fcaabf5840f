"""One call to a model: from the caller's request to its answer, over as many attempts as its journey allows.

`serve()` is the whole life: key, body, journey, attempts, answer, record. Whatever happens, exactly one record goes
to the journal and every attempt is given back to the health state. Thread: the event loop, one task per call.
"""

from __future__ import annotations

import asyncio
import logging
from random import random
from typing import TYPE_CHECKING, ClassVar

from penstock.dialects.call import BadRequest
from penstock.dialects.failure import Failure, Fault
from penstock.dialects.failures import error_body, error_event
from penstock.gateway.answer import forwarded
from penstock.gateway.attempt import asked_last
from penstock.gateway.auth import Unauthorized, may_use
from penstock.gateway.clock import now_s, wall_s
from penstock.gateway.endpoints import Endpoint
from penstock.gateway.facts import read_facts
from penstock.gateway.hooking import Hooked, failure_of_hook
from penstock.gateway.inbound import JSON, BodyTooLarge, CallerGone, Inbound, Send
from penstock.gateway.refusing import refusal_of
from penstock.gateway.streamed import serve_stream
from penstock.gateway.whole import serve_whole
from penstock.hooks import HookFailed, Refused
from penstock.journal.record import Record, error_of, new_id
from penstock.routing.group import Group
from penstock.routing.journey import Journey

log = logging.getLogger("penstock.gateway")

if TYPE_CHECKING:
    from penstock.config.models import Key
    from penstock.dialects.call import CallFacts
    from penstock.gateway.setup import Setup

TAGS_N = 16


class Call:
    """What is known of one call on its way. Owner: the task that serves it."""

    __slots__ = (
        "endpoint",
        "facts",
        "failure",
        "group",
        "has_journey",
        "hooked",
        "inbound",
        "journey",
        "key",
        "record",
        "roll",
        "setup",
        "started_s",
    )

    facts: CallFacts
    failure: Failure | None  # what the caller was told; None = an answer
    group: Group  # this and journey with has_journey
    journey: Journey
    key: Key
    journey_kind: ClassVar[type[Journey]] = Journey
    models_at: ClassVar[str] = "GET /v1/models"
    sends_errors: ClassVar[bool] = True  # a stream that breaks off ends with an event that says so

    def __init__(self, setup: Setup, inbound: Inbound, endpoint: Endpoint) -> None:
        self.setup = setup
        self.inbound = inbound
        self.endpoint = endpoint
        self.roll = random
        self.failure = None
        self.has_journey = False
        self.hooked: Hooked | None = None
        self.started_s = now_s()
        self.record = Record(id=new_id(), started_s=wall_s(), endpoint=endpoint.name, dialect=endpoint.dialect.value)

    def __repr__(self) -> str:
        return f"<Call {self.record.id} {self.endpoint.name}>"

    async def serve(self) -> None:
        """Answer it. Raises CancelledError only when the server stops."""
        record = self.record
        try:
            await self._answer()
        except CallerGone:
            record.outcome = "cancelled"
        except Exception as err:
            failure = self.stumbled(err)
            if record.status:  # the head has gone out: the server cuts the connection, which is no clean end
                self.failure = failure
                record.outcome, record.error = "cut", error_of(failure)
                raise
            await self.refuse(failure)
        except asyncio.CancelledError:
            record.outcome = "cancelled"
            if not self.inbound.is_gone:
                raise
            _uncancel()
        finally:
            if self.has_journey:
                self.journey.close(now_s())
                record.retries_n, record.fallbacks_n = self.journey.retries_n, self.journey.fallbacks_n
            if record.group is None and record.attempts:
                asked_last(record)
            record.close((now_s() - self.started_s) * 1000)
            self.setup.journal.put(record)

    async def _answer(self) -> None:
        try:
            await self._read()
            if self.setup.hooks:
                self.hooked = await Hooked.begin(self)
            self._route()
        except (Unauthorized, BodyTooLarge, BadRequest) as err:
            await self.refuse(refusal_of(err))
        except (Refused, HookFailed) as err:
            await self.refuse(failure_of_hook(err))
        else:
            await (serve_stream if self.facts.stream else serve_whole)(self)

    def stumbled(self, err: Exception) -> Failure:
        """A fault of the gateway itself, or of a hook: the log gets all of it, the caller its id."""
        if isinstance(err, (Refused, HookFailed)):
            return failure_of_hook(err)
        log.exception("call %s failed inside of the gateway", self.record.id, exc_info=err)
        message = f"an error of the gateway itself; its log has the details under {self.record.id}"
        return Failure(fault=Fault.SERVER, status=500, message=message)

    async def _read(self) -> None:
        setup, inbound, record = self.setup, self.inbound, self.record
        self.key = self.check_key()
        record.key_name = self.key.name
        general = setup.config.general
        body = await inbound.body(general.max_request_bytes)
        inbound.watch()
        headers = forwarded(
            inbound.headers(),
            with_x=general.forward_client_headers,
            with_organization=general.forward_openai_org_id,
        )
        read = read_facts(
            self.endpoint,
            body,
            headers,
            drop_params=general.drop_params,
            include_usage=general.always_include_stream_usage,
        )
        self.facts = read.facts
        record.received_bytes = len(body)
        record.model_asked = read.facts.model
        record.stream = read.facts.stream
        record.user = read.user
        record.traceparent = inbound.header("traceparent")
        record.caller_id = inbound.header("x-request-id")
        record.session = inbound.header("x-litellm-session-id") or inbound.header("x-claude-code-session-id")
        if (tags := inbound.header("x-litellm-tags")) is not None:
            record.tags = tuple(each for tag in tags.split(",")[:TAGS_N] if (each := tag.strip()))
        if setup.config.journal.keep_text:
            record.request_text = body.decode("utf-8", "replace")

    def check_key(self) -> Key:
        """Who is calling. Raises Unauthorized."""
        return self.setup.auth.check(self.inbound)

    def _route(self) -> None:
        """The journey; BadRequest (404, 403) when there is none for this model."""
        model, record = self.facts.model, self.record
        group = self.setup.routes.group(model)
        if group is None:
            raise BadRequest(
                f"the model {model!r} does not exist here; {self.models_at} lists them", param="model", status=404
            )
        if not may_use(self.key, group.name) and not may_use(self.key, model):
            raise BadRequest(f"the key {self.key.name!r} may not use the model {model!r}", param="model", status=403)
        self.group = group
        retries = self.inbound.header("x-stainless-retry-count")
        self.journey = self.setup.routes.journey(
            group,
            self.setup.health,
            stream=self.facts.stream,
            now_s=now_s(),
            tags=record.tags,
            sdk_retries_n=int(retries) if retries and len(retries) < 3 and retries.isdecimal() else 0,
            kind=self.journey_kind,
        )
        self.has_journey = True

    def secrets(self) -> list[str]:
        """The keys of deployments that were tried: what a provider quotes of them is not for the journal."""
        tried = {each.deployment for each in self.record.attempts}
        keys = [each.api_key for each in self.setup.config.deployments if each.id in tried]
        return [key.reveal() for key in keys if key is not None]

    # -- answers that both kinds share --

    def ids(self) -> list[tuple[str, str]]:
        """Header fields of an answer that is not, or not yet, a provider's."""
        return [("x-request-id", self.record.id), ("x-litellm-call-id", self.record.id)]

    async def refuse(self, failure: Failure) -> None:
        """The answer to a call that failed as a whole, in the caller's dialect."""
        record = self.record
        self.failure = failure
        status, body = error_body(self.endpoint.dialect, failure, request_id=record.id)
        record.outcome = "refused" if not record.attempts else "failed"
        record.status = status
        record.error = error_of(failure, secrets=self.secrets())
        headers = [JSON, *self.ids()]
        if failure.retry_after_s is not None:
            headers.append(("retry-after", str(max(1, round(failure.retry_after_s)))))
        headers.append(("x-should-retry", self.journey.should_retry_header if self.has_journey else "false"))
        record.sent_bytes = len(body)
        await self.inbound.respond(status, headers, body)

    async def break_off(self, failure: Failure, give: Send) -> None:
        """The end of a stream that failed after it had begun: a typed event of the caller's dialect."""
        self.failure = failure
        self.record.outcome = "cut"
        self.record.error = error_of(failure, secrets=self.secrets())
        if self.sends_errors:
            await give(error_event(self.endpoint.dialect, failure, request_id=self.record.id))


def _uncancel() -> None:
    task = asyncio.current_task()
    if task is not None and hasattr(task, "uncancel"):  # Python 3.11
        task.uncancel()
