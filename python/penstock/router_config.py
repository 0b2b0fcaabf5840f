"""What a Router is made from, in any of its forms, as a Config."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.config.load import Loaded, load, loads
from penstock.config.models import Config
from penstock.errors import ConfigError

log = logging.getLogger("penstock.router")
FOR_SERVERS = "there is no master_key"  # the start of a warning that says nothing here


def config_of(
    config: str | os.PathLike[str] | Mapping[str, Any] | Config | None,
    model_list: Sequence[Mapping[str, Any]] | None,
    settings: Mapping[str, Any],
    environ: Mapping[str, str] | None,
) -> Config:
    """ConfigError with all that is wrong, TypeError when it is not clear what is meant. Warnings are logged."""
    if (config is None) == (model_list is None):
        raise TypeError("give a configuration, or model_list=[...]")
    if settings and model_list is None:
        raise TypeError(f"{', '.join(settings)}: router settings go beside model_list=, or into the configuration")
    if isinstance(config, Config):
        return config
    env = os.environ if environ is None else environ
    if isinstance(config, (str, os.PathLike)):
        loaded = load(config, environ=env)
    elif isinstance(config, Mapping):
        loaded = loads(config, environ=env)
    elif model_list is not None:
        loaded = loads({"model_list": list(model_list), "router_settings": dict(settings)}, environ=env)
    else:
        raise TypeError(f"a configuration is a path, a mapping or a Config, not {type(config).__name__}")
    return _checked(loaded)


def _checked(loaded: Loaded) -> Config:
    if loaded.config is None:
        raise ConfigError("; ".join(str(each) for each in loaded.errors))
    for each in loaded.complaints:
        if not each.message.startswith(FOR_SERVERS):
            log.warning("configuration: %s", each)
    return loaded.config
