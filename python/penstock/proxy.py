"""Proxy: where a proxy is, how it is spoken to, and what it is told about who asks. A value; it opens nothing.

Credentials are kept apart from the URL, as a Secret, and go to the proxy alone: never to an origin, into a text or a
repr. Requests through different proxies, or with different credentials, never share a connection.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from penstock.errors import ConfigError
from penstock.secret import Secret
from penstock.tls import TLS
from penstock.url import ascii_host

KINDS = {"http": 1, "https": 2, "socks5": 3, "socks5h": 4}  # csrc/conn/proxy.h, enum ps_proxy_kind
PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(r"[\t\x20-\x7e]*")
HOST = re.compile(r"[a-z0-9._-]{1,253}|\[[0-9a-f:.]+\]")
FIELDS_MOST_BYTES = 32768
OURS = ("host", "content-length", "transfer-encoding", "connection", "proxy-connection", "upgrade")
Auth = tuple[str, str | Secret]


@dataclass(frozen=True, slots=True)
class Proxy:
    """url      http://, https:// (TLS to the proxy), socks5:// (names are resolved here) or socks5h:// (the proxy
             resolves them), host, port (80, 443, 1080); user:password@ in it becomes `auth`
    auth     user and password: Basic, or RFC 1929
    headers  more fields for an http or https proxy: with CONNECT, and with each plain request that it forwards
    tls      for an https proxy: whom to trust there; None = the default authorities

    >>> Proxy("http://tom:secret@proxy.example:3128")
    Proxy(url='http://proxy.example:3128', auth=('tom', ***))
    """

    url: str
    auth: Auth | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    tls: TLS | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.url, str):
            raise TypeError(f"a proxy's url must be str, not {type(self.url).__name__}")
        parts = _split(self.url)
        given = self.auth if self.auth is not None else _userinfo(parts)
        object.__setattr__(self, "url", _bare_url(parts))
        object.__setattr__(self, "auth", _checked_auth(given, parts.scheme))
        object.__setattr__(self, "headers", _checked_headers(self.headers, parts.scheme, self.auth))
        if self.tls is not None and not isinstance(self.tls, TLS):
            raise TypeError(f"a proxy's tls must be penstock.TLS, not {type(self.tls).__name__}")
        if self.tls is not None and parts.scheme != "https":
            raise ConfigError("a proxy's tls= is for https:// proxies")

    def __repr__(self) -> str:
        texts = [f"url={self.url!r}"]
        if self.auth is not None:
            texts.append(f"auth={self.auth!r}")
        if self.headers:
            texts.append(f"headers=<{len(self.headers)}>")
        if self.tls is not None:
            texts.append(f"tls={self.tls!r}")
        return f"Proxy({', '.join(texts)})"

    def pool_part(self, env: Mapping[str, str]) -> tuple[tuple[str, Any], ...]:
        """These settings as the engine takes them: hashable, and equal for what may share connections."""
        parts = urlsplit(self.url)
        user, password = (None, None) if self.auth is None else (self.auth[0], reveal(self.auth[1]))
        is_http = parts.scheme in ("http", "https")
        tls = (self.tls or TLS()).pool_part(env) if parts.scheme == "https" else None
        return (
            ("kind", KINDS[parts.scheme]),
            ("host", parts.hostname),
            ("port", parts.port),
            ("fields", _fields_text(self.headers, user, password) if is_http else ""),
            ("user", None if is_http else user),
            ("password", None if is_http else password),
            ("tls", None if tls is None else tuple(sorted(tls.items()))),
        )


def proxy_of(given: object) -> Proxy | None:
    """Proxy, URL, or an object in the shape of httpx.Proxy (url, raw_auth, headers, ssl_context). ConfigError says
    what is wrong, without credentials; TypeError for other types."""
    if given is None or isinstance(given, Proxy):
        return given
    if isinstance(given, str):
        return Proxy(given)
    if type(given).__name__ == "URL":  # httpx's, yarl's: str() has the password
        return Proxy(str(given))
    url = getattr(given, "url", None)
    if url is None:
        raise TypeError(f"proxy must be penstock.Proxy, a URL or httpx.Proxy, not {type(given).__name__}")
    raw_auth = getattr(given, "raw_auth", None)
    context = getattr(given, "ssl_context", None)
    return Proxy(
        str(url),
        auth=None if raw_auth is None else (raw_auth[0].decode(), raw_auth[1].decode()),
        headers=tuple(_pairs(getattr(given, "headers", None))),
        tls=None if context is None else TLS(context=context),
    )


def _pairs(headers: Any) -> Iterable[tuple[str, str]]:
    if headers is None:
        return ()
    items = headers.multi_items() if hasattr(headers, "multi_items") else headers.items()
    return [(str(name), str(value)) for name, value in items]


def _split(url: str) -> SplitResult:
    """What is refused is described, never quoted: it may hold a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError("the proxy's URL has a bad host or port") from None
    if parts.scheme not in KINDS:
        raise ConfigError("a proxy's URL begins with http://, https://, socks5:// or socks5h://")
    if not parts.hostname or port == 0:
        raise ConfigError("the proxy's URL has no host, or port 0")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ConfigError("the proxy's URL has more than a host and a port")
    return parts


