"""The gateway: one object that every server can run, and that sends each request where it belongs.

An RSGI application (Granian's fast way), an ASGI application (uvicorn and others), and the owner of the present
Setup. It counts what runs, so that a drain knows when it is over. Thread: one event loop per process; `serve` starts
one process per worker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from penstock.gateway.admin import Admin
from penstock.gateway.asgi import ASGIInbound, Message, Receive, SendMessage
from penstock.gateway.call import Call
from penstock.gateway.cors import crossed
from penstock.gateway.endpoints import endpoint_of
from penstock.gateway.inbound import JSON, CallerGone, Inbound
from penstock.gateway.passthrough import declared, serve_pass_through
from penstock.gateway.reloading import Reloading
from penstock.gateway.rsgi import RSGIInbound
from penstock.gateway.setup import Setup, setup_of
from penstock.gateway.workers import SERVING, is_marked_draining, mark_draining, say

if TYPE_CHECKING:
    from penstock.config.models import Config

log = logging.getLogger("penstock.gateway")
INTERNAL = (
    b'{"error":{"message":"an error of the gateway itself; its log has the details","type":"api_error","code":"500"}}'
)


class Gateway:
    """`Gateway(config)`; then `granian --interface rsgi`, `uvicorn`, or `penstock serve` run it.

    config_path  the file to watch for changes; None = a configuration that stays
    on_worn      called after so many requests, each time
    """

    def __init__(
        self,
        config: Config,
        *,
        config_path: str | None = None,
        on_worn: tuple[int, Callable[[], None]] | None = None,
    ) -> None:
        self.setup: Setup = setup_of(config, None)
        self.config_path = config_path
        self.admin = Admin(self)
        self.running_n = 0
        self._worn_n = 0 if on_worn is None else on_worn[0]
        self._on_worn = None if on_worn is None else on_worn[1]
        self.left_n = self._worn_n
        self._is_draining = False
        self._reloading: Reloading | None = None

    def __repr__(self) -> str:
        state = "draining, " if self.is_draining else ""
        return f"<Gateway {state}{self.running_n} running, {self.setup!r}>"

    async def handle(self, inbound: Inbound) -> None:
        """Answer one request, whatever it is. Never raises but for cancellation by the server."""
        self.running_n += 1
        try:
            await self._dispatch(inbound)
        except CallerGone:
            pass
        except Exception:
            log.exception("%s %s failed inside of the gateway", inbound.method, inbound.path)
            try:
                await inbound.respond(500, [JSON], INTERNAL)
            except Exception:  # the head has gone out already: the server cuts the connection
                raise CallerGone("the answer broke off") from None
        finally:
            inbound.unwatch()
            self.running_n -= 1
            if self._on_worn is not None:
                self.left_n -= 1
                if self.left_n == 0:
                    self.left_n = self._worn_n
                    self._on_worn()

    async def _dispatch(self, inbound: Inbound) -> None:
        setup = self.setup
        if setup.config.general.cors_origins and await crossed(inbound, setup.config.general.cors_origins):
            return
        if inbound.method == "POST":
            endpoint = endpoint_of(inbound.path)
            if endpoint is not None:
                await Call(setup, inbound, endpoint).serve()
                return
        if setup.config.general.pass_through and (way := declared(setup, inbound)) is not None:
            await serve_pass_through(setup, inbound, way)
            return
        await self.admin.serve(inbound)

    # -- life --

    def start(self) -> None:
        """In the worker's running loop: watch the configuration."""
        if self.config_path is not None and self._reloading is None:
            self._reloading = Reloading(self, self.config_path)
            self._reloading.start()

    def replace(self, config: Config) -> None:
        """From now on requests begin with this configuration; running ones end with theirs. ConfigError when the
        engine cannot use it; then nothing has changed."""
        self.setup = setup_of(config, self.setup)

    def drain(self) -> None:
        """Say that no more requests are wanted (readiness 503), for all workers; those that come are still answered."""
        self._is_draining = True
        mark_draining()

    @property
    def is_draining(self) -> bool:
        """Was this worker, or one beside it, told to drain?"""
        return self._is_draining or is_marked_draining()

    async def stop(self) -> None:
        """Write the journal's rest. Running streams are the server's to wait for."""
        if self._reloading is not None:
            self._reloading.stop()
            self._reloading = None
        journal = self.setup.journal
        await asyncio.get_running_loop().run_in_executor(None, journal.close)

    # -- RSGI --

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        if scope.proto != "http":
            protocol.close(403)
            return
        await self.handle(RSGIInbound(scope, protocol))

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        async def begin() -> None:
            self.start()

        loop.run_until_complete(begin())
        loop.call_soon(say, SERVING)  # Granian runs the loop again when it listens

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(self.stop())

    # -- ASGI --

    async def __call__(self, scope: Message, receive: Receive, send: SendMessage) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self.handle(ASGIInbound(scope, receive, send))
        else:
            await send({"type": "websocket.close", "code": 1003})

    async def _lifespan(self, receive: Receive, send: SendMessage) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return
