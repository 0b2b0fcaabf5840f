"""A value of the document with the place it came from. Made by `document` from YAML, or here from Python values.

Nodes are immutable and may be shared (YAML aliases): `size_n` and `depth_n` count them wherever they appear, so that a
file of few lines cannot expand without limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

NODES_MOST = 200_000  # of a document, aliases expanded
DEPTH_MOST = 64
WHOLE_MOST = 2**63  # larger ones are text: they may have more digits than Python prints

Scalar = str | int | float | bool | None


class DocumentError(Exception):
    """A document that cannot be read at all: `line` is None when it has no lines."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass(frozen=True, slots=True)
class Node:
    """`value` is a scalar, a mapping of names to nodes, or a tuple of nodes. An entry's line is that of its key."""

    value: Scalar | Mapping[str, Node] | tuple[Node, ...]
    file: str | None = None
    line: int | None = None
    size_n: int = 1
    depth_n: int = 0  # of lists and mappings below

    def at(self, line: int | None) -> Node:
        return replace(self, line=line)


NULL = Node(None)


def mapping_node(entries: Mapping[str, Node], file: str | None = None, line: int | None = None) -> Node:
    return _measured(entries, tuple(entries.values()), file, line)


def list_node(items: tuple[Node, ...], file: str | None = None, line: int | None = None) -> Node:
    return _measured(items, items, file, line)


def _measured(
    value: Mapping[str, Node] | tuple[Node, ...], parts: tuple[Node, ...], file: str | None, line: int | None
) -> Node:
    size_n = 1 + sum(each.size_n for each in parts)
    return Node(value, file, line, size_n, 1 + max((each.depth_n for each in parts), default=0))


def node_of(value: object, depth: int = 0) -> Node:
    """The node of a Python value as a YAML or JSON reader makes it. DocumentError for too much."""
    if depth > DEPTH_MOST:
        raise DocumentError(f"is nested more than {DEPTH_MOST} deep")
    if isinstance(value, int) and not -WHOLE_MOST < value < WHOLE_MOST:
        return Node(hex(value))
    if value is None or isinstance(value, str | bool | int | float):
        return Node(value)
    if isinstance(value, Mapping):
        node = mapping_node({_name_of(key): node_of(each, depth + 1) for key, each in value.items()})
    elif isinstance(value, list | tuple):
        node = list_node(tuple(node_of(each, depth + 1) for each in value))
    else:
        node = Node(str(value))  # dates and the like: as text
    if node.size_n > NODES_MOST:
        raise DocumentError(f"has more than {NODES_MOST} values")
    return node


def _name_of(key: object) -> str:
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, bool | int | float):
        return str(key)
    raise DocumentError(f"has a key that is no text but {type(key).__name__}")
