"""What was said, for those who want it: text, reasoning and tool calls of the main choice, up to a limit."""

from __future__ import annotations

from penstock.sse.strict_json import plain

TEXT_MAX_BYTES = 16 * 1024 * 1024  # of all that is gathered; what comes after that is not
TOOLS_MAX = 512


class Gathered:
    def __init__(self, is_wanted: bool) -> None:
        self.is_wanted = is_wanted
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self._tools: dict[int, list[str]] = {}  # index -> id, name, arguments
        self._room = TEXT_MAX_BYTES

    def tool_calls(self) -> list[tuple[str, str, str]]:
        return [(call[0], call[1], call[2]) for _, call in sorted(self._tools.items())]

    def say(self, text: object) -> None:
        self.text.append(self._fitting(text))

    def reason(self, text: object) -> None:
        self.reasoning.append(self._fitting(text))

    def call(self, index: int | None, id_: object, name: object, arguments: object) -> None:
        """A call begins, or goes on: the first id and name count, arguments add up."""
        if index is None or not self.is_wanted or (index not in self._tools and len(self._tools) == TOOLS_MAX):
            return
        entry = self._tools.setdefault(index, ["", "", ""])
        entry[0] = entry[0] or self._fitting(id_)
        entry[1] = entry[1] or self._fitting(name)
        entry[2] += self._fitting(arguments)

    def call_more(self, index: int | None, arguments: object) -> None:
        if index in self._tools:
            self.call(index, None, None, arguments)

    def _fitting(self, text: object) -> str:
        """`text` as it is kept: "" when it is none, or when what came so far has left no room."""
        if not self.is_wanted or not isinstance(text, str):
            return ""
        text = plain(text)
        self._room -= len(text.encode())
        return text if self._room >= 0 else ""
