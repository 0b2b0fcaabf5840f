"""Which proxy would the environment send a request through? Penstock has no proxies yet; it says so instead of
silently going straight to the host. Pure: the environment is an argument.

Rule: `http_proxy` in lower case only (the other is a request header in CGI), `https_proxy` and `all_proxy` in either
case; NO_PROXY as urllib reads it; loopback hosts are never proxied.
"""

from __future__ import annotations

from collections.abc import Mapping

VARIABLES = ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
LOOPBACK = ("localhost", "127.", "[::1]", "::1")


def proxies_of(env: Mapping[str, str]) -> dict[str, str]:
    """Variable name -> value, for those that are set; empty when NO_PROXY is `*`.

    >>> proxies_of({"HTTPS_PROXY": "http://proxy:3128", "HTTP_PROXY": "http://proxy:3128"})
    {'HTTPS_PROXY': 'http://proxy:3128'}
    """
    if no_proxy(env).strip() == "*":
        return {}
    return {name: env[name] for name in VARIABLES if env.get(name)}


def no_proxy(env: Mapping[str, str]) -> str:
    return env.get("no_proxy") or env.get("NO_PROXY") or ""


def variable_for(env: Mapping[str, str], scheme: str, host: str) -> str | None:
    """The variable that names a proxy for this origin; None = the request goes straight.

    >>> variable_for({"https_proxy": "http://proxy:3128", "NO_PROXY": ".example.org"}, "https", "api.example.org")
    >>> variable_for({"https_proxy": "http://proxy:3128"}, "https", "api.example.com")
    'https_proxy'
    """
    if host.startswith(LOOPBACK) or _is_exempt(no_proxy(env), host):
        return None
    wanted = (f"{scheme}_proxy", "HTTPS_PROXY" if scheme == "https" else "", "all_proxy", "ALL_PROXY")
    return next((name for name in wanted if name and env.get(name)), None)


def _is_exempt(entries: str, host: str) -> bool:
    host = host.lower().rstrip(".")
    for entry in entries.replace(",", " ").lower().split():
        suffix = entry.lstrip(".").rstrip(".")
        if entry == "*" or host == suffix or (suffix and host.endswith("." + suffix)):
            return True
    return False
