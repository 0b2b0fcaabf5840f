"""`penstock serve`: the gateway on Granian, with LiteLLM's options.

The configuration is checked before anything starts; each worker process then builds its own Gateway from it. SIGHUP to
the main process reloads it in every worker, SIGTERM ends: no new connections, running streams go on to their end, at
most GRACEFUL_SHUTDOWN_TIMEOUT.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import randrange
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.config.models import Config
    from penstock.gateway.app import Gateway

log = logging.getLogger("penstock.gateway")
CONFIG_VARIABLE = "PENSTOCK_CONFIG"
KEEPALIVE_S = "75"  # above the 60 s after which load balancers give an idle connection up
LEVELS = ("debug", "info", "warning", "error", "critical")
CONNECTIONS = 16384  # of one worker at a time; more wait in the backlog
WORN_VARIABLE = "PENSTOCK_MAX_REQUESTS"
LEVEL_VARIABLE = "PENSTOCK_LOG_LEVEL"
IGNORED = ("run_gunicorn", "run_hypercorn", "detailed_debug", "use_queue", "telemetry")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """LiteLLM's spellings, with `-` for `_` too."""

    def add(*names: str, **settings: object) -> None:
        spelled = [each for name in names for each in dict.fromkeys((name, name.replace("_", "-")))]
        parser.add_argument(*spelled, **settings)  # type: ignore[arg-type]

    env = os.environ
    add("--config", "-c", metavar="FILE", default=env.get("CONFIG_FILE_PATH"), help="config.yaml, as LiteLLM reads it")
    add("--model", "-m", metavar="MODEL", help="without a file: serve this one model, provider/name")
    add("--api_base", metavar="URL", help="with --model: its address")
    add("--host", default=env.get("HOST", "0.0.0.0"))
    add("--port", type=int, default=int(env.get("PORT", "4000")))
    add("--num_workers", type=int, default=int(env.get("NUM_WORKERS", "1")), help="processes")
    add("--granian_threads", type=int, default=1, help="threads of the server in each process")
    add("--ssl_certfile_path", type=Path, metavar="FILE", default=None)
    add("--ssl_keyfile_path", type=Path, metavar="FILE", default=None)
    keepalive_s = float(env.get("KEEPALIVE_TIMEOUT", KEEPALIVE_S))
    add(
        "--keepalive_timeout", type=float, metavar="S", default=keepalive_s, help="an idle connection is closed after S"
    )
    restart_n = int(env.get("MAX_REQUESTS_BEFORE_RESTART", "0"))
    add(
        "--max_requests_before_restart",
        type=int,
        metavar="N",
        default=restart_n,
        help="then a worker is replaced; 0 = never",
    )
    add("--log_level", default=env.get("LITELLM_LOG", "info").lower(), choices=LEVELS)
    add("--access_log", action="store_true", help="a line for each request")
    add("--run_granian", action="store_true", help="accepted; it is what runs anyway")
    for name in IGNORED:
        add(f"--{name}", nargs="?", const=True, help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    """Serve until a signal. 2 = it could not start, with the reason on stderr."""
    for name in IGNORED:
        if getattr(options, name, None):
            print(f"--{name} has no meaning here and is ignored", file=sys.stderr)
    if (options.ssl_certfile_path is None) != (options.ssl_keyfile_path is None):
        print("give both --ssl_certfile_path and --ssl_keyfile_path, or none", file=sys.stderr)
        return 2
    if options.config is None and options.model is None:
        print("give --config FILE, or --model provider/name for a single model", file=sys.stderr)
        return 2
    try:
        return _serve(options)
    except ModuleNotFoundError as err:
        print(f"penstock serve: needs {err.name}: pip install 'penstock[gateway]'", file=sys.stderr)
        return 2


def _serve(options: argparse.Namespace) -> int:
    from penstock.config.load import load
    from penstock.config.report import report
    from penstock.gateway.granian_server import serve
    from penstock.gateway.setup import UNUSABLE, setup_of

    if options.config is not None:
        loaded = load(options.config)
        if loaded.complaints:
            print(report(loaded), file=sys.stderr)
        if loaded.config is None:
            return 2
        config = loaded.config
        os.environ[CONFIG_VARIABLE] = os.path.abspath(options.config)
    else:
        os.environ.pop(CONFIG_VARIABLE, None)
        os.environ["PENSTOCK_MODEL"] = options.model
        os.environ["PENSTOCK_API_BASE"] = options.api_base or ""
        config = single_model()
    try:
        setup_of(config, None)
    except UNUSABLE as err:
        print(f"penstock serve: {err}", file=sys.stderr)
        return 2
    os.environ[WORN_VARIABLE] = str(options.max_requests_before_restart)
    os.environ[LEVEL_VARIABLE] = options.log_level
    serve(options, connections=CONNECTIONS, drain_s=config.general.drain_s)
    return 0


def single_model() -> Config:
    """The configuration of `--model`. SystemExit with what is wrong with it."""
    from penstock.config.load import loads
    from penstock.config.report import report

    params = {"model": os.environ["PENSTOCK_MODEL"]}
    if base := os.environ.get("PENSTOCK_API_BASE"):
        params["api_base"] = base
    name = params["model"].partition("/")[2] or params["model"]
    loaded = loads({"model_list": [{"model_name": name, "litellm_params": params}]})
    if loaded.config is None:
        print(report(loaded), file=sys.stderr)
        raise SystemExit(2)
    return loaded.config


def worker() -> Gateway:
    """The application of one worker process; Granian calls it there."""
    from penstock.config.load import load
    from penstock.config.report import report
    from penstock.gateway.app import Gateway

    if level := os.environ.get(LEVEL_VARIABLE):
        show_log(level)
    path = os.environ.get(CONFIG_VARIABLE)
    if path is None:
        return Gateway(single_model(), on_worn=worn_out())
    loaded = load(path)
    if loaded.config is None:  # it has become bad since the main process read it
        print(report(loaded), file=sys.stderr)
        raise SystemExit(2)
    return Gateway(loaded.config, config_path=path, on_worn=worn_out())


def show_log(level: str) -> None:
    """The gateway's own words to stderr, beside those of the server; under another server that is its affair."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("[%(levelname)s] %(message)s"))
    logger = logging.getLogger("penstock")
    logger.addHandler(handler)
    logger.setLevel(level.upper())
    logger.propagate = False


def worn_out() -> tuple[int, Callable[[], None]] | None:
    """After how many requests a worker asks to be replaced, and how; None = never. Workers do not all ask at once."""
    from penstock.gateway.workers import RUN_DIR, WORN, say

    limit_n = int(os.environ.get(WORN_VARIABLE) or 0)
    if limit_n <= 0 or RUN_DIR not in os.environ:
        return None
    return limit_n + randrange(limit_n // 10 + 1), partial(say, WORN)
