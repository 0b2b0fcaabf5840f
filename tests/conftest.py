"""General parts. A hang is ended by pytest's faulthandler_timeout (pyproject.toml), with every thread's stack."""

from __future__ import annotations


def pytest_report_header() -> str:
    """The linked libraries, so that a log says what was tested."""
    try:
        from penstock import _core
    except ImportError as err:
        return f"penstock: {err}"
    return "penstock: " + ", ".join(f"{name} {version}" for name, version in _core.versions().items())
