"""Certificates made on the fly, and how clients are told to trust them.

One authority for each process, made when it is first needed; its files are in a folder that goes when the process
ends. Certificates are good for 127.0.0.1, ::1 and localhost, but for those that are meant to fail.
"""

from __future__ import annotations

import atexit
import os
import shutil
import ssl
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from penstock.tls import TLS

NAMES = "DNS:localhost,IP:127.0.0.1,IP:::1"
ELSEWHERE = "DNS:elsewhere.invalid"
DAY_S = 86_400
VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")

CertificateKind = Literal["good", "expired", "wrong_host", "self_signed"]


@dataclass(frozen=True, slots=True)
class Trust:
    """The authority to trust, in each form that a client may want."""

    ca_file: Path

    @property
    def ca_pem(self) -> bytes:
        return self.ca_file.read_bytes()

    def tls(self, settings: TLS | None = None) -> TLS:
        """For penstock.Transport(tls=...) and the adapters."""
        return replace(settings or TLS(), ca_file=self.ca_file)

    def ssl_context(self) -> ssl.SSLContext:
        """For clients that take one: httpx(verify=...), aiohttp(ssl=...)."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    def env(self) -> dict[str, str]:
        """Environment variables for a client in another process: Python's ssl, requests, curl, node."""
        return dict.fromkeys(VARIABLES, str(self.ca_file))


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files of a chain and its key."""

    cert_file: Path
    key_file: Path


class Authority:
    """Signs certificates; each kind is made once. Thread: any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._made: dict[CertificateKind, Certificate] = {}
        self._issuer = _pem("penstock scripted upstream", None)
        self._folder = Path(tempfile.mkdtemp(prefix="penstock-upstream-"))
        atexit.register(self._remove)
        self.trust = Trust(self._folder / "ca.pem")
        self.trust.ca_file.write_bytes(self._issuer[0])

    def __repr__(self) -> str:
        return f"<Authority {self.trust.ca_file}, {len(self._made)} certificates>"

    def certificate(self, kind: CertificateKind = "good") -> Certificate:
        with self._lock:
            if kind not in self._made:
                self._made[kind] = self._make(kind)
            return self._made[kind]

    def _make(self, kind: CertificateKind) -> Certificate:
        files = Certificate(self._folder / f"{kind}.pem", self._folder / f"{kind}.key")
        names = ELSEWHERE if kind == "wrong_host" else NAMES
        if kind == "self_signed":
            cert, key = _pem("nobody", names)
        else:
            age_s = 60 * DAY_S if kind == "expired" else DAY_S
            cert, key = _pem("penstock scripted upstream's port", names, self._issuer, age_s=age_s)
        files.cert_file.write_bytes(cert)
        files.key_file.touch(mode=0o600)
        files.key_file.write_bytes(key)
        return files

    def _remove(self) -> None:
        """At exit, but not at that of a forked child."""
        if os.getpid() == self._pid:
            shutil.rmtree(self._folder, ignore_errors=True)


def _pem(
    name: str, alt_names: str | None, issuer: tuple[bytes, bytes] = (b"", b""), *, age_s: int = DAY_S
) -> tuple[bytes, bytes]:
    """Certificate and key, made so long ago and good for a month from then."""
    from penstock import _upstream

    from_s = int(time.time()) - age_s
    return _upstream.make_certificate(name, alt_names, from_s, from_s + 30 * DAY_S, issuer)


_lock = threading.Lock()
_authorities: list[Authority] = []


def authority() -> Authority:
    """The one of this process."""
    with _lock:
        if not _authorities:
            _authorities.append(Authority())
        return _authorities[0]
