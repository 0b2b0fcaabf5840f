"""Ports of loopback for servers that must be told theirs."""

from __future__ import annotations

import random
import socket

EPHEMERAL_PORTS_BEGIN = 32768  # Linux takes the ports of outgoing connections from here on


def free_port() -> int:
    """One of free_ports()."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Ports that no outgoing connection is given between this look and the server's own bind()."""
    probes: list[socket.socket] = []
    try:
        while len(probes) < count:
            probe = socket.socket()
            probes.append(probe)
            try:
                probe.bind(("127.0.0.1", random.randrange(10_000, EPHEMERAL_PORTS_BEGIN)))
            except OSError:
                probes.pop().close()
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
