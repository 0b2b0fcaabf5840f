"""When to come back: `retry-after-ms`, then `retry-after` in seconds or as a date (RFC 9110 10.2.3), as the SDKs read
them; and whether at all (`x-should-retry`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime


def retry_after_s(fields: Mapping[bytes, bytes], now_s: float) -> float | None:
    """Seconds from now, never negative; None when it is not said or makes no sense. Names in lower case."""
    ms = _number(fields.get(b"retry-after-ms"))
    if ms is not None:
        return ms / 1000
    value = fields.get(b"retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    try:
        when = parsedate_to_datetime(value.decode("latin-1"))
        if when.tzinfo is None:
            when = when.replace(tzinfo=timezone.utc)
        return max(0.0, when.timestamp() - now_s)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def should_retry(fields: Mapping[bytes, bytes]) -> bool | None:
    """None when the provider does not say."""
    return {b"true": True, b"false": False}.get(fields.get(b"x-should-retry", b"").strip().lower())


def _number(value: bytes | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and math.isfinite(number) and number >= 0 else None
