"""`penstock upstream`: the scripted upstream as a program of its own, for benchmarks and other languages.

Prints where it listens and whom to trust, one line each, and serves until SIGINT or SIGTERM: then it takes no new
connections, says GOAWAY, gives what runs a moment, and tells on stderr what it served.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

from penstock.testing.errors import MissingExtra, ScriptError
from penstock.testing.files import load_script
from penstock.testing.presets.provider import PRESETS, preset
from penstock.testing.presets.turn import Pace, Turn
from penstock.testing.rule import Rule
from penstock.testing.upstream import Upstream

LOOK_S = 0.02  # between two looks at what still runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, metavar="N", help="plain HTTP, 0 = any; the default without --tls-port")
    parser.add_argument("--tls-port", type=int, metavar="N", help="TLS with a certificate made on the fly, 0 = any")
    parser.add_argument("--trust-file", type=Path, metavar="FILE", help="write the authority to trust here, too")
    parser.add_argument("--script", type=Path, metavar="FILE", help="rules, as .toml or .yaml")
    parser.add_argument("--preset", choices=sorted(PRESETS), help="a whole provider, after the rules of the script")
    parser.add_argument("--text", help="what the preset's model says")
    parser.add_argument("--deltas", type=int, metavar="N", help="in so many pieces, words again and again")
    parser.add_argument("--per-s", type=float, default=0.0, metavar="N", help="events per second and stream; 0 = all")
    parser.add_argument("--stamped", action="store_true", help="number and send time in each event of the preset")
    parser.add_argument("--max-connections", type=int, default=0, metavar="N", help="reset further ones; 0 = no limit")
    parser.add_argument("--max-streams", type=int, default=100, metavar="N", help="HTTP/2 streams of a connection")
    parser.add_argument("--record-limit", type=int, default=0, metavar="N", help="requests to keep (%(default)s)")
    parser.add_argument(
        "--drain-s", type=float, default=5.0, metavar="S", help="for what runs at the end (%(default)g)"
    )


def rules_of(options: argparse.Namespace) -> list[Rule]:
    """The script's, then the preset's."""
    rules = [] if options.script is None else load_script(options.script)
    if options.preset is not None:
        turn = (
            Turn(deltas_n=options.deltas) if options.text is None else Turn(text=options.text, deltas_n=options.deltas)
        )
        rules += preset(options.preset, turn, pace=Pace(per_s=options.per_s, stamped=options.stamped))
    if not rules:
        raise ScriptError("give --script, --preset, or both")
    return rules


def run(options: argparse.Namespace) -> int:
    """Serve until a signal; the exit status."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        upstream = Upstream(
            *rules_of(options),
            host=options.host,
            max_connections=options.max_connections,
            max_streams=options.max_streams,
            record_limit=options.record_limit,
        )
    except (ScriptError, MissingExtra, OSError) as err:
        print(f"penstock upstream: {err}", file=sys.stderr)
        return 2
    with upstream:
        try:
            announce(upstream, options)
        except (ValueError, OSError) as err:
            print(f"penstock upstream: {err}", file=sys.stderr)
            return 2
        stop.wait()
        drain(upstream, options.drain_s)
        counts = upstream.stats()
        print(
            f"served {counts.requests} requests on {counts.connections_total} connections, {counts.aborted} aborted, "
            f"{counts.unmatched} unmatched, {counts.malformed} malformed, {counts.events} events",
            file=sys.stderr,
        )
    return 0


def announce(upstream: Upstream, options: argparse.Namespace) -> None:
    """Open the ports, and say where they are."""
    if options.port is not None or options.tls_port is None:
        print(upstream.listen(options.port or 0, tls=False))
    if options.tls_port is not None:
        print(upstream.listen(options.tls_port, tls=True))
        if options.trust_file is not None:
            shutil.copyfile(upstream.trust.ca_file, options.trust_file)
        print(f"trust {options.trust_file or upstream.trust.ca_file}")
    sys.stdout.flush()


def drain(upstream: Upstream, limit_s: float) -> None:
    """Take nothing new, and wait for what runs."""
    upstream.refuse()
    upstream.goaway()
    due_s = time.monotonic() + limit_s
    while upstream.stats().running and time.monotonic() < due_s:
        time.sleep(LOOK_S)
