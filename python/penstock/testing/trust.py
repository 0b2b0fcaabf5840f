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
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

from penstock.testing.errors import MissingExtra
from penstock.tls import TLS

NAMES = ("localhost", "127.0.0.1", "::1")
ELSEWHERE = "elsewhere.invalid"
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
        try:
            import trustme
        except ImportError:
            raise MissingExtra("trustme", "TLS of the scripted upstream") from None
        self._trustme: Any = trustme
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._folder = Path(tempfile.mkdtemp(prefix="penstock-upstream-"))
        atexit.register(self._remove)
        self._ca: Any = trustme.CA(organization_name="penstock scripted upstream")
        self._made: dict[CertificateKind, Certificate] = {}
        self.trust = Trust(self._folder / "ca.pem")
        self._ca.cert_pem.write_to_path(str(self.trust.ca_file))

    def __repr__(self) -> str:
        return f"<Authority {self.trust.ca_file}, {len(self._made)} certificates>"

    def certificate(self, kind: CertificateKind = "good") -> Certificate:
        with self._lock:
            if kind not in self._made:
                self._made[kind] = self._make(kind)
            return self._made[kind]

    def _make(self, kind: CertificateKind) -> Certificate:
        files = Certificate(self._folder / f"{kind}.pem", self._folder / f"{kind}.key")
        if kind == "self_signed":
            other = self._trustme.CA(organization_name="nobody")
            other.cert_pem.write_to_path(str(files.cert_file))
            other.private_key_pem.write_to_path(str(files.key_file))
            return files
        names = (ELSEWHERE,) if kind == "wrong_host" else NAMES
        now = datetime.now(timezone.utc)
        times = {"not_before": now - timedelta(days=60), "not_after": now - timedelta(days=30)}
        leaf = self._ca.issue_cert(*names, **(times if kind == "expired" else {}))
        files.cert_file.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(str(files.key_file))
        return files

    def _remove(self) -> None:
        """At exit, but not at that of a forked child."""
        if os.getpid() == self._pid:
            shutil.rmtree(self._folder, ignore_errors=True)


_lock = threading.Lock()
_authorities: list[Authority] = []


def authority() -> Authority:
    """The one of this process. MissingExtra without trustme."""
    with _lock:
        if not _authorities:
            _authorities.append(Authority())
        return _authorities[0]
