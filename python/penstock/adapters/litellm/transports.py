"""The httpx transports that LiteLLM gets: those of `penstock.adapters.httpx`, with two things that LiteLLM wants
otherwise.

LiteLLM sends a request again, as a POST on a new client, after `ConnectError` and `RemoteProtocolError`. So
`ConnectError` is kept for requests of which the peer has seen nothing; what happens to a connection later is a
`ReadError`, and nothing is paid for twice. A refused certificate is a `ProtocolError`, as in LiteLLM's transport on
aiohttp: that new client has forgotten the handler's own `ssl_verify`, and would ask a peer that it had refused.

LiteLLM's reaper of evicted clients asks what is in flight: `has_request_in_flight()`, before 1.109 httpcore's pool.
Both answer for the responses of this transport, so that it waits for them. (Closing would not cut them either.)
"""

from __future__ import annotations

from typing import Any

import httpx

from penstock import errors
from penstock.adapters import httpx as adapter
from penstock.adapters._httpx_family import Family
from penstock.client import Transport

LATE = (httpx.ConnectError, httpx.RemoteProtocolError, httpx.WriteError)


class CarefulFamily(Family):
    """httpx's classes, of which LiteLLM's own retry sees only what is safe to repeat."""

    def error(self, err: errors.PenstockError, request: Any) -> Exception:
        made = super().error(err, request)
        if isinstance(err, errors.TLSError) and not err.maybe_processed:
            return httpx.ProtocolError(f"[SSL] {err}", request=request)
        if isinstance(made, LATE) and (err.maybe_processed or not isinstance(made, httpx.ConnectError)):
            return httpx.ReadError(str(err), request=request)
        return made


FAMILY = CarefulFamily(httpx)


class InFlight:
    """The responses of a transport, as one of httpcore's connections."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __repr__(self) -> str:
        return f"<InFlight {len(self._transport.running())}>"

    def is_idle(self) -> bool:
        return not self._transport.running()


class Leases:
    """What LiteLLM reads of httpcore's pool."""

    def __init__(self, transport: Transport) -> None:
        self.connections = [InFlight(transport)]

    def __repr__(self) -> str:
        return f"<Leases {self.connections!r}>"


class AsyncBody(adapter.AsyncBody):
    family = FAMILY


class AsyncTransport(adapter.AsyncTransport):
    """Arguments as of `penstock.adapters.httpx.AsyncTransport`."""

    family = FAMILY
    body_type = AsyncBody

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._pool = Leases(self.transport)

    def has_request_in_flight(self) -> bool:
        return bool(self.transport.running())


class SyncBody(adapter.SyncBody):
    family = FAMILY


class SyncTransport(adapter.SyncTransport):
    """Arguments as of `penstock.adapters.httpx.SyncTransport`."""

    family = FAMILY
    body_type = SyncBody

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._pool = Leases(self.transport)

    def has_request_in_flight(self) -> bool:
        return bool(self.transport.running())
