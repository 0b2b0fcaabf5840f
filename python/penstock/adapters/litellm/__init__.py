"""penstock under LiteLLM: `install()` once, before the first request, or in the proxy without a line of code

    LITELLM_WORKER_STARTUP_HOOKS=penstock.adapters.litellm:install litellm --config config.yaml

From then on the clients that LiteLLM makes send through penstock: its async and sync handlers, the OpenAI and Azure
SDK clients, module-level clients. Settings stay LiteLLM's own, read when a client is made (settings.py). `status()`
tells which seams are live; one that does not look as it did in the versions this was written for is left alone, and
LiteLLM goes on as it was. PENSTOCK_LITELLM=off in the environment makes `install()` do nothing.

What LiteLLM sends around these clients (WebSockets, boto3, google-auth, MCP, redis) is not accelerated:
docs/howto/litellm.md.
"""

from __future__ import annotations

import logging
import os
from importlib import import_module

from penstock.adapters.litellm import seams, settings
from penstock.adapters.litellm.seams import Seam

__all__ = ["Seam", "install", "status", "uninstall"]

OFF = ("off", "0", "false", "no")
logger = logging.getLogger("penstock.litellm")


def install() -> list[Seam]:
    """Put penstock under LiteLLM; `status()`. May be repeated: seams of modules imported meanwhile are added.

    ImportError without LiteLLM; ConfigError when its HTTP/2 settings cannot be. What is missing or has another
    signature than expected is warned of and left alone.
    """
    if os.environ.get("PENSTOCK_LITELLM", "").strip().lower() in OFF:
        logger.warning("PENSTOCK_LITELLM=off: LiteLLM keeps its own transports")
        return status()
    litellm = import_module("litellm")
    settings.http2_of(litellm)  # a wrong setting fails here, not in the first request
    for seam in seams.put_in():
        logger.warning("LiteLLM's %s is left as it is: %s", seam.name, seam.why)
    return status()


def uninstall() -> None:
    """Take it out again. LiteLLM's cache is emptied; clients that others hold keep penstock."""
    seams.take_out()


def status() -> list[Seam]:
    """Every seam, live or not, and why not."""
    return seams.status()
