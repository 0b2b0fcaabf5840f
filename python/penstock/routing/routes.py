"""Which group a model name means: exact names, aliases, ids, patterns; compiled once from a configuration.

In that order; of the patterns that fit the one with most characters outside of its stars. What a star matched goes
into the star of the deployment's model. An id means that one deployment, as LiteLLM has it. Immutable but for a
bounded memory of names that fitted a pattern. Thread: one at a time, the gateway's event loop; several under the lock
of a SharedHealth.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from penstock.config.models import Config, Deployment
from penstock.routing.group import Group
from penstock.routing.health import Health
from penstock.routing.journey import Journey

__all__ = ["Group", "Routes"]

FITTED_N = 1024  # names kept that fitted a pattern: callers choose them, so they are bounded
NAME_CHARS = 512  # a longer name fits no pattern


class Pattern:
    """A model_name with stars. Owner: Routes."""

    __slots__ = ("deployments", "name", "regex", "weight")

    def __init__(self, name: str, deployments: Sequence[Deployment]) -> None:
        self.name = name
        self.deployments = tuple(deployments)
        pieces = re.sub(r"\*+", "*", name).split("*")
        self.regex = re.compile("(.*)".join(re.escape(each) for each in pieces), re.DOTALL)
        self.weight = (sum(len(each) for each in pieces), -len(pieces))

    def __repr__(self) -> str:
        return f"<Pattern {self.name}>"


class Routes:
    """All groups of a configuration."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.settings = config.router
        rows: dict[str, list[Deployment]] = {}
        for each in config.deployments:
            rows.setdefault(each.group, []).append(each)
        self._exact = {name: Group(name, name, those, self.settings) for name, those in rows.items() if "*" not in name}
        patterns = [Pattern(name, those) for name, those in rows.items() if "*" in name]
        self._patterns = sorted(patterns, key=lambda each: each.weight, reverse=True)
        self._fitted: dict[str, Group | None] = {}
        self._names = self._public_names()
        for alias, target in self.settings.aliases.items():
            group = self.group(target)
            if group is not None and alias not in self._exact:
                self._exact[alias] = Group(group.name, alias, group.deployments, self.settings)
        for each in config.deployments:
            if each.id not in self._exact and "*" not in each.model:
                self._exact[each.id] = Group(each.group, each.id, (each,), self.settings)

    def __repr__(self) -> str:
        return f"<Routes {len(self._exact)} names, {len(self._patterns)} patterns>"

    def group(self, model: str) -> Group | None:
        """Who serves `model`; None when nobody does."""
        group = self._exact.get(model)
        if group is not None or not self._patterns:
            return group
        return self._fitting(model)

    def names(self) -> list[str]:
        """For /v1/models: groups in the order of the file, then aliases that are not hidden. Patterns are no names."""
        return list(self._names)

    def journey(
        self,
        model: Group | str,
        health: Health,
        *,
        stream: bool,
        now_s: float,
        sdk_retries_n: int = 0,
        deadline_s: float | None = None,
        tags: Sequence[str] = (),
        kind: type[Journey] = Journey,
    ) -> Journey:
        """One request's way. LookupError when `model` is a name that no group has.

        sdk_retries_n  the caller's x-stainless-retry-count: its earlier tries count against this one's budget
        deadline_s     on the clock of now_s: when the caller stops waiting; None = router_settings alone decide
        kind           SharedJourney with a SharedHealth
        """
        group = self.group(model) if isinstance(model, str) else model
        if group is None:
            raise LookupError(f"no group for the model {model!r}")
        return kind(
            self,
            group,
            health,
            stream=stream,
            now_s=now_s,
            sdk_retries_n=sdk_retries_n,
            deadline_s=deadline_s,
            tags=tags,
        )

    def _public_names(self) -> list[str]:
        names = list(self._exact)
        hidden = self.settings.hidden_aliases
        names += [each for each in self.settings.aliases if each not in hidden and each not in self._exact]
        return names

    def _fitting(self, model: str) -> Group | None:
        if model in self._fitted:
            return self._fitted[model]
        if len(model) > NAME_CHARS:
            return None
        group: Group | None = None
        for pattern in self._patterns:
            match = pattern.regex.fullmatch(model)
            if match is not None:
                those = [filled(each, match.groups()) for each in pattern.deployments]
                group = Group(pattern.name, model, those, self.settings)
                break
        if len(self._fitted) >= FITTED_N:
            self._fitted.clear()
        self._fitted[model] = group
        return group


def filled(deployment: Deployment, matched: Sequence[str]) -> Deployment:
    """The deployment with what the pattern's stars matched in the stars of its model. A `provider/` before it that
    the deployment has anyway is left out: `*` -> `openai/*` asked for `openai/gpt-5` is gpt-5 at openai."""
    model = re.sub(r"\*+", "*", deployment.model)
    if "*" not in model:
        return deployment
    pieces = model.split("*")
    own = f"{deployment.provider}/"
    out = [pieces[0]]
    for at, piece in enumerate(pieces[1:]):
        text = matched[min(at, len(matched) - 1)]
        if at == 0 and pieces[0] == "":
            text = text.removeprefix(own)
        out += [text, piece]
    return replace(deployment, model="".join(out))
