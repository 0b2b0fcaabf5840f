"""The same scripts without sockets: a penstock.Transport whose pool is the script.

    mock = MockTransport(on("GET", "/").answer(body="hello"))
    response = mock.request_sync("GET", "https://api.example/")
    httpx.AsyncClient(transport=mock.httpx())

Requests, responses, errors and clocks are penstock's own; the engine, URLs' and fields' checks in C, and HTTP itself
are not in play. It looks like one HTTP/1.1 exchange each: rules about an HTTP/2 connection (GOAWAY, SETTINGS) or raw
bytes are refused, and pacing is as good as sleep() is. `skip_time` leaves waits out, so that a timeout comes at once.
Thread: any.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from penstock.client import Transport
from penstock.errors import TransportClosed
from penstock.limits import Limits, Timeouts
from penstock.runtime import runtime
from penstock.testing.mock_pool import MockPool
from penstock.testing.play import check_playable
from penstock.testing.requests import Request
from penstock.testing.rule import Rule, compiled_script
from penstock.testing.scripted import Scripted

if TYPE_CHECKING:
    from penstock._core import Pool


class MockTransport(Transport, Scripted):
    """rules      the script; script() changes it
    timeouts, limits  as of a Transport
    skip_time  waits of the script take no time
    """

    is_mock = True  # no network: network_guard.py lets it pass

    def __init__(
        self,
        *rules: Rule | Iterable[Rule],
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
        skip_time: bool = False,
    ) -> None:
        super().__init__(timeouts=timeouts, limits=limits, trust_env=False)
        self._mock_pool = MockPool(skips_time=skip_time)
        self.script(*rules)

    def _use(self, script: tuple[Rule, ...]) -> None:
        compiled_script(script)  # the same complaints as the server's
        check_playable(script)
        self._mock_pool.use(script)

    # -- what it saw --

    @property
    def requests(self) -> list[Request]:
        """In order, as of now."""
        return self._mock_pool.requests()

    def clear(self) -> None:
        """Forget requests."""
        self._mock_pool.clear()

    # -- under other clients --

    def httpx(self) -> Any:
        """For httpx.AsyncClient(transport=...)."""
        from penstock.adapters.httpx import AsyncTransport

        return self._under(AsyncTransport())

    def httpx_sync(self) -> Any:
        """For httpx.Client(transport=...)."""
        from penstock.adapters.httpx import SyncTransport

        return self._under(SyncTransport())

    def httpx2(self) -> Any:
        """For httpx2.AsyncClient(transport=...)."""
        from penstock.adapters.httpx2 import AsyncTransport

        return self._under(AsyncTransport())

    def httpx2_sync(self) -> Any:
        """For httpx2.Client(transport=...)."""
        from penstock.adapters.httpx2 import SyncTransport

        return self._under(SyncTransport())

    def _under(self, adapter: Any) -> Any:
        adapter.transport = self
        return adapter

    # -- in the engine's place --

    def _open(self) -> Pool:
        if self._is_closed:
            raise TransportClosed("this transport is closed")
        self._epoch = runtime.epoch
        self._pool = cast("Pool", self._mock_pool)
        return self._pool

    def __repr__(self) -> str:
        return f"<MockTransport {len(self._rules)} rules, {len(self.requests)} requests>"
