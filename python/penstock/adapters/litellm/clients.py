"""Clients that LiteLLM made before the seams were put in or out: made anew, with the transports of now.

Its handlers are renewed where they are, because others hold them (loggers, guardrails, alerts of the proxy). Clients of
SDKs are forgotten, and made again when they are wanted. Nothing is closed: responses that were handed out go on.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from penstock.adapters.litellm.tls import HANDLER
from penstock.adapters.litellm.transports import AsyncTransport, SyncTransport

MODULE_LEVEL = ("module_level_aclient", "module_level_client")  # made when first looked at


def renew_clients() -> None:
    for handler in handlers():
        if getattr(handler, "_owns_client", False) and getattr(handler, "transport", None) is None:
            names = inspect.signature(handler.create_client).parameters
            handler._client = handler.create_client(**{name: getattr(handler, name, None) for name in names})
    if (cache := vars(import_module("litellm")).get("in_memory_llm_clients_cache")) is not None:
        cache.flush_cache()


def handlers() -> Iterator[Any]:
    """Those that LiteLLM keeps, for itself or in its cache."""
    litellm, module = import_module("litellm"), import_module(HANDLER)
    kinds = tuple(kind for name in ("AsyncHTTPHandler", "HTTPHandler") if (kind := getattr(module, name, None)))
    cache = vars(litellm).get("in_memory_llm_clients_cache")
    kept = list(getattr(cache, "cache_dict", {}).values())
    for each in [vars(litellm).get(name) for name in MODULE_LEVEL] + kept:
        if isinstance(each, kinds):
            yield each


def module_level() -> Iterator[tuple[str, str]]:
    """Names of the module's clients that are made, and why penstock is not below them; "" when it is."""
    for name in MODULE_LEVEL:
        if (handler := vars(import_module("litellm")).get(name)) is not None:
            below = getattr(getattr(handler, "_client", None), "_transport", None)
            is_ours = isinstance(below, AsyncTransport | SyncTransport)
            yield f"litellm.{name}", "" if is_ours else f"it has a {type(below).__name__}"
