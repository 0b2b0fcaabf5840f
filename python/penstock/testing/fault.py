"""One thing that goes wrong with an answer, as a value (faults.py has them all)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from penstock.testing import edits
from penstock.testing.chain import Reply
from penstock.testing.steps import Rst, Stall


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong. `applied(reply)` is the reply with it."""

    name: str
    change: Callable[[Reply], Reply]

    def applied(self, reply: Reply) -> Reply:
        return self.change(reply)

    def __repr__(self) -> str:
        return f"<Fault {self.name}>"


def ending(name: str, step: Stall | Rst, after_events: int | None, after_bytes: int | None) -> Fault:
    """The head and a part, then this step."""

    def change(reply: Reply) -> Reply:
        before, _ = edits.divided(reply.steps, after_events, after_bytes)
        return replace(reply, steps=(*before, step))

    return Fault(name, change)
