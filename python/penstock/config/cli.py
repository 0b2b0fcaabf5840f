"""`penstock check`: read a config.yaml, say all that is wrong with it, and show what would serve.

Exit status: 0 = it can be used (warnings do not matter), 1 = there are errors, 2 = a file cannot be read.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from penstock.config.env_file import parse_env


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", "-c", type=Path, required=True, metavar="FILE", help="LiteLLM's config.yaml")
    parser.add_argument("--env-file", type=Path, metavar="FILE", help="NAME=value lines under the environment's own")


def run(options: argparse.Namespace) -> int:
    """Print the report; the exit status."""
    try:
        from penstock.config.load import load
        from penstock.config.report import report
    except ImportError as err:
        print(f"penstock check: needs {err.name}: pip install 'penstock[gateway]'", file=sys.stderr)
        return 2
    environ = dict(os.environ)
    if options.env_file is not None:
        try:
            variables, wrong = parse_env(options.env_file.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError) as err:
            print(f"penstock check: {options.env_file}: cannot be read: {type(err).__name__}", file=sys.stderr)
            return 2
        for number in wrong:
            print(f"{options.env_file}:{number}: is not NAME=value: it is left out", file=sys.stderr)
        environ = {**variables, **environ}
    loaded = load(options.config, environ=environ)
    print(report(loaded), end="")
    if not loaded.is_readable:
        return 2
    return 1 if loaded.errors else 0
