"""From the caller's dialect to the provider's and back, for one attempt. Pure.

When the provider speaks the caller's dialect, bytes pass: only `model` and `stream_options` are patched in place.
Otherwise a Translation from the registry is used. A new wire format (Gemini, Bedrock, ...) is a member of Dialect, a
row of providers that has it in its paths, and an entry in TRANSLATIONS.
"""

from __future__ import annotations

from typing import Protocol

from penstock.config.models import Deployment
from penstock.dialects.call import BadRequest, CallFacts
from penstock.dialects.dialect import Dialect
from penstock.dialects.outgoing import Outgoing, Plan, plan_of
from penstock.dialects.patch import patched
from penstock.dialects.providers import Auth, Provider, provider_of
from penstock.dialects.translation import BadAnswer, StreamTranslator, Translation
from penstock.dialects.translations import TRANSLATIONS

__all__ = ["BadAnswer", "Outgoing", "Pathway", "StreamTranslator", "pathway", "upstream_of"]

_WITH_USAGE = frozenset({Dialect.CHAT, Dialect.COMPLETIONS})
_RENAMES = {"max_completion_tokens": "max_tokens"}


class Pathway(Protocol):
    """One attempt.

    upstream      the provider's dialect
    is_same       bytes pass untouched
    strips_usage  we ask for usage that the caller did not ask for: it must be taken out of the stream again
    """

    upstream: Dialect
    is_same: bool
    strips_usage: bool

    def request(self) -> Outgoing:
        """BadRequest for what cannot be asked there."""

    def response(self, body: bytes) -> bytes:
        """A whole 2xx body, in the caller's dialect. BadAnswer when it is not one of the provider's dialect."""

    def stream(self) -> StreamTranslator | None:
        """None when `is_same`."""


class SamePathway:
    """Caller and provider speak the same."""

    __slots__ = ("_asks_usage", "_call", "_plan", "is_same", "strips_usage", "upstream")

    def __init__(self, plan: Plan, call: CallFacts) -> None:
        self._plan = plan
        self._call = call
        self.upstream = call.dialect
        self.is_same = True
        self._asks_usage = call.stream and call.dialect in _WITH_USAGE and _takes_options(plan.provider, call.body)
        self.strips_usage = self._asks_usage and not call.include_usage

    def __repr__(self) -> str:
        return f"<SamePathway {self.upstream.value} {self._plan.host}>"

    def request(self) -> Outgoing:
        plan, call = self._plan, self._call
        provider = plan.provider
        drops: tuple[str, ...] = ()
        if not provider.takes_stream_options and _drops(plan.deployment, call):
            drops = ("stream_options",)
        body = patched(
            call.body,
            plan.sets_of(call),
            defaults=None if call.counts_tokens else plan.defaults,
            renames=_RENAMES if provider.max_tokens_only and call.dialect is Dialect.CHAT else None,
            drops=drops,
            includes_usage=self._asks_usage,
        )
        return plan.outgoing(call, body)

    def response(self, body: bytes) -> bytes:
        return body

    def stream(self) -> StreamTranslator | None:
        return None


class TranslatedPathway:
    """The provider speaks another dialect than the caller."""

    __slots__ = ("_call", "_plan", "_translation", "is_same", "strips_usage", "upstream")

    def __init__(self, plan: Plan, call: CallFacts, translation: Translation) -> None:
        self._plan = plan
        self._call = call
        self._translation = translation
        self.upstream = plan.upstream
        self.is_same = False
        self.strips_usage = False

    def __repr__(self) -> str:
        return f"<TranslatedPathway {self._call.dialect.value} -> {self.upstream.value} {self._plan.host}>"

    def request(self) -> Outgoing:
        plan, call = self._plan, self._call
        body = self._translation.request(
            call,
            model=plan.model_of(call),
            provider=plan.provider,
            params=plan.params,
            drop_params=_drops(plan.deployment, call),
        )
        return plan.outgoing(call, body)

    def response(self, body: bytes) -> bytes:
        return self._translation.response(body, self._call)

    def stream(self) -> StreamTranslator | None:
        return self._translation.stream(self._call)


def upstream_of(caller: Dialect, deployment: Deployment) -> Dialect | None:
    """The dialect a call will have at a deployment; None when there is no way. BadRequest for an unknown provider."""
    spoken = provider_of(deployment).paths
    if caller in spoken:
        return caller
    for dialect in spoken:
        if (caller, dialect) in TRANSLATIONS:
            return dialect
    return None


def pathway(caller: Dialect, deployment: Deployment, call: CallFacts) -> Pathway:
    """The way for one attempt. BadRequest when there is none."""
    upstream = upstream_of(caller, deployment)
    if upstream is None:
        raise BadRequest(f"{call.model!r} is served by {deployment.provider}, which has no {caller.value} endpoint")
    plan = plan_of(deployment, upstream)
    if upstream is caller:
        return SamePathway(plan, call)
    if call.counts_tokens:
        raise BadRequest(f"{call.model!r} is served by {deployment.provider}, which cannot count tokens")
    return TranslatedPathway(plan, call, TRANSLATIONS[caller, upstream])


def _takes_options(provider: Provider, body: bytes) -> bool:
    """Azure refuses stream_options beside data_sources (https://github.com/openai/openai-python/issues/2296)."""
    return provider.takes_stream_options and not (provider.auth is Auth.AZURE and b'"data_sources"' in body)


def _drops(deployment: Deployment, call: CallFacts) -> bool:
    return call.drop_params if deployment.drop_params is None else deployment.drop_params
