"""Whom LiteLLM's clients trust and how they speak TLS, as penstock's TLS.

LiteLLM makes an ssl.SSLContext of its settings (`get_ssl_configuration`) and keeps it by them, so for its own contexts
the settings are known: they are taken, not the context. Clients of equal settings then share connections, a client
certificate (`litellm.ssl_certificate`) goes with them without being loaded into a context that others use, and it does
not matter which copy of OpenSSL Python has. A context of the user's is used as it is where that can be, else LiteLLM
keeps its own transport for that client (`TheirsToMake`).
"""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from importlib import import_module
from typing import Any

from penstock.runtime import shares_libssl
from penstock.ssl_context import objection
from penstock.tls import TLS

HANDLER = "litellm.llms.custom_httpx.http_handler"


class TheirsToMake(Exception):
    """LiteLLM's own transport is the right one for this client; the text says why."""


def tls_of(verify: Any) -> TLS:
    """`verify` as LiteLLM resolved it. TheirsToMake for an ssl.SSLContext that cannot be used; ConfigError for files
    that cannot be read."""
    cert = client_certificate()
    if not isinstance(verify, ssl.SSLContext):
        return TLS(verify=True if verify is None else verify, **cert)
    if (settings := settings_behind(verify)) is not None:
        return TLS(**settings, **cert)
    if why := objection(verify, shares_libssl=shares_libssl()):
        raise TheirsToMake(f"its ssl.SSLContext cannot be used: {why}")
    return TLS(context=verify)


def client_certificate() -> dict[str, Any]:
    """SSL_CERTIFICATE, else `litellm.ssl_certificate`: a file with certificate and key, or httpx's tuple."""
    litellm = import_module("litellm")
    given = os.environ.get("SSL_CERTIFICATE") or getattr(litellm, "ssl_certificate", None) or ()
    names = ("cert_file", "key_file", "key_password")
    return dict(zip(names, (given,) if isinstance(given, str) else given, strict=False))


def settings_behind(context: ssl.SSLContext) -> dict[str, Any] | None:
    """Settings of TLS that say what LiteLLM's own context says; None for another's context."""
    handler = import_module(HANDLER)
    for key, known in getattr(handler, "_ssl_context_cache", {}).items():
        if known is context:
            ca_file, level, curve = key[:3]
            return {
                "ca_file": ca_file,
                "ciphers": level or getattr(handler, "DEFAULT_SSL_CIPHERS", None),
                "groups": curve if curve and is_curve(curve) else None,
                "x509_strict": bool(context.verify_flags & ssl.VERIFY_X509_STRICT),
                "partial_chain": bool(context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN),
            }
    return None


@lru_cache
def is_curve(name: str) -> bool:
    """LiteLLM warns of a curve that OpenSSL does not know, and goes on without."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).set_ecdh_curve(name)
    except ValueError:
        return False
    return True
