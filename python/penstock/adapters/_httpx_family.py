"""What the adapters for httpx and httpx2 share: everything but the classes they inherit from.

The two libraries have the same transport contract and distinct classes, so each adapter module derives from its own
library and from the classes here, and names that library as its `Family`. In: the library's Request. Out: its
Response, with a body that is fetched as it is iterated, or its exception with ours as the cause. The parts are in
`_httpx`: family, settings, errors, bodies, trace, stream, detour, pools, clients.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Coroutine, Iterable
from typing import Any, ClassVar

from penstock import errors
from penstock.adapters._httpx import settings
from penstock.adapters._httpx.bodies import AsyncBodyCore, SyncBodyCore
from penstock.adapters._httpx.detour import CONNECTS, Detour, is_upgrade
from penstock.adapters._httpx.family import Asked, Family
from penstock.adapters._httpx.stream import NetworkStream
from penstock.adapters._httpx.trace import Trace
from penstock.client import Transport
from penstock.http2 import HTTP2
from penstock.network import Network
from penstock.response import Response, SyncResponse
from penstock.tls import TLS

__all__ = ["AsyncBodyCore", "AsyncCore", "Family", "SyncBodyCore", "SyncCore"]


class Core:
    """The constructor: httpx's arguments in httpx's order, then penstock's own.

    tls replaces `verify` and `cert`; network replaces `uds`, `local_address` and `socket_options`; limits may be of
    either library. `retries` repeats failed connects. `proxy` is a URL, the library's Proxy or penstock's. Timeouts
    come with each request, from the client. ConfigError or TypeError for settings that cannot be.
    """

    family: ClassVar[Family]

    def __init__(
        self,
        verify: ssl.SSLContext | str | bool = True,
        cert: str | tuple[str, str] | tuple[str, str, str] | None = None,
        trust_env: bool = True,
        http1: bool = True,
        http2: bool = True,
        limits: Any = None,
        proxy: Any = None,
        uds: str | None = None,
        local_address: str | None = None,
        retries: int = 0,
        socket_options: Iterable[Any] | None = None,
        *,
        tls: TLS | None = None,
        network: Network | None = None,
    ) -> None:
        if not http1 and not http2:
            raise errors.ConfigError("http1=False and http2=False leave nothing")
        if tls is not None and (verify is not True or cert is not None):
            raise errors.ConfigError("tls= replaces verify= and cert=: give one or the other")
        if network is not None and (uds is not None or local_address is not None or socket_options is not None):
            raise errors.ConfigError(
                "network= replaces uds=, local_address= and socket_options=: give one or the other"
            )
        self.http1, self.http2 = http1, http2
        self.retries = retries
        self.transport = Transport(
            http2=http2 if http1 else HTTP2(prior_knowledge=True),
            limits=settings.limits_of(limits),
            tls=tls or settings.tls_of(verify, cert),
            network=network or settings.network_of(uds, local_address, socket_options),
            proxy=proxy,
            trust_env=trust_env,
        )
        transport = self.transport
        self.detour = Detour(self.family.module, transport.tls, transport.network, proxy, trust_env)

    @property
    def _is_mock(self) -> bool:
        """A test's transport has taken the engine's place: nothing may go out beside it."""
        return getattr(self.transport, "is_mock", False)

    def _is_for_library(self, err: errors.PenstockError, asked: Asked) -> bool:
        return isinstance(err, errors.InvalidRequest) and is_upgrade(asked[1], asked[2]) and not self._is_mock

    def __repr__(self) -> str:
        return f"<{self.family.module.__name__} {type(self).__name__} on {self.transport!r}>"


class AsyncCore(Core):
    body_type: ClassVar[type[Any]]

    def handle_async_request(self, request: Any) -> Coroutine[Any, Any, Any]:
        return self.exchange(self.family, self.body_type, request)

    async def exchange(self, family: Any, body_type: type[Any], request: Any) -> Any:
        """One request of the library's kind and its response. What goes well goes straight through: each coroutine
        within another would cost every request."""
        if request.method in CONNECTS and not self._is_mock:
            return await family.detour(self.detour, "Async", request).handle_async_request(request)
        asked = family.asked(request)
        trace = family.trace(request) if "trace" in request.extensions else None
        response = None
        try:
            response = self.transport.submit(*asked)
            await response.exchange.wait_head()
        except BaseException as err:
            return await self._rescue(family, body_type, request, asked, trace, response, err)
        if trace is not None:
            await self._tell(trace, response)
        return family.respond(response, body_type(response, request, trace))

    async def _rescue(
        self,
        family: Any,
        body_type: type[Any],
        request: Any,
        asked: Asked,
        trace: Trace | None,
        response: Response | None,
        err: BaseException,
    ) -> Any:
        """After the first attempt failed."""
        try:
            response = await self._again(asked, response, err)
        except errors.PenstockError as final:
            if self._is_for_library(final, asked):
                return await family.detour(self.detour, "Async", request).handle_async_request(request)
            made = family.error(final, request)
            if trace is not None:
                await trace.atell(trace.failure(final, made))
            raise made from final
        if trace is not None:
            await self._tell(trace, response)
        return family.respond(response, body_type(response, request, trace))

    async def _again(self, asked: Asked, response: Response | None, err: BaseException) -> Response:
        """Another attempt, where the caller wants it or a field that is not for the peer was in the way."""
        if response is not None:
            await response.aclose()
            err = response.cause_of(err)
        if kept := settings.without_connection_fields(err, asked[2]):
            return await self._send_once((*asked[:2], kept, *asked[3:]))
        for pause_s in settings.retry_delays(self.retries):
            if not settings.is_retried(err, asked[3]):
                break
            await asyncio.sleep(pause_s)
            try:
                return await self._send_once(asked)
            except errors.PenstockError as again:
                err = again
        raise err

    async def _send_once(self, asked: Asked) -> Response:
        response = self.transport.submit(*asked)
        await response.wait_head()
        return response

    async def _tell(self, trace: Trace, response: Response) -> None:
        try:
            await trace.atell(trace.head(response, NetworkStream(response)))
        except BaseException:
            await response.aclose()
            raise

    async def aclose(self) -> None:
        """Refuses new requests; responses that were handed out go on."""
        self.transport.refuse()


class SyncCore(Core):
    body_type: ClassVar[type[Any]]

    def handle_request(self, request: Any) -> Any:
        return self.exchange(self.family, self.body_type, request)

    def exchange(self, family: Any, body_type: type[Any], request: Any) -> Any:
        """One request of the library's kind and its response."""
        if request.method in CONNECTS and not self._is_mock:
            return family.detour(self.detour, "", request).handle_request(request)
        asked = family.asked(request)
        trace = family.trace(request)
        try:
            response = self._send(asked)
        except errors.PenstockError as err:
            if self._is_for_library(err, asked):
                return family.detour(self.detour, "", request).handle_request(request)
            made = family.error(err, request)
            if trace is not None:
                trace.tell(trace.failure(err, made))
            raise made from err
        if trace is not None:
            self._tell(trace, response)
        return family.respond(response, body_type(response, request, trace))

    def _send(self, asked: Asked) -> SyncResponse:
        try:
            return self._send_once(asked)
        except errors.PenstockError as err:
            return self._again(asked, err)

    def _again(self, asked: Asked, err: errors.PenstockError) -> SyncResponse:
        """Another attempt, where the caller wants it or a field that is not for the peer was in the way."""
        if kept := settings.without_connection_fields(err, asked[2]):
            return self._send_once((*asked[:2], kept, *asked[3:]))
        for pause_s in settings.retry_delays(self.retries):
            if not settings.is_retried(err, asked[3]):
                break
            time.sleep(pause_s)
            try:
                return self._send_once(asked)
            except errors.PenstockError as again:
                err = again
        raise err

    def _send_once(self, asked: Asked) -> SyncResponse:
        response = self.transport.submit_sync(*asked)
        response.wait_head()
        return response

    def _tell(self, trace: Trace, response: SyncResponse) -> None:
        try:
            trace.tell(trace.head(response, NetworkStream(response)))
        except BaseException:
            response.close()
            raise

    def close(self) -> None:
        """Refuses new requests; responses that were handed out go on."""
        self.transport.refuse()
