"""What a client of the library is given when penstock is below it.

A client with an explicit `transport=` ignores the settings of connections, so these are taken out of its arguments and
given to the transport instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# arguments of the transport; all others are the client's. `trust_env` is both's: the client looks for .netrc
LIBRARYS = ("verify", "cert", "http1", "http2", "limits", "proxy")
OURS = ("uds", "local_address", "retries", "socket_options", "tls", "network")


def transport_of(shape: Callable[..., Any], settings: dict[str, Any]) -> dict[str, Any]:
    """The client's own arguments, with `transport=` among them. One that the caller has made stays, and the settings of
    connections are ignored then, as the library does."""
    if settings.get("transport") is not None:
        return settings
    own = {name: settings[name] for name in LIBRARYS + OURS if name in settings}
    others = {name: value for name, value in settings.items() if name not in own}
    return {**others, "transport": shape(**own, trust_env=settings.get("trust_env", True))}