def _userinfo(parts: SplitResult) -> Auth | None:
    if parts.username is None and parts.password is None:
        return None
    return unquote(parts.username or ""), unquote(parts.password or "")


def _bare_url(parts: SplitResult) -> str:
    host = parts.hostname or ""
    try:
        host = host if host.isascii() else ascii_host(host)
        if ":" in host:
            host = f"[{ipaddress.IPv6Address(host)}]"
    except ValueError:  # InvalidURL is one
        raise ConfigError("the proxy's URL has a host that no name may be") from None
    if not HOST.fullmatch(host):
        raise ConfigError("the proxy's URL has a host that no name may be")
    return f"{parts.scheme}://{host}:{parts.port or PORTS[parts.scheme]}"


def reveal(password: str | Secret) -> str:
    return password.reveal() if isinstance(password, Secret) else password


def _checked_auth(given: object, scheme: str) -> Auth | None:
    if given is None:
        return None
    if not isinstance(given, tuple) or len(given) != 2 or not isinstance(given[0], str):
        raise TypeError("a proxy's auth must be a tuple of user and password")
    user, secret = given[0], given[1] if isinstance(given[1], Secret) else Secret(given[1])
    password = secret.reveal()
    if any(ord(each) < 0x20 or ord(each) == 0x7F for each in user + password):
        raise ConfigError("the proxy's user or password has a control character")
    if scheme in ("http", "https"):
        if ":" in user:
            raise ConfigError("the proxy's user has a colon, which Basic cannot say (RFC 7617)")
    elif not 0 < len(user.encode()) <= 255 or len(password.encode()) > 255:
        raise ConfigError("SOCKS takes users of 1 to 255 bytes, passwords of at most 255")
    return user, secret


def _checked_headers(given: Any, scheme: str, auth: Auth | None) -> tuple[tuple[str, str], ...]:
    pairs = tuple((name, value) for name, value in (given.items() if isinstance(given, Mapping) else given))
    if pairs and scheme not in ("http", "https"):
        raise ConfigError("a SOCKS proxy takes no headers")
    for name, value in pairs:
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError("a proxy's headers must be pairs of str")
        if not TOKEN.fullmatch(name) or not VALUE.fullmatch(value):
            raise ConfigError("a header for the proxy is not legal ASCII")
        if name.lower() in OURS:
            raise ConfigError(f"the proxy's header {name} is set by penstock")
        if name.lower() == "proxy-authorization" and auth is not None:
            raise ConfigError("the proxy's auth is given twice: as auth and as a header")
    if sum(len(name) + len(value) + 4 for name, value in pairs) > FIELDS_MOST_BYTES:
        raise ConfigError(f"the proxy's headers are longer than {FIELDS_MOST_BYTES} bytes")
    return pairs


def _fields_text(headers: Iterable[tuple[str, str]], user: str | None, password: str | None) -> str:
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    if user is not None:
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        lines.insert(0, f"Proxy-Authorization: Basic {token}\r\n")
    return "".join(lines)
