"""The servers, all of them Debian packages."""

from __future__ import annotations

from .apache import Apache
from .caddy import Caddy
from .h2o import H2o
from .haproxy import Haproxy
from .nghttpd import Nghttpd
from .nginx import Nginx
from .node import Node
from .server import Server

SERVERS: tuple[type[Server], ...] = (Nginx, Nghttpd, Haproxy, Apache, H2o, Caddy, Node)
