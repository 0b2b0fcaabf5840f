"""A second startup hook for the proxy under test: writes what penstock's status() says to the file PENSTOCK_STATUS."""

from __future__ import annotations

import os
from pathlib import Path

from penstock.adapters import litellm as adapter


def report() -> None:
    lines = [f"{'live' if seam.is_live else 'not'} {seam.name} {seam.why}" for seam in adapter.status()]
    Path(os.environ["PENSTOCK_STATUS"]).write_text("\n".join(lines))
