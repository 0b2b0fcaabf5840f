"""A table of a script file, read key by key: each mistake names the file, the place, and what is allowed there."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection
from typing import Any, NoReturn, TypeVar

from penstock.testing.errors import ScriptError

T = TypeVar("T")
KIND_NAMES: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    dict: "a table",
    list: "a list",
}


class Place:
    """Where in which file."""

    __slots__ = ("path", "source")

    def __init__(self, source: str, path: str = "") -> None:
        self.source = source
        self.path = path

    def __repr__(self) -> str:
        return f"<Place {self}>"

    def __str__(self) -> str:
        return f"{self.source}: {self.path}" if self.path else self.source

    def key(self, name: str) -> Place:
        return Place(self.source, f"{self.path}.{name}" if self.path else name)

    def item(self, index: int) -> Place:
        return Place(self.source, f"{self.path}[{index}]")

    def fail(self, why: str) -> NoReturn:
        raise ScriptError(f"{self}: {why}")

    def guarded(self, make: Callable[[], T]) -> T:
        """What `make` gives; its ScriptError with this place."""
        try:
            return make()
        except ScriptError as err:
            raise ScriptError(f"{self}: {err}") from None


class Table:
    """Keys are taken one by one; finish() complains about those that nobody took."""

    def __init__(self, value: object, place: Place) -> None:
        self.place = place
        if not isinstance(value, dict):
            place.fail(f"must be a table, not {kind_name(value)}")
        self._values: dict[str, Any] = {str(key): item for key, item in value.items()}
        self._known: list[str] = []

    def __repr__(self) -> str:
        return f"<Table at {self.place}, keys {', '.join(self._values)}>"

    def has(self, name: str) -> bool:
        return name in self._values

    def take(self, name: str, kinds: type | tuple[type, ...], default: T) -> Any | T:
        """The value of that key, checked; `default` when it is not there."""
        self._known.append(name)
        if name not in self._values:
            return default
        value = self._values.pop(name)
        check_kind(value, kinds if isinstance(kinds, tuple) else (kinds,), self.place.key(name))
        return value

    def items_of(self, name: str) -> list[tuple[Place, Any]]:
        """A list, or one value that stands for a list of it, with their places."""
        self._known.append(name)
        if name not in self._values:
            return []
        value = self._values.pop(name)
        place = self.place.key(name)
        if isinstance(value, list):
            return [(place.item(n), item) for n, item in enumerate(value)]
        return [(place, value)]

    def rest(self) -> dict[str, Any]:
        """All that was not taken."""
        rest, self._values = self._values, {}
        return rest

    def finish(self) -> None:
        for name in self._values:
            self.place.key(name).fail(f"unknown; {hint(name, self._known)}")


def check_kind(value: object, kinds: Collection[type], place: Place) -> None:
    is_right = any(
        isinstance(value, int | float) and not isinstance(value, bool)
        if kind is float
        else isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        for kind in kinds
    )
    if not is_right:
        wanted = " or ".join(KIND_NAMES.get(kind, kind.__name__) for kind in kinds)
        place.fail(f"must be {wanted}, not {kind_name(value)}")


def kind_name(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        return KIND_NAMES[type(value)]
    return repr(value)


def hint(name: str, known: Collection[str]) -> str:
    """What is allowed, the likely one first."""
    near = difflib.get_close_matches(name, known, n=1)
    return (f"did you mean {near[0]!r}? " if near else "") + f"Allowed: {', '.join(known)}"
