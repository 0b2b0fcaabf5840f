"""How connections are made below TLS: address family, local address, socket options, name cache."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any, Literal

from penstock import check
from penstock.errors import ConfigError

Family = Literal["any", "ipv4", "ipv6"]
FAMILIES = {"any": 0, "ipv4": 1, "ipv6": 2}
SocketOption = tuple[int, int, int | bytes]
OPTIONS_MOST, OPTION_MOST_BYTES = 32, 64
UDS_MOST_BYTES = 103  # sun_path with its NUL on the smaller platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """family          which addresses of a name are tried
    local_address   IP literal to connect from
    uds             path of a Unix socket that every connection goes to
    nodelay         TCP_NODELAY
    keepalive_s     TCP keep-alive after so long a silence; 0 = off
    user_timeout_ms TCP_USER_TIMEOUT where the system has it; 0 = the system's default
    eyeballs_ms     head start of one address before the next is tried beside it (RFC 8305)
    dns_ttl_s       how long a resolved name is used
    socket_options  (level, name, int or bytes) each, set before connect(), after those above; TCP only. One that the
                    system refuses fails the connection
    """

    family: Family = "any"
    local_address: str | None = None
    uds: str | None = None
    nodelay: bool = True
    keepalive_s: int = 60
    user_timeout_ms: int = 0
    eyeballs_ms: int = 250
    dns_ttl_s: float = 30.0
    socket_options: tuple[SocketOption, ...] = ()

    def __post_init__(self) -> None:
        check.choice("family", self.family, FAMILIES)
        _check_local_address(check.text("local_address", self.local_address), self.family)
        object.__setattr__(self, "uds", check.path("uds", self.uds))
        if self.uds is not None and len(self.uds.encode()) > UDS_MOST_BYTES:
            raise ConfigError(f"uds is longer than {UDS_MOST_BYTES} bytes, which no system allows")
        check.flag("nodelay", self.nodelay)
        check.count("keepalive_s", self.keepalive_s, most=32767)
        check.count("user_timeout_ms", self.user_timeout_ms)
        check.count("eyeballs_ms", self.eyeballs_ms)
        check.seconds("dns_ttl_s", self.dns_ttl_s)
        object.__setattr__(self, "socket_options", tuple(map(_option, self.socket_options)))
        check.count("the number of socket_options", len(self.socket_options), most=OPTIONS_MOST)
        if self.socket_options and self.uds is not None:
            raise ConfigError("socket_options are for TCP and cannot be combined with uds")

    def pool_part(self) -> dict[str, Any]:
        """These settings as the engine takes them."""
        return {
            "family": FAMILIES[self.family],
            "local_address": self.local_address,
            "uds": self.uds,
            "nodelay": self.nodelay,
            "keepalive_s": self.keepalive_s,
            "user_timeout_ms": self.user_timeout_ms,
            "eyeballs_ms": self.eyeballs_ms,
            "dns_ttl_ms": round(self.dns_ttl_s * 1000),
            "socket_options": self.socket_options,
        }


def _option(given: object) -> SocketOption:
    """One option, its value as int or bytes."""
    match given:
        case (int(level), int(name), int(number)) if -(2**31) <= number < 2**31:
            return level, name, number
        case (int(level), int(name), bytes() | bytearray() as value) if len(value) <= OPTION_MOST_BYTES:
            return level, name, bytes(value)
    raise ConfigError(f"a socket option is (level, name, int or at most {OPTION_MOST_BYTES} bytes), not {given!r}")


def _check_local_address(text: str | None, family: Family) -> None:
    if text is None:
        return
    try:
        version = ipaddress.ip_address(text).version
    except ValueError:
        raise ConfigError(f"local_address must be an IP address, not {text!r}") from None
    if family == f"ipv{10 - version}":
        raise ConfigError(f"local_address {text} cannot be used with family={family!r}")
