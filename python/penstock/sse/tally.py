"""The Tally in use: the one in C. `penstock.sse.reference` is its slow twin and judge."""

from __future__ import annotations

from penstock._core import Tally

__all__ = ["Tally"]
