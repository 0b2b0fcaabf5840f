"""How one port of the upstream behaves: plain or TLS, with which certificate, what it does with a new connection.

A value; upstream.py opens a port for each that is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from penstock.testing.errors import ScriptError
from penstock.testing.trust import CertificateKind, authority

if TYPE_CHECKING:
    from penstock._upstream import Listener

TlsFault = Literal["expired", "wrong_host", "self_signed", "no_alpn", "stall"]
Accept = Literal["serve", "silence", "reset"]
TLS_FAULTS = ("expired", "wrong_host", "self_signed", "no_alpn", "stall")
ACCEPTS = ("serve", "silence", "reset")
CERTIFICATES: dict[str, CertificateKind] = {
    "expired": "expired",
    "wrong_host": "wrong_host",
    "self_signed": "self_signed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """tls       True; False; or what is wrong with it: "expired", "wrong_host", "self_signed" (certificates), "no_alpn"
              (nothing is negotiated), "stall" (a ClientHello is never answered)
    accept    "serve"; "silence" (bytes are read, nothing is answered); "reset" (every connection, at once)
    max_connections  further ones are reset at once; 0 = no limit
    max_streams      HTTP/2: SETTINGS_MAX_CONCURRENT_STREAMS
    """

    tls: bool | TlsFault = True
    accept: Accept = "serve"
    max_connections: int = 0
    max_streams: int = 100

    def __post_init__(self) -> None:
        if not isinstance(self.tls, bool) and self.tls not in TLS_FAULTS:
            raise ScriptError(f"tls is True, False, or one of {', '.join(TLS_FAULTS)}, not {self.tls!r}")
        if self.accept not in ACCEPTS:
            raise ScriptError(f"accept is one of {', '.join(ACCEPTS)}, not {self.accept!r}")
        for name in ("max_connections", "max_streams"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ScriptError(f"{name} must be a whole number from 0, not {value!r}")

    @property
    def scheme(self) -> str:
        return "http" if self.tls is False else "https"

    def listener(self, host: str, port: int = 0) -> Listener:
        """As the server takes it; makes the certificate."""
        made: Listener = {
            "host": host,
            "port": port,
            "on_accept": self.accept,
            "max_connections": self.max_connections,
            "max_streams": self.max_streams,
        }
        if self.tls is False:
            return made
        files = authority().certificate(CERTIFICATES.get(str(self.tls), "good"))
        made["cert_file"] = str(files.cert_file)
        made["key_file"] = str(files.key_file)
        made["tls_stall"] = self.tls == "stall"
        if self.tls == "no_alpn":
            made["alpn"] = ()
        return made
