"""What a scripted peer saw, and assertions about it. The same for the server and for the mock."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from penstock.testing.match import HeaderConditions, JsonConditions, Match, match_of
from penstock.testing.requests import Request

SHOWN_N = 5  # requests in a message


class Observed(ABC):
    """`requests` so far, and `expect()`."""

    @property
    @abstractmethod
    def requests(self) -> list[Request]:
        """In order of arrival, as of now."""

    def expect(
        self,
        method: str | None = None,
        path: str | None = None,
        *,
        header: HeaderConditions | None = None,
        json: JsonConditions | None = None,
        times: int | None = None,
    ) -> list[Request]:
        """The requests that came so; AssertionError, with what came instead, when none did, or not `times`.

        Arguments as in on(); `json` may compare any value, a list or an object, too.
        """
        wanted = match_of(method, path, header=header, json=json)
        seen = self.requests
        found = [each for each in seen if not wanted.misses(each)]
        if len(found) != times if times is not None else not found:
            raise AssertionError(complaint(wanted, seen, found, times))
        return found


def complaint(wanted: Match, seen: Sequence[Request], found: Sequence[Request], times: int | None) -> str:
    """What was wanted, what came, and the nearest miss."""
    how_often = "at least one request" if times is None else f"{times} request{'' if times == 1 else 's'}"
    lines = [f"expected {how_often}: {wanted}", f"matching: {len(found)} of {len(seen)} that came"]
    shown = seen[-SHOWN_N:]
    if len(shown) < len(seen):
        lines.append(f"  ... {len(seen) - len(shown)} before")
    lines += [f"  {each.number}: {each.line()}{' <- matches' if each in found else ''}" for each in shown]
    others = [each for each in seen if each not in found]
    if others and len(found) < (1 if times is None else times):
        nearest = min(others, key=lambda each: len(wanted.misses(each)))
        lines.append(f"nearest miss: request {nearest.number}")
        lines += [f"  {each}" for each in wanted.misses(nearest)]
    return "\n".join(lines)
