"""One value while it is read: its node, its path, and whom to tell. Environment references are followed here.

Text that is `os.environ/NAME`, anywhere and in lists too, stands for that variable; one that is not set, or empty, is
*missing*: the reader of the field decides whether that is an error. Complaints never show a value, only names.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.config.complaint import Complaint
from penstock.config.node import NULL, Node, Scalar

REFERENCE = "os.environ/"


@dataclass(slots=True)
class Reading:
    """What all values of one load share."""

    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    complaints: list[Complaint] = field(default_factory=list)

    def say(self, node: Node, path: str, message: str, *, hint: str | None = None, is_error: bool) -> None:
        self.complaints.append(Complaint(path, message, hint, is_error, node.file, node.line))


@dataclass(frozen=True, slots=True)
class Value:
    node: Node
    path: str
    reading: Reading

    def error(self, message: str, hint: str | None = None) -> None:
        self.reading.say(self.node, self.path, message, hint=hint, is_error=True)

    def warn(self, message: str, hint: str | None = None) -> None:
        self.reading.say(self.node, self.path, message, hint=hint, is_error=False)

    def entries(self) -> dict[str, Value]:
        """Of a mapping; {} for anything else."""
        if not isinstance(self.node.value, Mapping):
            return {}
        return {key: self.entry(key) for key in self.node.value}

    def entry(self, key: str) -> Value:
        """The value at `key`, a null when there is none."""
        node = self.node.value.get(key, NULL) if isinstance(self.node.value, Mapping) else NULL
        return Value(node, f"{self.path}.{key}" if self.path else key, self.reading)

    def items(self) -> list[Value]:
        """Of a list; [] for anything else."""
        if not isinstance(self.node.value, tuple):
            return []
        return [Value(each, f"{self.path}[{index}]", self.reading) for index, each in enumerate(self.node.value)]

    @property
    def reference(self) -> str | None:
        """NAME of os.environ/NAME."""
        text = self.node.value
        return text[len(REFERENCE) :].strip() if isinstance(text, str) and text.startswith(REFERENCE) else None

    @property
    def missing(self) -> str | None:
        """The variable that is named here and not set, or empty."""
        name = self.reference
        return name if name is not None and not self.reading.environ.get(name) else None

    @property
    def is_null(self) -> bool:
        return self.node.value is None

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.node.value, Mapping)

    @property
    def is_list(self) -> bool:
        return isinstance(self.node.value, tuple)

    def scalar(self) -> Scalar:
        """The scalar, references followed; None for a list or a mapping."""
        name = self.reference
        if name is not None:
            return self.reading.environ.get(name) or None
        value = self.node.value
        return None if isinstance(value, Mapping | tuple) else value

    def plain(self) -> Any:
        """As Python values, all references followed; what is missing is None and warned of."""
        if self.is_mapping:
            return {key: each.plain() for key, each in self.entries().items()}
        if self.is_list:
            return [each.plain() for each in self.items()]
        if self.missing is not None:
            self.warn(f"environment variable {self.missing} is not set: null is used")
        return self.scalar()

    @property
    def kind(self) -> str:
        """What it is, in words."""
        if self.is_mapping:
            return "a mapping"
        if self.is_list:
            return "a list"
        if self.reference is not None:
            return f"the text of {self.reference}"
        return kind_of(self.node.value)


def kind_of(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "text" if isinstance(value, str) else f"the number {value}"


def nearest(name: str, names: Iterable[str], cutoff: float = 0.65) -> str | None:
    """The name that was probably meant."""
    found = difflib.get_close_matches(name.lower()[:100], list(names), n=1, cutoff=cutoff)
    return found[0] if found else None
