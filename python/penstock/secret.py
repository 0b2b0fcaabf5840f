"""Text that must not be seen: prints as ***, compares in constant time."""

from __future__ import annotations

import hmac


class Secret:
    """Wraps a password or key. Only `reveal()` gives the text back.

    >>> Secret("open sesame")
    ***
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"a secret must be str, not {type(text).__name__}")
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(("secret", self._text))
