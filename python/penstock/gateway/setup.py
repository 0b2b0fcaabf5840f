"""Everything that follows from one configuration, as one value: a request uses the one it began with to its end.

A reload makes a new Setup and puts it in the place of the old one in a single assignment. What did not change goes
over: the transport with its connections, the journal with its queues, and the health of deployments, which is kept by
their ids.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import replace

from penstock.client import Transport
from penstock.config.models import Config, Deployment
from penstock.dialects.providers import address_of
from penstock.errors import PenstockError
from penstock.gateway.auth import Auth
from penstock.gateway.upstream import transport_of
from penstock.hooks import Chain
from penstock.journal.journal import Journal
from penstock.journal.price import BadPrices, PriceTable, load
from penstock.journal.redact import base, host
from penstock.journal.reference import BadReference, resolve
from penstock.journal.sinks import MissingExtra, sinks_of
from penstock.routing.health import Health
from penstock.routing.routes import Routes
from penstock.routing.shared import SharedHealth

# What says that a configuration cannot be used: the engine, callbacks, packages, price lists, files.
UNUSABLE = (PenstockError, BadReference, MissingExtra, BadPrices, OSError)
log = logging.getLogger("penstock.gateway")
PLACES_N = 4096  # of deployments whose models are filled from patterns, callers choose: bounded


class Place:
    """What is said of a deployment in headers and records, made once."""

    __slots__ = ("api_base", "api_host", "price")

    def __init__(self, deployment: Deployment, prices: PriceTable) -> None:
        address = address_of(deployment)
        self.api_base = base(address)
        self.api_host = host(address)
        self.price = prices.of(deployment)

    def __repr__(self) -> str:
        return f"<Place {self.api_base}>"


class Setup:
    """Owner: the Gateway. Immutable but for the state inside of health, transport and journal."""

    __slots__ = (
        "_places",
        "auth",
        "config",
        "health",
        "hooks",
        "journal",
        "keeps_text",
        "prices",
        "routes",
        "transport",
    )

    def __init__(
        self,
        config: Config,
        *,
        transport: Transport,
        journal: Journal,
        health: Health,
        prices: PriceTable,
        hooks: Chain,
    ) -> None:
        self.config = config
        self.transport = transport
        self.journal = journal
        self.health = health
        self.routes = Routes(config)
        self.auth = Auth(config.general.keys)
        self.hooks = hooks
        self.keeps_text = config.journal.keep_text or config.router.rescue or bool(hooks.post)
        self.prices = prices
        self._places: dict[tuple[str, str], Place] = {}

    def __repr__(self) -> str:
        return f"<Setup {len(self.config.deployments)} deployments, {self.transport!r}>"

    def place(self, deployment: Deployment) -> Place:
        """A deployment's; made when first asked for."""
        key = (deployment.id, deployment.model)
        place = self._places.get(key)
        if place is None:
            if len(self._places) >= PLACES_N:
                self._places.clear()
            place = self._places[key] = Place(deployment, self.prices)
        return place


def setup_of(
    config: Config, before: Setup | None, *, is_shared: bool = False, callbacks: Sequence[object] = ()
) -> Setup:
    """The Setup for a configuration, with what did not change of the one before. Raises one of UNUSABLE.

    is_shared  by several threads
    callbacks  objects beside those that the configuration names
    """
    if before is not None and before.config.upstream == config.upstream:
        transport = before.transport
    else:
        transport = transport_of(config.upstream)
    os.environ.update(config.environment)
    settings = config.journal
    where = os.path.dirname(os.path.abspath(config.sources[0])) if config.sources else os.getcwd()
    objects = {name: resolve(name, where) for name in settings.callbacks if "." in name}
    for at, each in enumerate(callbacks):
        objects[f"callbacks.{at}.{type(each).__name__}"] = each
    names = tuple(dict.fromkeys((*settings.callbacks, *objects)))
    sinks = sinks_of(replace(settings, callbacks=names), config_dir=where, objects=objects)
    if before is not None and before.config.journal.prices_path == settings.prices_path:
        prices = before.prices
    else:
        prices = load(settings.prices_path)
    journal = Journal((), settings.queue_n) if before is None else before.journal
    health_kind = SharedHealth if is_shared else Health
    health = health_kind(config.router) if before is None else before.health
    made = Setup(
        config, transport=transport, journal=journal, health=health, prices=prices, hooks=Chain(objects.values())
    )
    # Nothing can fail any more: what is shared with the setup before changes now.
    journal.use(sinks, settings.queue_n)
    health.settings = config.router
    health.keep({each.id for each in config.deployments})
    return made
