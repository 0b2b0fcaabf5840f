"""A changed configuration takes effect: on SIGHUP or when a file of it changes, whole or not at all.

The file is read and checked in a thread, so that a long one stalls no stream. A bad file keeps the old configuration
and says in the log why. Thread: the event loop; owner: the Gateway.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from penstock.config.complaint import Complaint
from penstock.config.models import Config
from penstock.config.watch import Watcher
from penstock.gateway.setup import UNUSABLE

if TYPE_CHECKING:
    from penstock.gateway.app import Gateway

log = logging.getLogger("penstock.gateway")


class Reloading:
    """Watches the files of a Gateway's configuration."""

    def __init__(self, gateway: Gateway, path: str) -> None:
        self._gateway = gateway
        self._watcher = Watcher(path, on_new=self._take, current=gateway.setup.config)

    def __repr__(self) -> str:
        return f"<Reloading {self._watcher!r}>"

    def start(self) -> None:
        self._watcher.start()

    def stop(self) -> None:
        self._watcher.stop()

    def _take(self, config: Config, complaints: Sequence[Complaint]) -> None:
        for each in complaints:
            log.warning("configuration: %s", each)
        if self._gateway.setup.config.general.keys and not config.general.keys:
            log.error("the new configuration has no key any more and would let everybody in: the old one stays")
            return
        try:
            self._gateway.replace(config)
        except UNUSABLE as err:
            log.error("the new configuration cannot be used, the old one stays: %s", err)
        else:
            log.info("the new configuration is in use: %d deployments", len(config.deployments))
