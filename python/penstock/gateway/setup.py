"""Everything that follows from one configuration, as one value: a request uses the one it began with to its end.

A reload makes a new Setup and puts it in the place of the old one in a single assignment. What did not change goes
over: the transport with its connections, the journal with its queues, and the health of deployments, which is kept by
their ids.
"""

from __future__ import annotations

import logging
import os

from penstock.client import Transport
from penstock.config.models import Config, Deployment
from penstock.dialects.providers import address_of
from penstock.gateway.auth import Auth
from penstock.gateway.upstream import transport_of
from penstock.hooks import Hooks, overridden
from penstock.journal.journal import Journal
from penstock.journal.price import Prices
from penstock.journal.redact import base, host
from penstock.journal.sinks import sinks_of
from penstock.routing.health import Health
from penstock.routing.routes import Routes

log = logging.getLogger("penstock.gateway")
JOURNAL_CLOSE_S = 5.0


class Place:
    """What is said of a deployment in headers and records, made once."""

    __slots__ = ("api_base", "api_host", "price")

    def __init__(self, deployment: Deployment, prices: Prices) -> None:
        address = address_of(deployment)
        self.api_base = base(address)
        self.api_host = host(address)
        self.price = prices.of(deployment)

    def __repr__(self) -> str:
        return f"<Place {self.api_base}>"


class Setup:
    """Owner: the Gateway. Immutable but for the state inside of health, transport and journal."""

    __slots__ = ("_places", "auth", "config", "health", "hooks", "journal", "overridden", "routes", "transport")

    def __init__(
        self,
        config: Config,
        *,
        transport: Transport,
        journal: Journal,
        health: Health,
        hooks: Hooks | None = None,
    ) -> None:
        self.config = config
        self.transport = transport
        self.journal = journal
        self.health = health
        self.routes = Routes(config)
        self.auth = Auth(config.general.keys)
        self.hooks = hooks
        self.overridden: frozenset[str] = frozenset() if hooks is None else overridden(hooks)
        prices = Prices()
        self._places = {each.id: Place(each, prices) for each in config.deployments}

    def __repr__(self) -> str:
        return f"<Setup {len(self.config.deployments)} deployments, {self.transport!r}>"

    def place(self, deployment: Deployment) -> Place:
        return self._places[deployment.id]


def setup_of(config: Config, before: Setup | None) -> Setup:
    """The Setup for a configuration, with what did not change of the one before. ConfigError when the engine
    cannot use the settings."""
    if before is not None and before.config.upstream == config.upstream:
        transport = before.transport
    else:
        transport = transport_of(config.upstream)
    if before is not None and before.config.journal == config.journal:
        journal = before.journal
    else:
        where = os.path.dirname(os.path.abspath(config.sources[0])) if config.sources else os.getcwd()
        journal = Journal(sinks_of(config.journal, config_dir=where), config.journal.queue_n)
    health = Health(config.router) if before is None else before.health
    health.settings = config.router
    return Setup(config, transport=transport, journal=journal, health=health)
