"""Which proxy would the environment send a request through? Pure: the environment is an argument.

`http_proxy` or `https_proxy` by the URL's scheme, else `all_proxy`; lower case before upper case, and a lower-case
one that is empty means none. HTTP_PROXY in upper case is not looked at in a CGI program (REQUEST_METHOD is set): there
it is the request's own `Proxy:` field. A value without a scheme is an http:// proxy.

NO_PROXY is a list, by commas or blanks: `*` (everything); a name, for itself and all below it; `.name` or `*.name`, for
all below it; an IP address; a network in CIDR notation; each with `:port` if wanted (IPv6 then in brackets). Case and
a trailing dot do not matter. Names are not resolved for it. `localhost` and loopback addresses are never proxied.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from penstock.errors import ConfigError
from penstock.proxy import Proxy

PORTS = {"http": 80, "https": 443}
IP = ipaddress.IPv4Address | ipaddress.IPv6Address


def proxies_of(env: Mapping[str, str]) -> dict[str, str]:
    """Variable name -> value, for those that count; empty when NO_PROXY is `*`.

    >>> sorted(proxies_of({"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:1", "all_proxy": ""}))
    ['https_proxy']
    """
    if "*" in _entries(env):
        return {}
    found = (variable_of(env, kind) for kind in ("http", "https", "all"))
    return {name: env[name] for name in found if name}


def variable_of(env: Mapping[str, str], kind: str) -> str | None:
    """The variable that counts for `http`, `https` or `all`; None = there is none, or it is empty."""
    lower, upper = f"{kind}_proxy", f"{kind}_proxy".upper()
    is_cgi = upper == "HTTP_PROXY" and "REQUEST_METHOD" in env
    name = lower if lower in env or is_cgi else upper
    return name if env.get(name, "").strip() else None


def variable_for(env: Mapping[str, str], scheme: str, host: str, port: int | None = None) -> str | None:
    """The variable that names a proxy for this origin; None = the request goes straight.

    >>> variable_for({"https_proxy": "http://proxy:3128", "NO_PROXY": ".example.org"}, "https", "api.example.org")
    >>> variable_for({"https_proxy": "http://proxy:3128"}, "https", "api.example.com")
    'https_proxy'
    """
    host = host.lower().strip("[]").rstrip(".")
    if is_loopback(host) or is_exempt(_entries(env), host, port or PORTS.get(scheme, 0)):
        return None
    return variable_of(env, scheme) or variable_of(env, "all")


def proxy_for(url: str, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy that `environ` names for this URL; None = straight. ConfigError names the variable whose value
    is not a proxy's URL.

    >>> proxy_for("https://api.example.com/v1", {"HTTPS_PROXY": "tom:secret@proxy.example:3128"})
    Proxy(url='http://proxy.example:3128', auth=('tom', ***))
    """
    parts = urlsplit(url)
    name = variable_for(environ, parts.scheme, parts.hostname or "", parts.port)
    if name is None:
        return None
    text = environ[name].strip()
    try:
        return Proxy(text if "://" in text else f"http://{text}")
    except ConfigError as err:
        raise ConfigError(f"the environment variable {name}: {err.text}") from None


def is_loopback(host: str) -> bool:
    address = _ip(host)
    return host == "localhost" or host.endswith(".localhost") if address is None else address.is_loopback


def is_exempt(entries: list[str], host: str, port: int) -> bool:
    """Is the host (lower case, no brackets, no trailing dot) on the list?

    >>> is_exempt(["10.0.0.0/8", "example.com:8080"], "api.example.com", 8080)
    True
    """
    address = _ip(host)
    return any(_matches(entry, host, address, port) for entry in entries)


def _entries(env: Mapping[str, str]) -> list[str]:
    text = env["no_proxy"] if "no_proxy" in env else env.get("NO_PROXY", "")
    return text.replace(",", " ").lower().split()


def _ip(text: str) -> IP | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped


def _parts(entry: str) -> tuple[str, str]:
    """Name, address or network, and the port's digits or ""."""
    if entry.startswith("["):
        inside, _, after = entry[1:].partition("]")
        if after.startswith("/"):
            return inside + after, ""
        return inside, after.removeprefix(":")
    if entry.count(":") == 1:
        name, _, port = entry.partition(":")
        return name, port
    return entry, ""


def _matches(entry: str, host: str, address: IP | None, port: int) -> bool:
    name, wanted_port = _parts(entry)
    if wanted_port and wanted_port != str(port):
        return False
    if name == "*":
        return True
    if address is not None:
        return _holds(name, address)
    suffix = name.removeprefix("*").rstrip(".")
    if suffix.startswith("."):
        return len(suffix) > 1 and host.endswith(suffix)
    return suffix != "" and (host == suffix or host.endswith(f".{suffix}"))


def _holds(name: str, address: IP) -> bool:
    if "/" not in name:
        return _ip(name) == address
    try:
        network = ipaddress.ip_network(name, strict=False)
    except ValueError:
        return False
    return address in network
