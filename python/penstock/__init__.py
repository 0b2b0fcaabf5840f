"""HTTP transport for LLM traffic: a C engine on its own thread under a thin Python shell.

    async with penstock.Transport() as transport:
        async with transport.stream("POST", url, headers=headers, content=body) as response:
            async for chunk in response:
                ...

Settings and errors are values: Limits, Timeouts, TLS, Network, HTTP2; penstock.errors. Adapters for other clients
are in penstock.adapters and imported only when asked for, as is penstock.Router (calls to models over many
deployments).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock import errors
from penstock.client import Transport
from penstock.errors import PenstockError
from penstock.headers import Headers
from penstock.http2 import HTTP2
from penstock.limits import Limits, Timeouts
from penstock.network import Network
from penstock.proxy import Proxy
from penstock.response import Response, SyncResponse
from penstock.secret import Secret
from penstock.timings import Timings
from penstock.tls import TLS

if TYPE_CHECKING:
    from penstock.router import Router as Router
    from penstock.router import RouterError as RouterError

__version__ = "0.1.0"

__all__ = [
    "HTTP2",
    "TLS",
    "Headers",
    "Limits",
    "Network",
    "PenstockError",
    "Proxy",
    "Response",
    "Secret",
    "SyncResponse",
    "Timeouts",
    "Timings",
    "Transport",
    "__version__",
    "errors",
]


def __getattr__(name: str) -> Any:
    """Router and RouterError, whose packages only they need. ImportError says which extra has them."""
    if name not in ("Router", "RouterError"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from penstock import router
    except ModuleNotFoundError as err:
        if err.name is not None and err.name.startswith("penstock"):
            raise
        raise ImportError(f"penstock.{name} needs {err.name}: pip install 'penstock[gateway]'", name=err.name) from err
    return getattr(router, name)
