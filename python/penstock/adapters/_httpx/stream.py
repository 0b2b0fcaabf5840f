"""The `network_stream` extension of a response: what is known of the connection. The socket itself stays with the
engine, and so do its bytes: upgrades and CONNECT, which need them, are not made by the engine (see detour.py).
"""

from __future__ import annotations

import io
from typing import Any, NoReturn

from penstock.response import ResponseFacts

ADVICE = "penstock's engine keeps this socket; only upgraded and CONNECT responses have a stream to read and write"


class TLSFacts:
    """Where httpcore gives an ssl.SSLObject: its version and its protocol; no more is kept."""

    def __init__(self, version: str, protocol: str) -> None:
        self._version = version
        self._protocol = protocol

    def __repr__(self) -> str:
        return f"<TLSFacts {self._version}, {self._protocol}>"

    def version(self) -> str:
        """ "TLSv1.3" """
        return self._version

    def selected_alpn_protocol(self) -> str | None:
        """ "h2"; None when HTTP/1.1 came without asking."""
        return self._protocol or None


class NetworkStream:
    """`get_extra_info` answers "client_addr", "server_addr" and "ssl_object"; None for all else."""

    __slots__ = ("_response",)

    def __init__(self, response: ResponseFacts) -> None:
        self._response = response

    def __repr__(self) -> str:
        return f"<NetworkStream to {self._response.timings.peer}>"

    def get_extra_info(self, info: str) -> Any:
        """As httpcore's; addresses are (host, port), or the path of a Unix socket."""
        timings = self._response.timings
        if info == "server_addr":
            return address_of(timings.peer)
        if info == "client_addr":
            return address_of(timings.local)
        if info == "ssl_object" and timings.tls_version:
            return TLSFacts(timings.tls_version, "h2" if timings.stream_id else "")
        return None

    def read(self, max_bytes: int, timeout: float | None = None) -> NoReturn:
        raise io.UnsupportedOperation(ADVICE)

    def write(self, buffer: bytes, timeout: float | None = None) -> NoReturn:
        raise io.UnsupportedOperation(ADVICE)

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> NoReturn:
        raise io.UnsupportedOperation(ADVICE)

    def close(self) -> None:
        """Ends the response."""
        self._response.cancel()

    async def aclose(self) -> None:
        """Ends the response."""
        self._response.cancel()


def address_of(text: str) -> tuple[str, int] | str | None:
    """
    >>> address_of("[::1]:443")
    ('::1', 443)
    """
    if not text:
        return None
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal():
        return text
    return host.removeprefix("[").removesuffix("]"), int(port)
