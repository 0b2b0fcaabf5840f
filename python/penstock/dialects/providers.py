"""Providers: where they are, how they want to be asked, and what they do not take. One table, no code per provider.

What stands here is what their documentation says (base URLs and key names also as LiteLLM's users know them).
`split_model` reads LiteLLM's `provider/model`, `url_of` makes the address of a call. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote, urlsplit, urlunsplit

from penstock.config.models import Deployment
from penstock.dialects.call import BadRequest
from penstock.dialects.dialect import Dialect
from penstock.dialects.provider_rows import AZURE_PATHS, PATHS, ROWS, Auth, Provider

__all__ = ["PROVIDERS", "Auth", "Provider", "address_of", "provider_of", "split_model", "url_of"]

PROVIDERS: Mapping[str, Provider] = MappingProxyType({name: row for row in ROWS for name in (row.name, *row.aliases)})

_V1_VERSIONS = frozenset({"v1", "preview", "latest"})
_AT_END = tuple(sorted({*PATHS.values(), "/v1/messages", "/messages"}, key=len, reverse=True))


def split_model(model: str, api_base: str | None = None) -> tuple[str, str]:
    """LiteLLM's `litellm_params.model`: the provider and the name it knows. Told by the prefix, else by the api_base
    when that is a provider's own host, else by how the name begins; what is left is OpenAI's format.

    >>> split_model("groq/llama-3.3-70b-versatile"), split_model("claude-sonnet-4-5")
    (('groq', 'llama-3.3-70b-versatile'), ('anthropic', 'claude-sonnet-4-5'))
    """
    prefix, slash, rest = model.partition("/")
    if slash and rest and prefix in PROVIDERS:
        name = PROVIDERS[prefix].name
        if name == "openrouter" and "/" not in rest and "*" not in rest:
            rest = model  # openrouter/auto is a name of their own
        return name, rest
    if api_base is not None:
        return _by_base(api_base) or "openai", model
    return "anthropic" if model.startswith("claude") else "openai", model


def _by_base(api_base: str) -> str | None:
    """The provider whose own host this is: the host must be equal, and the path a part of it."""
    asked = urlsplit(api_base if "://" in api_base else "https://" + api_base)
    for row in ROWS:
        if row.api_base is None or row.is_local:
            continue
        own = urlsplit(row.api_base)
        if asked.hostname == own.hostname and (asked.path.rstrip("/") + "/").startswith(own.path.rstrip("/") + "/"):
            return row.name
    return None


def provider_of(deployment: Deployment) -> Provider:
    """Its row. BadRequest for a provider that is not in the table."""
    row = PROVIDERS.get(deployment.provider)
    if row is None:
        raise BadRequest(f"the provider {deployment.provider!r} of {deployment.group!r} is not supported", status=500)
    return row


def address_of(deployment: Deployment) -> str:
    """The base URL calls of a deployment go to; "" when it has none."""
    row = PROVIDERS.get(deployment.provider)
    return deployment.api_base or (row.api_base if row is not None else None) or ""


def url_of(deployment: Deployment, dialect: Dialect, model: str, suffix: str = "") -> str:
    """Where a call is posted to. An api_base may end before `/v1` (where LiteLLM adds it), with it, or with the whole
    path of a call. BadRequest when the provider has no address of its own and none is configured.
    """
    row = provider_of(deployment)
    base = deployment.api_base or row.api_base
    if not base:
        raise BadRequest(
            f"{deployment.group!r} has no api_base, and {row.name!r} has no address of its own", status=500
        )
    parts = urlsplit(base if "://" in base else "http://" + base)
    path, query = parts.path.rstrip("/"), parts.query
    if row.auth is Auth.AZURE:
        path, query = _azure(path, query, deployment.api_version, dialect, model)
    elif dialect is Dialect.MESSAGES:
        path = _without_call(path)
        path += "/messages" if path.endswith("/v1") else "/v1/messages"
    else:
        path = _without_call(path)
        if row.adds_v1 and not path.endswith("/v1"):
            path += "/v1"
        path += row.paths[dialect]
    return urlunsplit((parts.scheme, parts.netloc, path + suffix, query, ""))


def _without_call(path: str) -> str:
    for end in _AT_END:
        if path.endswith(end):
            return path[: -len(end)]
    return path


def _azure(path: str, query: str, version: str | None, dialect: Dialect, model: str) -> tuple[str, str]:
    """Azure's two forms: the deployment in the path with an api-version, or `/openai/v1` with the model in the body
    (https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle)."""
    at = AZURE_PATHS[dialect]
    if path.endswith(at):
        path = path[: -len(at)]
        if path.endswith(("/openai", "/openai/v1")) or "/openai/deployments/" in path:
            return path + at, _with_version(query, None if path.endswith("/v1") else version)
    if version in _V1_VERSIONS or path.endswith("/openai/v1"):
        return path.removesuffix("/openai/v1").removesuffix("/openai") + "/openai/v1" + at, query
    if "/openai/deployments/" in path:
        return path + at, _with_version(query, version)
    path = path.removesuffix("/openai") + "/openai"
    if dialect is not Dialect.RESPONSES:
        path += "/deployments/" + quote(model, safe="")
    return path + at, _with_version(query, version)


def _with_version(query: str, version: str | None) -> str:
    if version is None or "api-version=" in query:
        return query
    return f"{query}&api-version={version}".lstrip("&")
