"""Whom to trust and how to speak TLS, as settings. Loading certificates is the engine's work; here they are
checked for sense, and the default trust is found: SSL_CERT_FILE / SSL_CERT_DIR, else certifi, else the system's.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from penstock import check
from penstock.errors import ConfigError
from penstock.secret import Secret

VERSIONS = {"1.2": 0x0303, "1.3": 0x0304}
TEXTS = ("ciphers", "ciphersuites", "groups")
PATHS = ("ca_file", "ca_dir", "cert_file", "key_file", "keylog_file")


@dataclass(frozen=True, slots=True, kw_only=True)
class TLS:
    """verify            True: certificates are checked; False: not at all; a path: like ca_file or ca_dir
    ca_file, ca_dir, ca_pem  trust these authorities instead of the default ones (PEM bundle, hashed folder, text)
    cert_file, key_file, key_password  client certificate with chain, its key (None: in cert_file)
    ciphers, ciphersuites, groups  OpenSSL lists: TLS 1.2, TLS 1.3, key exchange
    security_level    OpenSSL's 0 to 5; None = its default
    min_version, max_version  "1.2" or "1.3"; None = the highest
    check_hostname    the certificate must be for the host asked for
    crl_check         look revocations up in the CRLs among the authorities
    partial_chain     a trusted intermediate is enough
    x509_strict       refuse certificates that bend RFC 5280
    keylog_file       append session keys, for a debugger; also SSLKEYLOGFILE with trust_env
    context           an ssl.SSLContext to use as it is; it stands alone
    """

    verify: bool | str | os.PathLike[str] = True
    ca_file: str | os.PathLike[str] | None = None
    ca_dir: str | os.PathLike[str] | None = None
    ca_pem: str | bytes | None = field(default=None, repr=False)
    cert_file: str | os.PathLike[str] | None = None
    key_file: str | os.PathLike[str] | None = None
    key_password: str | Secret | None = None
    ciphers: str | None = None
    ciphersuites: str | None = None
    groups: str | None = None
    security_level: int | None = None
    min_version: str = "1.2"
    max_version: str | None = None
    check_hostname: bool = True
    crl_check: bool = False
    partial_chain: bool = False
    x509_strict: bool = False
    keylog_file: str | os.PathLike[str] | None = None
    context: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        def keep(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        for name in PATHS:
            keep(name, check.path(name, getattr(self, name)))
        if not isinstance(self.verify, bool):
            keep("verify", check.path("verify", self.verify))
            if self.verify is None:
                raise TypeError("verify must be True, False or a path, not None")
        for name in TEXTS:
            check.text(name, getattr(self, name))
        for name in ("check_hostname", "crl_check", "partial_chain", "x509_strict"):
            check.flag(name, getattr(self, name))
        if isinstance(self.ca_pem, str):
            keep("ca_pem", self.ca_pem.encode())
        if not isinstance(self.ca_pem, bytes | None):
            raise TypeError(f"ca_pem must be str or bytes, not {type(self.ca_pem).__name__}")
        if self.key_password is not None and not isinstance(self.key_password, Secret):
            keep("key_password", Secret(self.key_password))
        if self.security_level is not None:
            check.count("security_level", self.security_level, most=5)
        self._check_versions()
        self._check_combinations()

    def _check_versions(self) -> None:
        check.choice("min_version", self.min_version, VERSIONS)
        if self.max_version is not None:
            check.choice("max_version", self.max_version, VERSIONS)
            if self.max_version < self.min_version:
                raise ConfigError(f"max_version {self.max_version} is below min_version {self.min_version}")

    def _check_combinations(self) -> None:
        if self.context is not None:
            if not isinstance(self.context, ssl.SSLContext):
                raise TypeError(f"context must be an ssl.SSLContext, not {type(self.context).__name__}")
            if others := self._given() - {"context"}:
                raise ConfigError(
                    f"TLS(context=...) is used as it is; set {', '.join(sorted(others))} on the context instead"
                )
        own_trust = self._given() & {"ca_file", "ca_dir", "ca_pem"}
        if own_trust and self.verify is not True:
            raise ConfigError(
                f"{', '.join(sorted(own_trust))} cannot be combined with verify={self.verify!r}: "
                "verify=True checks against them"
            )
        if self.cert_file is None and (self.key_file is not None or self.key_password is not None):
            raise ConfigError("key_file and key_password need cert_file")

    def _given(self) -> set[str]:
        """Names of the settings that differ from their default."""
        return {each.name for each in fields(self) if getattr(self, each.name) != each.default}

    def pool_part(self, env: Mapping[str, str]) -> dict[str, Any]:
        """These settings as the engine takes them; `env` is empty when the environment is not trusted.
        ConfigError for a file that cannot be read."""
        ca_file, ca_dir, use_system_ca = self._trust(env)
        keylog_file = self.keylog_file or (env.get("SSLKEYLOGFILE") or None if self.context is None else None)
        for name, path in (("cert_file", self.cert_file), ("key_file", self.key_file), ("ca_file", ca_file)):
            if path is not None and not os.access(path, os.R_OK):
                raise ConfigError(f"{name} {os.fspath(path)} cannot be read")
        if ca_dir is not None and not os.path.isdir(ca_dir):
            raise ConfigError(f"ca_dir {ca_dir} is not a folder")
        secret = self.key_password
        return {
            "verify": self.verify is not False,
            "check_hostname": self.check_hostname,
            "ca_file": ca_file,
            "ca_dir": ca_dir,
            "ca_pem": self.ca_pem,
            "use_system_ca": use_system_ca,
            "cert_file": self.cert_file,
            "key_file": self.key_file,
            "key_password": secret.reveal() if isinstance(secret, Secret) else None,
            "ciphers": self.ciphers,
            "ciphersuites": self.ciphersuites,
            "groups": self.groups,
            "security_level": -1 if self.security_level is None else self.security_level,
            "min_version": VERSIONS[self.min_version],
            "max_version": 0 if self.max_version is None else VERSIONS[self.max_version],
            "crl_check": self.crl_check,
            "partial_chain": self.partial_chain,
            "x509_strict": self.x509_strict,
            "keylog_file": keylog_file,
            "ssl_context": self.context,
        }

    def _trust(self, env: Mapping[str, str]) -> tuple[str | None, str | None, bool]:
        """ca_file, ca_dir, and whether the system's authorities count."""
        if self.verify is False or self.context is not None:
            return None, None, False
        if self.verify is not True:
            path = os.fspath(self.verify)
            return (None, path, False) if os.path.isdir(path) else (path, None, False)
        if self.ca_file or self.ca_dir or self.ca_pem:
            return _str(self.ca_file), _str(self.ca_dir), False
        env_file, env_dir = env.get("SSL_CERT_FILE") or None, env.get("SSL_CERT_DIR") or None
        if env_file or env_dir:
            return env_file, env_dir, False
        bundle = certifi_bundle()
        return bundle, None, bundle is None


def _str(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else os.fspath(path)


def certifi_bundle() -> str | None:
    """certifi's file of authorities; None when it is not installed."""
    try:
        import certifi
    except ImportError:
        return None
    return certifi.where()
