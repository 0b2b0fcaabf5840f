"""Which requests a rule is for. A plain value: compiled for the server, and asked in Python by the mock and by
`expect()`, which also tells what a request misses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.testing.errors import ScriptError
from penstock.testing.pointer import NOTHING, at, check_pointer, same, scalar_text
from penstock.testing.sse import dumps
from penstock.testing.steps import TOKEN, microseconds

if TYPE_CHECKING:
    from penstock._upstream import Match as CompiledMatch
    from penstock.testing.requests import Request

HeaderConditions = Mapping[str, str | None]
JsonConditions = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """All that is given must hold; "" and () match everything.

    path     without the query; a final "*" matches any rest
    headers  pairs of lower-case name and value; None: present, whatever its value
    json     pairs of JSON pointer and value
    attempt  the n-th request, from 1, for which all the rest holds
    times, for_s  for so many requests, for so long after the first
    """

    method: str = ""
    path: str = ""
    headers: tuple[tuple[str, str | None], ...] = ()
    json: tuple[tuple[str, Any], ...] = ()
    attempt: int | None = None
    times: int | None = None
    for_s: float | None = None

    def compiled(self) -> CompiledMatch:
        made: CompiledMatch = {}
        if self.method:
            made["method"] = self.method.encode()
        if self.path:
            made["path"] = self.path.encode()
        if self.headers:
            made["headers"] = [
                (name.encode(), None if value is None else value.encode()) for name, value in self.headers
            ]
        if self.json:
            made["json"] = [(pointer.encode(), scalar_text(value)) for pointer, value in self.json]
        if self.attempt is not None:
            made["attempt"] = self.attempt
        if self.times is not None:
            made["times"] = self.times
        if self.for_s is not None:
            made["for_us"] = microseconds(self.for_s)
        return made

    def misses(self, request: Request) -> list[str]:
        """What of method, path, headers and JSON does not hold, one line each; empty when all holds."""
        lines = []
        if self.method and request.method != self.method:
            lines.append(f"method is {request.method}, not {self.method}")
        if not self._is_path(request.path):
            lines.append(f"path is {request.path}, not {self.path}")
        for name, wanted in self.headers:
            found = request.headers.get_all(name)
            if not found:
                lines.append(f"header {name} is missing")
            elif wanted is not None and wanted not in found:
                lines.append(f"header {name} is {', '.join(map(repr, found))}, not {wanted!r}")
        return lines + self._json_misses(request)

    def _is_path(self, path: str) -> bool:
        if self.path.endswith("*"):
            return path.startswith(self.path[:-1])
        return not self.path or path == self.path

    def _json_misses(self, request: Request) -> list[str]:
        if not self.json:
            return []
        try:
            document = request.json()
        except ValueError:
            return [f"the body is not JSON: {request.body[:60]!r}"]
        lines = []
        for pointer, wanted in self.json:
            found = at(document, pointer)
            if found is NOTHING:
                lines.append(f"json {pointer or 'document'} is missing, wanted {dumps(wanted)}")
            elif not same(found, wanted):
                lines.append(f"json {pointer or 'document'} is {dumps(found)}, not {dumps(wanted)}")
        return lines

    def __str__(self) -> str:
        words = [self.method or "any method", self.path or "any path"]
        words += [f"{name}: {'*' if value is None else value}" for name, value in self.headers]
        words += [f"json {pointer} = {dumps(value)}" for pointer, value in self.json]
        if self.attempt is not None:
            words.append(f"attempt {self.attempt}")
        if self.times is not None:
            words.append(f"{self.times} times")
        if self.for_s is not None:
            words.append(f"for {self.for_s:g} s")
        return " ".join(words)


def match_of(
    method: str | None,
    path: str | None,
    *,
    header: HeaderConditions | None = None,
    json: JsonConditions | None = None,
    attempt: int | None = None,
    times: int | None = None,
    for_s: float | None = None,
) -> Match:
    """A checked Match. `json`: pointer to value. ScriptError for what cannot match anything."""
    method, path = _any(method), _any(path)
    if method and not TOKEN.fullmatch(method.encode()):
        raise ScriptError(f"no request can have the method {method!r}")
    if path and not path.startswith(("/", "*")):
        raise ScriptError(f"path {path!r} does not begin with '/'")
    if "?" in path:
        raise ScriptError(f"path {path!r} has a query; rules look at the path alone")
    for name, value in (("attempt", attempt), ("times", times)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ScriptError(f"{name} must be a whole number from 1, not {value!r}")
    if for_s is not None and (isinstance(for_s, bool) or not isinstance(for_s, int | float) or for_s <= 0):
        raise ScriptError(f"for_s must be a number of seconds above 0, not {for_s!r}")
    return Match(
        method=method.upper(),
        path="" if path == "*" else path,
        headers=tuple((name.lower(), _text(name, value)) for name, value in (header or {}).items()),
        json=tuple((check_pointer(pointer), value) for pointer, value in (json or {}).items()),
        attempt=attempt,
        times=times,
        for_s=for_s,
    )


def _any(given: str | None) -> str:
    """ "*" and None match everything."""
    if given is None or given == "*":
        return ""
    if not isinstance(given, str):
        raise ScriptError(f"method and path must be text, not {given!r}")
    return given


def _text(name: str, value: object) -> str | None:
    if value is None or value is True:
        return None
    if isinstance(value, str):
        return value
    raise ScriptError(f"header {name!r} must be compared with text, or None for any value, not {value!r}")
