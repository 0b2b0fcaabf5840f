"""What can be wrong with a script, and what is missing for it. Raised where the mistake is made, not when a request
comes."""

from __future__ import annotations


class ScriptError(ValueError):
    """A script that cannot be: the text names the place and what is allowed there."""


class MissingExtra(ImportError):
    """A package is missing; the text names the extra that brings it."""

    def __init__(self, package: str, purpose: str, extra: str = "testing") -> None:
        super().__init__(
            f"{purpose} needs the {package} package: pip install 'penstock[{extra}]'", name=package.lower()
        )


class NetworkUsed(RuntimeError):
    """A test under the guard reached beyond loopback; the text says how, and where to."""
