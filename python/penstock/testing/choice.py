"""Which rule answers a request, and with which of its replies: the server's choice, in Python for the mock.

Counts live here, one set for each rule. Clock and request are arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.testing.chain import Reply
from penstock.testing.requests import Request
from penstock.testing.rule import Rule


@dataclass(slots=True)
class Count:
    """Of one rule. asked: requests for which all but `attempt` held; used: those that it answered."""

    asked: int = 0
    used: int = 0
    first_s: float | None = None


class Choice:
    """A script and how far it is used up."""

    def __init__(self, script: Sequence[Rule]) -> None:
        self._rules = tuple(script)
        self._counts = [Count() for _ in self._rules]

    def __repr__(self) -> str:
        return f"<Choice of {len(self._rules)} rules, used {[each.used for each in self._counts]}>"

    def reply(self, request: Request, now_s: float) -> tuple[int, int, Reply] | None:
        """(number of the rule, attempt, reply), or None when no rule matches."""
        for number, (rule, count) in enumerate(zip(self._rules, self._counts, strict=True)):
            if self._is_over(rule, count, now_s) or rule.match.misses(request):
                continue
            count.asked += 1
            if rule.match.attempt not in (None, count.asked):
                continue
            count.used += 1
            count.first_s = now_s if count.first_s is None else count.first_s
            return number, count.asked, rule.reply_of(count.used)
        return None

    @staticmethod
    def _is_over(rule: Rule, count: Count, now_s: float) -> bool:
        match = rule.match
        if match.times is not None and count.used >= match.times:
            return True
        return match.for_s is not None and count.first_s is not None and now_s - count.first_s >= match.for_s
