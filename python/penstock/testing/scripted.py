"""A peer that follows a script which can be changed while it runs: what the server and the mock have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable

from penstock.testing.faults import Fault
from penstock.testing.observed import Observed
from penstock.testing.rule import Rule, script_of
from penstock.testing.spoil import Spoil, spoilt


class Scripted(Observed):
    """`script()`, `fault()`, `heal()`; and what it saw."""

    _rules: tuple[Rule, ...] = ()
    _spoils: tuple[Spoil, ...] = ()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The script without its faults."""
        return self._rules

    def script(self, *rules: Rule | Iterable[Rule]) -> None:
        """From now on these rules, with the faults that there are; all counts begin anew. Requests that run go on as
        they began."""
        self._change(script_of(rules), self._spoils)

    def fault(
        self, *faults: Fault, times: int | None = None, attempt: int | None = None, for_s: float | None = None
    ) -> None:
        """From now on the replies are spoilt: always, for so many requests of each rule, only for its n-th, or for a
        time. Limited faults queue up; all counts begin anew. It stays for later scripts, until heal()."""
        self._change(self._rules, (*self._spoils, Spoil(faults, times, attempt, for_s)))

    def heal(self) -> None:
        """No faults any more."""
        self._change(self._rules, ())

    def _change(self, rules: tuple[Rule, ...], spoils: tuple[Spoil, ...]) -> None:
        self._use(spoilt(rules, spoils))
        self._rules, self._spoils = rules, spoils

    @abstractmethod
    def _use(self, script: tuple[Rule, ...]) -> None:
        """Follow this script from now on; ScriptError, and nothing changed, when it cannot be."""
