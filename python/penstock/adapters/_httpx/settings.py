"""httpx's arguments as penstock's settings. Pure.

What `None` means differs: in `httpx.Limits(...)` it is "no limit", as an argument left out it is penstock's default.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from typing import Any

from penstock import errors
from penstock.check import LONGEST_S
from penstock.limits import Limits
from penstock.network import Network
from penstock.tls import TLS

Fields = list[tuple[bytes, bytes]]
FIRST_RETRY_S = 0.5
NO_LIMIT = 2**31 - 1
HOP_BY_HOP = (b"keep-alive", b"proxy-connection", b"http2-settings")


def limits_of(given: Any) -> Limits | None:
    """penstock's Limits, or the library's own translated: connections in all, how many of them may be idle, and for
    how long."""
    if given is None or isinstance(given, Limits):
        return given
    most = NO_LIMIT if given.max_connections is None else given.max_connections
    return Limits(
        max_connections=most,
        max_connections_per_origin=most,
        max_idle_connections=given.max_keepalive_connections,
        idle_s=LONGEST_S if given.keepalive_expiry is None else given.keepalive_expiry,
    )


def tls_of(verify: Any, cert: Any) -> TLS:
    """From httpx's `verify` and `cert`."""
    if isinstance(verify, ssl.SSLContext):
        settings: dict[str, Any] = {"context": verify}
    else:
        settings = {"verify": verify}
    if cert is not None:
        names = ("cert_file", "key_file", "key_password")
        settings |= zip(names, (cert,) if isinstance(cert, str) else cert, strict=False)
    return TLS(**settings)


def network_of(uds: str | None, local_address: str | None, socket_options: Iterable[Any] | None) -> Network:
    """From httpx's `uds`, `local_address` and `socket_options`."""
    options = tuple(tuple(each) for each in socket_options or ())
    return Network(uds=uds, local_address=local_address, socket_options=options)


def without_connection_fields(err: BaseException, headers: Fields) -> Fields | None:
    """What to send when the engine refused `headers` for fields about the connection, which is its own affair (RFC 9110
    7.6.1); None: that was not the reason. `Upgrade` stays: it asks for what only another transport can give."""
    if not isinstance(err, errors.InvalidHeader):
        return None
    kept = [(name, value) for name, value in headers if not _is_of_connection(name.lower(), value.strip().lower())]
    return kept if len(kept) < len(headers) else None


def _is_of_connection(name: bytes, value: bytes) -> bool:
    if name == b"connection":
        return value not in (b"close", b"keep-alive")
    return name in HOP_BY_HOP or (name == b"te" and value != b"trailers")


def retry_delays(retries: int) -> Iterator[float]:
    """Seconds before each retry of a failed connect: at once, then doubling, as httpx does."""
    for n in range(retries):
        yield 0.0 if n == 0 else FIRST_RETRY_S * 2 ** (n - 1)


def is_retried(err: BaseException, content: Any) -> bool:
    """Only what failed before a byte was sent, and only a body that can be sent again."""
    is_connect = isinstance(err, errors.ConnectError | errors.ConnectTimeout) and err.can_retry
    return is_connect and (content is None or isinstance(content, bytes))
