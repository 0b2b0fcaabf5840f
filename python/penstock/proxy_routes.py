"""The environment's choice of a proxy for each origin, remembered. One per transport that follows the environment.

Thread: any; an origin looked up twice gives the same answer. Limit: PLACES_N origins are remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from penstock.proxy import Proxy
from penstock.proxy_env import proxies_of, proxy_for

PLACES_N = 1024


class ProxyRoutes:
    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._found: dict[tuple[str, str], Proxy | None] = {}

    def __repr__(self) -> str:
        return f"<ProxyRoutes by {', '.join(proxies_of(self._env)) or 'nothing'}, {len(self._found)} origins known>"

    def proxy(self, url: object) -> Proxy | None:
        """For a URL that the engine may yet refuse: then None. ConfigError for a variable that cannot be used."""
        text = url.decode("latin-1") if isinstance(url, bytes) else str(url)
        try:
            parts = urlsplit(text)
            place = (parts.scheme, parts.netloc)
            if place in self._found:
                return self._found[place]
            parts.port  # noqa: B018 - it raises
        except ValueError:
            return None
        found = proxy_for(text, self._env)
        if len(self._found) >= PLACES_N:
            self._found.clear()
        self._found[place] = found
        return found


def routes_of(env: Mapping[str, str]) -> ProxyRoutes | None:
    """None = the environment names no proxy at all."""
    return ProxyRoutes(env) if proxies_of(env) else None
