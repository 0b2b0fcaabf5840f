"""YAML text in, one tree of nodes out, each with its line. Built from PyYAML's events, so nothing is ever constructed.

Only what a configuration needs: mappings, lists, text, numbers, true/false, null, anchors and merge keys (`<<`). Tags
are refused; dates stay text (`api_version: 2024-06-01`), keys are always text (`no:` is "no"). Limits: bytes, depth,
and values after the expansion of aliases. Needs PyYAML (extra `gateway`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from penstock.config.node import (
    DEPTH_MOST,
    NODES_MOST,
    NULL,
    WHOLE_MOST,
    DocumentError,
    Node,
    Scalar,
    list_node,
    mapping_node,
)

BYTES_MOST = 4 * 1024 * 1024  # of one file
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where libyaml is
MERGE = "tag:yaml.org,2002:merge"
TEXT = "tag:yaml.org,2002:str"
SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null")}

Told = Callable[[str, int], None]  # message, line


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being read."""

    line: int
    anchor: str | None
    entries: dict[str, Node] | None = None  # of a mapping
    items: list[Node] = field(default_factory=list)  # of a list
    merged: list[Node] = field(default_factory=list)  # what `<<` named
    key: str | None = None
    key_line: int = 0
    is_merge: bool = False


def parse(text: str, file: str | None, duplicate: Told) -> Node:
    """The tree of the one document in `text`, null when it is empty. `duplicate` hears of keys that come twice; the
    last one counts.

    DocumentError with its line for what is not YAML, not allowed, or too much.
    """
    if len(text) > BYTES_MOST:
        raise DocumentError(f"is larger than {BYTES_MOST >> 20} MiB")
    try:
        return _Builder(file, duplicate).build(text)
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        raise DocumentError(
            f"is not YAML: {err.problem or err.context}", None if mark is None else mark.line + 1
        ) from None
    except yaml.YAMLError as err:
        raise DocumentError(f"is not YAML: {getattr(err, 'reason', 'unreadable text')}") from None
    except (ValueError, OverflowError, RecursionError):
        raise DocumentError("is not YAML that can be read: a number is too long, or it is nested too deep") from None


class _Builder:
    def __init__(self, file: str | None, duplicate: Told) -> None:
        self.file = file
        self.duplicate = duplicate
        self.stack: list[_Open] = []
        self.anchors: dict[str, Node] = {}
        self.nodes_n = 0
        self.root: Node | None = None
        self.resolver: Any = yaml.SafeLoader("")  # for the types of plain scalars

    def build(self, text: str) -> Node:
        documents_n = 0
        for event in yaml.parse(text, Loader=LOADER):
            line = 1 if event.start_mark is None else event.start_mark.line + 1
            if isinstance(event, yaml.DocumentStartEvent):
                documents_n += 1
                if documents_n > 1:
                    raise DocumentError("has a second document (---): one is expected", line)
            elif isinstance(event, yaml.NodeEvent):
                self.begin(event, line)
            elif isinstance(event, yaml.CollectionEndEvent):
                self.close()
        return NULL if self.root is None else self.root

    def begin(self, event: Any, line: int) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None and tag != TEXT and tag not in SCALARS and tag != "!":
            raise DocumentError("has a tag (!...): only plain YAML is read", line)
        if isinstance(event, yaml.AliasEvent):
            node = self.anchors.get(event.anchor or "")
            if node is None:
                raise DocumentError("has an alias (*...) of an anchor (&...) that is not there, or not complete", line)
            self.take(node, line)
        elif isinstance(event, yaml.ScalarEvent):
            self.scalar(event, line)
        else:
            self.refuse_complex_key(line)
            if len(self.stack) >= DEPTH_MOST:
                raise DocumentError(f"is nested more than {DEPTH_MOST} deep", line)
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            self.stack.append(_Open(line, event.anchor, entries={} if is_mapping else None))

    def scalar(self, event: Any, line: int) -> None:
        tag = event.tag
        if tag in (None, "!"):
            tag = self.resolver.resolve(yaml.ScalarNode, event.value, event.implicit)
        top = self.stack[-1] if self.stack else None
        if top is not None and top.entries is not None and top.key is None:
            top.key, top.key_line, top.is_merge = event.value, line, tag == MERGE
            if event.anchor is not None:
                self.anchors[event.anchor] = Node(event.value, self.file, line)
            return
        value: Scalar = event.value
        if tag in SCALARS:
            value = self.resolver.construct_object(yaml.ScalarNode(tag, event.value, event.start_mark))
            if isinstance(value, int) and not -WHOLE_MOST < value < WHOLE_MOST:
                value = event.value  # no number of ours
        node = Node(value, self.file, line)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        self.take(node, line)

    def refuse_complex_key(self, line: int) -> None:
        if self.stack and self.stack[-1].entries is not None and self.stack[-1].key is None:
            raise DocumentError("has a key that is a list or a mapping: keys are text", line)

    def close(self) -> None:
        top = self.stack.pop()
        if top.entries is None:
            node = list_node(tuple(top.items), self.file, top.line)
        else:
            entries = dict(top.entries)
            for merged in top.merged:
                if isinstance(merged.value, dict):
                    entries.update({key: each for key, each in merged.value.items() if key not in entries})
            node = mapping_node(entries, self.file, top.line)
        if node.size_n > NODES_MOST:
            raise DocumentError(f"has more than {NODES_MOST} values", top.line)
        if node.depth_n > DEPTH_MOST:
            raise DocumentError(f"is nested more than {DEPTH_MOST} deep", top.line)
        if top.anchor is not None:
            self.anchors[top.anchor] = node
        self.take(node, top.line)

    def take(self, node: Node, line: int) -> None:
        """Put a finished node where it belongs."""
        self.nodes_n += 1
        if self.nodes_n > NODES_MOST:
            raise DocumentError(f"has more than {NODES_MOST} values", line)
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        if top.entries is None:
            top.items.append(node)
            return
        if top.key is None:  # an alias as a key
            if not isinstance(node.value, str):
                raise DocumentError("has a key that is no text", line)
            top.key, top.key_line, top.is_merge = node.value, line, False
            return
        key, top.key = top.key, None
        if top.is_merge:
            parts = node.value if isinstance(node.value, tuple) else (node,)
            if not all(isinstance(part.value, dict) for part in parts):
                raise DocumentError("merges (<<) what is no mapping", line)
            top.merged.extend(parts)
        else:
            if key in top.entries:
                self.duplicate(key, top.key_line)
            top.entries[key] = node.at(top.key_line)
