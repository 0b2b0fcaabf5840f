"""A script: rules in order, each a match and its replies.

    on("POST", "/v1/chat/completions", times=2).answer(503)
    on("GET", "/flaky").answer(500).then.answer(200, body="now it works")

The first rule that matches answers a request. The n-th request of a rule gets its n-th reply, later ones the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from penstock.testing.chain import Chain, Reply
from penstock.testing.errors import ScriptError
from penstock.testing.match import HeaderConditions, JsonConditions, Match, match_of
from penstock.testing.steps import compiled

if TYPE_CHECKING:
    from penstock._upstream import Rule as CompiledRule


@dataclass(frozen=True, slots=True)
class Rule(Chain):
    """A match and its replies. The words of a reply (chain.py) are about the last one."""

    match: Match
    replies: tuple[Reply, ...] = (Reply(),)
    is_early: bool = False

    def current(self) -> Reply:
        return self.replies[-1]

    def with_reply(self, reply: Reply) -> Rule:
        return replace(self, replies=(*self.replies[:-1], reply))

    @property
    def then(self) -> Rule:
        """What follows is the reply to the next request of this rule."""
        return replace(self, replies=(*self.replies, Reply()))

    def reply(self, *replies: Reply) -> Rule:
        """These replies, one a request; presets make them."""
        for each in replies:
            if not isinstance(each, Reply):
                raise ScriptError(f"a reply must be a Reply, not {type(each).__name__}")
        kept = self.replies if self.current().steps else self.replies[:-1]
        return replace(self, replies=(*kept, *replies)) if replies else self

    def early(self) -> Rule:
        """Answer when the request's head is there, not after its body."""
        return replace(self, is_early=True)

    def reply_of(self, number: int) -> Reply:
        """To the n-th request of this rule, from 1."""
        return self.replies[min(number, len(self.replies)) - 1]

    def compiled(self) -> CompiledRule:
        if self.is_early and self.match.json:
            raise ScriptError(f"the rule for {self.match} is early: it answers before the body whose JSON it looks at")
        for each in self.replies:
            if not each.steps:
                raise ScriptError(f"the rule for {self.match} has a reply that says nothing: answer(), stall(), ...")
        return {
            "match": self.match.compiled(),
            "early": self.is_early,
            "programs": [compiled(each.steps) for each in self.replies],
        }

    def __repr__(self) -> str:
        return f"<Rule {self.match}: {', '.join(map(repr, self.replies))}>"


def on(
    method: str | None = None,
    path: str | None = None,
    *,
    header: HeaderConditions | None = None,
    json: JsonConditions | None = None,
    attempt: int | None = None,
    times: int | None = None,
    for_s: float | None = None,
) -> Rule:
    """A rule for such requests; say what it answers with its methods.

    method, path  None or "*": any; a path's final "*" matches any rest; the query is not looked at
    header   name to value; None: present, whatever its value
    json     JSON pointer into the body, to a single value: {"/stream": True}
    attempt  only the n-th request, from 1, for which all the rest holds
    times    for so many requests, then the rule is used up
    for_s    for so long after its first request
    """
    match = match_of(method, path, header=header, json=json, attempt=attempt, times=times, for_s=for_s)
    rule = Rule(match)
    rule.match.compiled()  # complains about values that cannot be compared
    return rule


def script_of(rules: Iterable[object]) -> tuple[Rule, ...]:
    """Rules and lists of rules as one script. ScriptError for anything else."""
    made: list[Rule] = []
    for each in rules:
        if isinstance(each, Rule):
            made.append(each)
        elif isinstance(each, Iterable) and not isinstance(each, str | bytes):
            made += script_of(each)
        else:
            raise ScriptError(f"a script is made of rules, on(...).answer(...), not of {type(each).__name__}")
    return tuple(made)


def compiled_script(script: Sequence[Rule]) -> list[CompiledRule]:
    return [rule.compiled() for rule in script]
