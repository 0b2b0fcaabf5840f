"""A row of `model_list` becomes a Deployment, or complaints.

A row that cannot serve is an error: no model, a key whose variable is not set, a provider nobody knows. A row of a
provider that LiteLLM knows and penstock cannot reach yet is left out with a warning: the others serve.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from penstock.config import known
from penstock.config.fields import Field, check_keys, names_of, read_fields, warn_unsupported
from penstock.config.kinds import (
    SECONDS,
    flag,
    flag_or_path,
    guarded,
    mapping,
    number,
    pairs,
    seconds,
    secret,
    text,
    texts,
    token,
    url,
    whole,
)
from penstock.config.models import Deployment, Price
from penstock.config.price import PRICE_KEYS, is_price, read_price
from penstock.config.providers import resolve_provider
from penstock.config.value import Value, nearest
from penstock.secret import Secret

ROW_KEYS = ("model_name", "litellm_params", "model_info", "rpm", "tpm", "id", "blocked")
PARAMS = (
    Field("model", "model", text, is_needed=True),
    Field("custom_llm_provider", "provider", text),
    Field("api_base", "api_base", url, also=("base_url",), is_needed=True),
    Field("api_key", "api_key", secret, is_needed=True),
    Field("api_version", "api_version", token),
    Field("organization", "organization", token),
    Field("extra_headers", "headers", pairs, also=("headers", "default_headers")),
    Field("weight", "weight", number("a weight")),
    Field("order", "order", whole()),
    Field("rpm", "rpm", whole("requests per minute")),
    Field("tpm", "tpm", whole("tokens per minute")),
    Field("max_parallel_requests", "max_parallel", whole("requests", least=1)),
    Field("num_retries", "num_retries", whole("retries", most=100), also=("max_retries",)),
    Field("timeout", "timeout_s", seconds, also=("request_timeout",)),
    Field("stream_timeout", "stream_timeout_s", seconds),
    Field("ttft_timeout", "ttft_s", seconds),
    Field("stream_idle_timeout", "idle_s", seconds),
    Field("keepalive_seconds", "keepalive_s", number(SECONDS, least=1, most=300)),
    Field("ssl_verify", "ssl_verify", flag_or_path),
    Field("drop_params", "drop_params", flag),
    Field("tags", "tags", texts),
    Field("litellm_credential_name", "credential", text),
    Field("model_info", "ignored_info", mapping),
    Field("extra_body", "extra_body", mapping),
)
INFO = (
    Field("id", "id", text),
    Field("mode", "mode", text),
    Field("max_input_tokens", "max_input_tokens", whole("tokens", least=1)),
    Field("rpm", "rpm", whole("requests per minute")),
    Field("tpm", "tpm", whole("tokens per minute")),
)
OWN = names_of(PARAMS) | PRICE_KEYS
NOT_ATTRIBUTES = ("credential", "ignored_info", "extra_body")
SECRET_WORDS = ("key", "token", "secret", "password", "credential", "authorization")


def read_deployments(
    section: Value, credentials: Mapping[str, Mapping[str, Value]], *, skip_missing: bool
) -> tuple[tuple[Deployment, ...], frozenset[str]]:
    """The rows that can serve, and the groups of all rows. `skip_missing` leaves out rows without their variables."""
    if not section.is_list:
        if not section.is_null:
            section.error(f"must be a list of models, not {section.kind}")
        return (), frozenset()
    found: list[tuple[Deployment, Value]] = []
    groups = set()
    for row in section.items():
        if not row.is_mapping:
            row.error(f"must be a mapping with model_name and litellm_params, not {row.kind}")
            continue
        group = _group(row)
        if group is None:
            continue
        groups.add(group)
        if (deployment := _deployment(row, group, credentials, skip_missing)) is not None:
            found.append((deployment, row))
    return _told_apart(found), frozenset(groups)


def _group(row: Value) -> str | None:
    name = row.entry("model_name")
    if name.is_null:
        row.error("model_name is missing: the name that callers ask for")
        return None
    return guarded(text, name)


def _deployment(
    row: Value, group: str, credentials: Mapping[str, Mapping[str, Value]], skip_missing: bool
) -> Deployment | None:
    check_keys(row, ROW_KEYS, ignored=known.ROW_IGNORED, elsewhere=dict.fromkeys(sorted(OWN), "litellm_params"))
    params = row.entry("litellm_params")
    if not params.is_mapping:
        if params.is_null:
            row.error("litellm_params is missing: model, api_base, api_key, ...")
        else:
            params.error(f"must be a mapping (model, api_base, api_key, ...), not {params.kind}")
        return None
    params = _with_credential(params, credentials)
    if any(_is_blocked(place) for place in (row, row.entry("model_info"))):
        row.warn("is blocked: the row is left out")
        return None
    if skip_missing and (name := _missing_needed(params)):
        row.warn(f"environment variable {name} is not set: the deployment is left out")
        return None
    values = read_fields(params, PARAMS)
    info = _info(row, params, values)
    for name in ("rpm", "tpm"):
        limits = read_fields(row, [Field(name, name, whole())])
        values[name] = limits.get(name, values.get(name, info.get(name)))
        info.pop(name, None)
    plain_info = info.pop("info")
    price = read_price(row.entry("model_info"), params)
    extra = _extra(params, values.pop("extra_body", {}), plain_info)
    if "model" not in values:
        if params.entry("model").is_null:
            params.error("model is missing: provider/name, what the provider is asked for")
        return None
    if not resolve_provider(params, values):
        return None
    values = {name: value for name, value in values.items() if name not in NOT_ATTRIBUTES}
    values.update(info, group=group, params=extra, info=plain_info, price=price)
    values["id"] = str(info.get("id") or _fingerprint(values))
    return Deployment(**values)


def _with_credential(params: Value, credentials: Mapping[str, Mapping[str, Value]]) -> Value:
    """The parameters with those of `credential_list` under them."""
    name = params.entry("litellm_credential_name")
    if name.is_null or name.missing is not None:
        return params
    wanted = str(name.scalar())
    values = credentials.get(wanted)
    if values is None:
        name.error("no such credential_name in credential_list", nearest(wanted, credentials))
        return params
    own = dict(params.node.value) if isinstance(params.node.value, Mapping) else {}
    under = {key: each.node for key, each in values.items() if key not in own}
    return Value(type(params.node)({**under, **own}, params.node.file, params.node.line), params.path, params.reading)


def _is_blocked(place: Value) -> bool:
    """LiteLLM's switch to pause a deployment."""
    return read_fields(place, (Field("blocked", "blocked", flag),)).get("blocked", False) is True


