"""The fields of a response (or request), in order, duplicates kept. A value that does not change.

Names are compared without case and shown as received. Values are bytes on the wire; as text they are latin-1,
which never fails and loses nothing (RFC 9110 5.5). repr() hides values that are secrets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar, overload

T = TypeVar("T")

SECRET_NAMES = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "api-key", "apikey", "x-api-key", "password"}
)
SECRET_ENDINGS = ("-key", "-token", "-secret", "-signature", "-password", "-authorization", "-credential")


def is_secret(name: str) -> bool:
    """Does a field of this name usually hold a secret?

    >>> is_secret("X-Goog-Api-Key"), is_secret("x-ratelimit-remaining-tokens")
    (True, False)
    """
    lower = name.lower()
    return lower in SECRET_NAMES or lower.endswith(SECRET_ENDINGS)


class Headers:
    """Ordered pairs of name and value.

    >>> h = Headers([("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("set-cookie", "b=2")])
    >>> h["content-type"], h.get_all("Set-Cookie"), len(h)
    ('text/plain', ['a=1', 'b=2'], 3)
    >>> h
    Headers([('Content-Type', 'text/plain'), ('Set-Cookie', '***'), ('set-cookie', '***')])
    """

    __slots__ = ("_index", "_raw")

    def __init__(self, pairs: Iterable[tuple[str | bytes, str | bytes]] = ()) -> None:
        self._raw: tuple[tuple[bytes, bytes], ...] = tuple((_bytes(name), _bytes(value)) for name, value in pairs)
        self._index: dict[str, list[str]] | None = None

    @classmethod
    def of_raw(cls, raw: Iterable[tuple[bytes, bytes]]) -> Headers:
        """From byte pairs, without looking at them."""
        made = cls.__new__(cls)
        made._raw = tuple(raw)
        made._index = None
        return made

    @property
    def raw(self) -> tuple[tuple[bytes, bytes], ...]:
        """The pairs as bytes, names as received."""
        return self._raw

    def _lookup(self) -> dict[str, list[str]]:
        if self._index is None:
            self._index = {}
            for name, value in self:
                self._index.setdefault(name.lower(), []).append(value)
        return self._index

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: T) -> str | T: ...
    def get(self, name: str, default: object = None) -> object:
        """The first value of that name, or `default`."""
        values = self._lookup().get(name.lower())
        return default if values is None else values[0]

    def get_all(self, name: str) -> list[str]:
        """All values of that name in order; empty when there is none."""
        return list(self._lookup().get(name.lower(), ()))

    getlist = get_all

    def __getitem__(self, name: str) -> str:
        return self._lookup()[name.lower()][0]

    def __contains__(self, name: object) -> bool:
        if isinstance(name, bytes):
            name = name.decode("latin-1")
        return isinstance(name, str) and name.lower() in self._lookup()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((name.decode("latin-1"), value.decode("latin-1")) for name, value in self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        mine, theirs = ([(name.lower(), value) for name, value in each._raw] for each in (self, other))
        return mine == theirs

    def __hash__(self) -> int:
        return hash(tuple((name.lower(), value) for name, value in self._raw))

    def __repr__(self) -> str:
        return f"Headers({[(name, '***' if is_secret(name) else value) for name, value in self]!r})"


def _bytes(part: object) -> bytes:
    if isinstance(part, bytes):
        return part
    if isinstance(part, str):
        return part.encode("latin-1")
    raise TypeError(f"a header name or value must be str or bytes, not {type(part).__name__}")
