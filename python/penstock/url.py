"""A URL as the engine wants it: visible ASCII. Host names are IDNA-encoded; nothing else is guessed.

The engine splits and checks URLs strictly (csrc/base/url.c); this only steps in for text that is not ASCII. Pure.
"""

from __future__ import annotations

import re

from penstock.errors import InvalidURL

AUTHORITY = re.compile(
    r"(?P<before>[a-zA-Z][a-zA-Z0-9+.-]*://)(?P<host>[^/?#@:\[\]]+)(?P<after>(?::\d*)?(?:[/?#].*)?)", re.S
)


def ascii_url(url: str) -> str:
    """The URL with its host as A-labels (RFC 5891).

    >>> ascii_url("https://bücher.example:8443/a?b")
    'https://xn--bcher-kva.example:8443/a?b'
    """
    match = AUTHORITY.fullmatch(url)
    if match is None:
        raise InvalidURL("the URL is not ASCII and has no plain host name, percent-encode it")
    if not match["after"].isascii():
        raise InvalidURL("path or query of the URL are not ASCII: percent-encode them (urllib.parse.quote)")
    return f"{match['before']}{ascii_host(match['host'])}{match['after']}"


def ascii_host(host: str) -> str:
    """IDNA 2008 with the `idna` package, else Python's IDNA 2003 codec."""
    try:
        return _encode(host)
    except UnicodeError as err:
        raise InvalidURL(f"the host name cannot be IDNA-encoded: {err}") from None


def _encode(host: str) -> str:
    try:
        import idna
    except ImportError:
        return host.encode("idna").decode("ascii").lower()
    return idna.encode(host, uts46=True).decode("ascii")
