"""The command line: `penstock COMMAND`, or `python -m penstock COMMAND`. Each command imports what it needs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import penstock
from penstock.runtime import versions


def version() -> str:
    """What a report of a fault should name: penstock, and the libraries that its engine has loaded."""
    libraries = ", ".join(f"{name} {text.removeprefix('OpenSSL ')}" for name, text in versions().items())
    return f"penstock {penstock.__version__} ({libraries})"


def main(arguments: Sequence[str] | None = None) -> int:
    from penstock.config import cli as config
    from penstock.gateway import serve as gateway
    from penstock.testing import cli as upstream

    parser = argparse.ArgumentParser(prog="penstock", description=penstock.__doc__.splitlines()[0])
    parser.add_argument("--version", action="version", version=version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    scripted = commands.add_parser("upstream", help="a scripted HTTP server", description=upstream.__doc__)
    upstream.add_arguments(scripted)
    scripted.set_defaults(run=upstream.run)
    serve = commands.add_parser("serve", help="the gateway", description=gateway.__doc__)
    gateway.add_arguments(serve)
    serve.set_defaults(run=gateway.run)
    check = commands.add_parser("check", help="what is wrong with a config.yaml", description=config.__doc__)
    config.add_arguments(check)
    check.set_defaults(run=config.run)
    options = parser.parse_args(arguments)
    status: int = options.run(options)
    return status


if __name__ == "__main__":
    sys.exit(main())
