"""What goes to a provider: address, headers with the key, body. What is the same for all calls of a deployment is
worked out once and kept with the deployment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from penstock.config.models import Deployment
from penstock.dialects.call import CallFacts
from penstock.dialects.dialect import Dialect
from penstock.dialects.providers import Auth, Provider, provider_of, url_of

Fields = tuple[tuple[str, str], ...]
ANTHROPIC_VERSION = "2023-06-01"
# litellm_params that say how to call, not what to ask: never a part of a body, should one get here.
NOT_ASKED = frozenset({"api_key", "api_base", "azure_ad_token", "extra_body", "extra_headers", "model", "messages"})
_OPENAI_ONLY, _ANTHROPIC_ONLY = "openai-", "anthropic-"
_JOINED = "anthropic-beta"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request to a provider. `headers` have the key in them."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes
    host: str

    def __repr__(self) -> str:
        return f"<Outgoing {self.method} {self.url}, {len(self.body)} bytes>"


class Plan:
    """The part that does not change from call to call. Owner: the deployment's memo."""

    __slots__ = ("defaults", "deployment", "headers", "host", "model", "params", "provider", "sets", "upstream", "url")

    def __init__(self, deployment: Deployment, upstream: Dialect) -> None:
        self.deployment = deployment
        self.upstream = upstream
        self.provider: Provider = provider_of(deployment)
        self.model: str | None = None if "*" in deployment.model else deployment.model
        self.url: str | None = None if self.model is None else url_of(deployment, upstream, self.model)
        self.host = urlsplit(self.url or url_of(deployment, upstream, "x")).hostname or ""
        self.headers = _headers(deployment, self.provider, upstream)
        self.params = asked(deployment.params)
        self.defaults: dict[str, bytes] = {name: msgspec.json.encode(value) for name, value in self.params.items()}
        self.sets: dict[str, bytes] | None = None if self.model is None else {"model": msgspec.json.encode(self.model)}

    def __repr__(self) -> str:
        return f"<Plan {self.upstream.value} {self.host}>"

    def model_of(self, call: CallFacts) -> str:
        return self.model if self.model is not None else wildcard_model(self.deployment, call.model)

    def url_for(self, call: CallFacts) -> str:
        if call.counts_tokens:
            return url_of(self.deployment, self.upstream, self.model_of(call), "/count_tokens")
        return self.url if self.url is not None else url_of(self.deployment, self.upstream, self.model_of(call))

    def sets_of(self, call: CallFacts) -> dict[str, bytes]:
        return self.sets if self.sets is not None else {"model": msgspec.json.encode(self.model_of(call))}

    def outgoing(self, call: CallFacts, body: bytes) -> Outgoing:
        return Outgoing("POST", self.url_for(call), self._headers_of(call), body, self.host)

    def _headers_of(self, call: CallFacts) -> list[tuple[str, str]]:
        """The caller's fields that mean something there, under ours and the deployment's; two lists of betas join."""
        own = self.headers
        if not call.headers:
            return list(own)
        foreign = _OPENAI_ONLY if self.upstream.is_anthropic else _ANTHROPIC_ONLY
        given = {name: value for name, value in call.headers if not name.startswith(foreign)}
        headers: list[tuple[str, str]] = []
        for name, value in own:
            theirs = given.pop(name, None)
            if theirs is not None and name == _JOINED:
                value = ",".join(dict.fromkeys(each.strip() for each in f"{value},{theirs}".split(",")))
            elif theirs is not None and name == "anthropic-version":
                value = theirs
            headers.append((name, value))
        return headers + list(given.items())


def plan_of(deployment: Deployment, upstream: Dialect) -> Plan:
    """The plan for a deployment, made at its first call. BadRequest when it cannot be called."""
    plan: Plan | None = deployment.memo.get(upstream)
    if plan is None:
        plan = deployment.memo[upstream] = Plan(deployment, upstream)
    return plan


def asked(params: Mapping[str, Any]) -> dict[str, Any]:
    """A deployment's params as members of a body; those of `extra_body` come on top."""
    members = {name: value for name, value in params.items() if name not in NOT_ASKED and value is not None}
    extra = params.get("extra_body")
    if isinstance(extra, Mapping):
        members.update(extra)
    return members


def _headers(deployment: Deployment, provider: Provider, upstream: Dialect) -> Fields:
    headers: dict[str, str] = {"content-type": "application/json", "user-agent": "penstock"}
    if upstream is Dialect.MESSAGES:
        headers["anthropic-version"] = ANTHROPIC_VERSION
    token = deployment.params.get("azure_ad_token") if provider.auth is Auth.AZURE else None
    if deployment.api_key is not None:
        key = deployment.api_key.reveal()
        name = provider.auth.value
        headers[name] = f"Bearer {key}" if provider.auth is Auth.BEARER else key
        if provider.auth is Auth.ANTHROPIC and key.startswith("sk-ant-oat"):  # a token of OAuth, not a key
            del headers[name]
            headers["authorization"] = f"Bearer {key}"
    elif isinstance(token, str):
        headers["authorization"] = f"Bearer {token}"
    if deployment.organization is not None and not upstream.is_anthropic:
        headers["openai-organization"] = deployment.organization
    for name, value in deployment.headers:
        headers[name.lower()] = value
    return tuple(headers.items())


def wildcard_model(deployment: Deployment, asked_model: str) -> str:
    """The model a pattern means: what stands for `*` in the group's name goes in the place of `*` in the model's.

    `openai/*` with model `*`: openai/gpt-5 -> gpt-5; `my-*` with model `gpt-*`: my-5 -> gpt-5.
    """
    before, star, after = deployment.group.partition("*")
    part = asked_model
    if star and asked_model.startswith(before) and asked_model.endswith(after) and before + after != asked_model:
        part = asked_model[len(before) : len(asked_model) - len(after)]
    if part.startswith(deployment.provider + "/"):
        part = part[len(deployment.provider) + 1 :]
    return deployment.model.replace("*", part, 1)
