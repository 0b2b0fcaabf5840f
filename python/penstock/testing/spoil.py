"""Faults laid over a script: for ever, for some requests, or for a time. Pure.

A fault without a limit changes each rule it can be applied to. One with a limit stands before the rule, so that several
come one after another, and then the rule is well again. Each rule counts for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from penstock.testing.errors import ScriptError
from penstock.testing.faults import Fault
from penstock.testing.match import Match, match_of
from penstock.testing.rule import Rule


@dataclass(frozen=True, slots=True)
class Spoil:
    """Faults that come together, and their limits (rule.on)."""

    faults: tuple[Fault, ...]
    times: int | None = None
    attempt: int | None = None
    for_s: float | None = None

    def __post_init__(self) -> None:
        match_of(None, None, times=self.times, attempt=self.attempt, for_s=self.for_s)
        for each in self.faults:
            if not isinstance(each, Fault):
                raise ScriptError(f"a fault is made by penstock.testing.faults, not {each!r}")

    @property
    def is_limited(self) -> bool:
        return (self.times, self.attempt, self.for_s) != (None, None, None)

    def applied(self, rule: Rule) -> Rule:
        """ScriptError when it cannot be applied to this rule."""
        return replace(rule, replies=tuple(each.fault(*self.faults) for each in rule.replies))

    def limited(self, match: Match) -> Match:
        """The rule's own limits stay where the fault has none."""
        own = {"times": self.times, "attempt": self.attempt, "for_s": self.for_s}
        return replace(match, **{name: value for name, value in own.items() if value is not None})  # type: ignore[arg-type]


def spoilt(script: Sequence[Rule], spoils: Iterable[Spoil]) -> tuple[Rule, ...]:
    """The script with these faults, in their order. A rule that one cannot be applied to stays as it is; ScriptError
    when that is so of all rules."""
    before: list[list[Rule]] = [[] for _ in script]
    well = list(script)
    for spoil in spoils:
        complaint: ScriptError | None = None
        applied_n = 0
        for n, rule in enumerate(well):
            try:
                made = spoil.applied(rule)
            except ScriptError as err:
                complaint = err
                continue
            applied_n += 1
            if spoil.is_limited:
                before[n].append(replace(made, match=spoil.limited(rule.match)))
            else:
                well[n] = made
        if complaint is not None and not applied_n:
            raise complaint
    return tuple(rule for n, last in enumerate(well) for rule in (*before[n], last))
