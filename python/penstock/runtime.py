"""The one engine of this process, and the pools that transports share.

The engine is made when the first pool is opened, and a pool when the first request needs it, so importing penstock
or making a Transport starts no thread. Pools are kept by their settings as long as a transport or a response
uses one. In a forked child the parent's engine is abandoned and `epoch` moves on; transports see that and open
their pool anew. At interpreter exit the engine is stopped.

Thread: any; one lock guards making and forgetting.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import weakref
from typing import Any, cast

from penstock import _core
from penstock.errors import ConfigError, TransportClosed, error_from_facts

PoolKey = tuple[tuple[str, Any], ...]


class Runtime:
    """State of the process. There is one, `runtime`."""

    def __init__(self) -> None:
        self.epoch = 0  # forks since import
        self._lock = threading.Lock()
        self._engine: _core.Engine | None = None
        self._pools: weakref.WeakValueDictionary[PoolKey, _core.Pool] = weakref.WeakValueDictionary()
        self._is_over = False

    def __repr__(self) -> str:
        state = "stopped" if self._is_over else "new" if self._engine is None else "running"
        return f"<penstock runtime, {state}, {len(self._pools)} pools, epoch {self.epoch}>"

    def pool(self, config: _core.PoolConfig) -> _core.Pool:
        """The pool of these settings, opened when nobody uses one. ConfigError when they cannot be used."""
        key = pool_key(config)
        with self._lock:
            pool = self._pools.get(key)
            if pool is not None:
                return pool
            if self._is_over:
                raise TransportClosed("the interpreter is exiting")
            if self._engine is None:
                self._engine = _core.Engine()
            try:
                pool = self._engine.open_pool(config)
            except ValueError as err:
                raise ConfigError(str(err)) from None
            self._pools[key] = pool
            return pool

    def stats(self) -> dict[str, int]:
        """The engine's live counts; empty before the first request."""
        engine = self._engine
        return {} if engine is None else engine.stats()

    def stop(self) -> None:
        """At exit: cancel what runs, join the thread."""
        with self._lock:
            self._is_over = True
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.stop(0.0)

    def after_fork(self) -> None:
        """In the child: another thread may have held the lock, and the engine's thread is not here."""
        self._lock = threading.Lock()
        engine, self._engine = self._engine, None
        self._pools = weakref.WeakValueDictionary()
        self.epoch += 1
        if engine is not None:
            engine.abandon()


def pool_key(config: _core.PoolConfig) -> PoolKey:
    """Hashable; equal for settings that may share connections. An ssl.SSLContext counts by identity, and the key
    keeps it alive."""
    return tuple(sorted(cast("dict[str, Any]", config).items()))


def shares_libssl() -> bool:
    """Does Python's ssl module use the libssl that the engine uses?"""
    path = getattr(sys.modules.get("_ssl"), "__file__", None)  # a built-in module has none
    return path is not None and _core.shares_libssl(path)


def versions() -> dict[str, str]:
    """The libraries the engine is linked with."""
    return _core.versions()


runtime = Runtime()
_core.set_error_factory(error_from_facts)
os.register_at_fork(after_in_child=runtime.after_fork)
atexit.register(runtime.stop)