def _missing_needed(params: Value) -> str | None:
    values = (params.entry(key) for field in PARAMS if field.is_needed for key in field.keys)
    return next((each.missing for each in values if each.missing), None)


def _info(row: Value, params: Value, values: Mapping[str, Any]) -> dict[str, Any]:
    """What model_info says; `info` is all of it."""
    section = row.entry("model_info")
    if section.is_null:
        section = params.entry("model_info")
    if not section.is_null and not section.is_mapping:
        section.error(f"must be a mapping, not {section.kind}")
    found = read_fields(section, INFO)
    if "id" not in found:
        found.update(read_fields(row, [Field("id", "id", text)]))
    return {**found, "info": section.plain() if section.is_mapping else {}}


def _extra(params: Value, body: Mapping[str, Any], info: dict[str, Any]) -> dict[str, Any]:
    """The parameters that go into the request body. Prices go to `info`; what looks like a secret goes nowhere."""
    found = dict(body)
    for key, value in params.entries().items():
        if key in OWN or value.is_null:
            continue
        if key in known.PARAMS_UNSUPPORTED or key.startswith(known.PARAMS_UNSUPPORTED_STARTS):
            warn_unsupported(value)
        elif is_price(key):
            info.setdefault(key, value.plain())
        elif key in known.BODY_PARAMS:
            found[key] = value.plain()
        elif _is_secret(key) or _is_secret(hint := nearest(key, [*OWN, *known.BODY_PARAMS], 0.75) or ""):
            value.warn("unknown key that looks like a secret: it is not sent to the provider", nearest(key, OWN))
        else:
            if hint:
                value.warn("unknown key: it is sent to the provider as it is", hint)
            found[key] = value.plain()
    return found


def _is_secret(key: str) -> bool:
    return any(word in key.lower() for word in SECRET_WORDS) and "tokens" not in key.lower()


def _fingerprint(values: Mapping[str, Any]) -> str:
    """The same for the same row wherever it stands; another for another key. Tells nothing of the key."""
    shown = {
        name: value.reveal() if isinstance(value, Secret) else str(value) if isinstance(value, Price) else value
        for name, value in values.items()
        if name not in ("info",)
    }
    canonical = json.dumps(shown, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(b"penstock deployment\0" + canonical.encode()).hexdigest()[:20]


def _told_apart(found: Sequence[tuple[Deployment, Value]]) -> tuple[Deployment, ...]:
    """Each id once: rows that are the same are counted, an id that was given twice is an error."""
    seen: dict[str, int] = {}
    result = []
    for deployment, row in found:
        times = seen.get(deployment.id, 0)
        seen[deployment.id] = times + 1
        if times:
            given = row.entry("model_info").entry("id")
            if not given.is_null:
                given.error("is the id of another row: ids are unique")
            else:
                row.warn("is the same as an earlier row: it counts twice")
            deployment = replace(deployment, id=f"{deployment.id}-{times + 1}")
        result.append(deployment)
    return tuple(result)
