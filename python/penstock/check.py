"""Check one setting and say clearly what is wrong with it. Pure.

Each function takes the setting's name for the message and returns the value in the type that is kept. A wrong
type is a TypeError, a wrong value a ConfigError (which is a ValueError): both at construction, long before
anything is sent.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection

from penstock.errors import ConfigError

LONGEST_S = 1e9  # about 31 years; the engine refuses more


def seconds(name: str, value: object, *, most_s: float = LONGEST_S) -> float:
    """A duration: int or float, not negative, not NaN.

    >>> seconds("idle_s", 3)
    3.0
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number of seconds, not {type(value).__name__}")
    number = float(value)
    if math.isnan(number):
        raise ConfigError(f"{name} is not a number (NaN)")
    if number < 0:
        raise ConfigError(f"{name} is negative: {value!r}")
    if number > most_s:
        unlimited = "; None means unlimited" if most_s == LONGEST_S else ""
        raise ConfigError(f"{name} is above {most_s:.0e} seconds: {value!r}{unlimited}")
    return number


def optional_seconds(name: str, value: object) -> float | None:
    """A duration, or None for no limit."""
    return None if value is None else seconds(name, value)


def count(name: str, value: object, *, least: int = 0, most: int = 2**31 - 1) -> int:
    """A whole number within bounds (bool is not one).

    >>> count("max_connections", 8, least=1)
    8
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, not {type(value).__name__}")
    if value < least:
        raise ConfigError(f"{name} must be at least {least}, not {value}")
    if value > most:
        raise ConfigError(f"{name} must be at most {most}, not {value}")
    return value


def flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {type(value).__name__}")
    return value


def text(name: str, value: object) -> str | None:
    """Text without NUL, not empty; None stays None."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{name} must be str or None, not {type(value).__name__}")
    if not value or "\0" in value:
        raise ConfigError(f"{name} is empty" if not value else f"{name} contains a NUL")
    return value


def path(name: str, value: object) -> str | None:
    """A file name as str; None stays None. Whether the file exists is looked at when a Transport is made."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, bytes):
        value = os.fsdecode(value)
    return text(name, value)


def choice(name: str, value: object, allowed: Collection[str]) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be str, not {type(value).__name__}")
    if value not in allowed:
        raise ConfigError(f"{name} must be one of {', '.join(sorted(allowed))}, not {value!r}")
    return value
