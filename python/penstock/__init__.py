"""HTTP transport for LLM traffic: a C engine on its own thread under a thin Python shell.

    async with penstock.Transport() as transport:
        async with transport.stream("POST", url, headers=headers, content=body) as response:
            async for chunk in response:
                ...

Settings and errors are values: Limits, Timeouts, TLS, Network, HTTP2; penstock.errors. Adapters for other clients
are in penstock.adapters and imported only when asked for.
"""

from __future__ import annotations

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
