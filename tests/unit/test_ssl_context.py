"""Which ssl.SSLContext is used as it is, and what the refusal of another says."""

from __future__ import annotations

import ssl
import warnings
from pathlib import Path
from typing import Any

import pytest
import truststore

from penstock.ssl_context import objection


class Quiet(ssl.SSLContext):
    """Adds a name of its own and changes nothing."""

    def label(self) -> str:
        return "mine"


class Wrapping(ssl.SSLContext):
    def wrap_bio(self, *args: Any, **kwargs: Any) -> Any:
        return super().wrap_bio(*args, **kwargs)


def with_keylog(folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.keylog_filename = str(folder / "keys")
    return context


def with_sni_callback() -> ssl.SSLContext:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a client's context cannot have one at all
        context = ssl.SSLContext(ssl.PROTOCOL_TLS)
    context.sni_callback = lambda *_: None
    return context


def test_a_plain_context_is_used() -> None:
    assert objection(ssl.create_default_context(), shares_libssl=True) is None
    assert objection(Quiet(ssl.PROTOCOL_TLS_CLIENT), shares_libssl=True) is None


def test_another_openssl_is_named() -> None:
    why = objection(ssl.create_default_context(), shares_libssl=False)
    assert why is not None
    assert "another copy of OpenSSL" in why
    assert "TLS(ca_file=..." in why


@pytest.mark.parametrize(
    ("context", "words"),
    [
        (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), "PROTOCOL_TLS_SERVER"),
        (Wrapping(ssl.PROTOCOL_TLS_CLIENT), "Wrapping overrides wrap_bio"),
        (with_sni_callback(), "sni_callback"),
    ],
)
def test_what_is_refused(context: ssl.SSLContext, words: str) -> None:
    assert words in (objection(context, shares_libssl=True) or "")


def test_a_key_log_is_refused(tmp_path: Path) -> None:
    assert "keylog_file=" in (objection(with_keylog(tmp_path), shares_libssl=True) or "")


def test_truststore_is_refused() -> None:
    why = objection(truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT), shares_libssl=True)
    assert why is not None
    assert why.startswith("truststore.")
