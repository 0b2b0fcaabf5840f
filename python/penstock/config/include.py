"""Files: reading one, and `include`, which merges others into the document. The only file of this room that reads.

As in LiteLLM: a path is relative to the file that names it (else to the first file), lists are appended, any other
section of an included file replaces the one before it *whole*, and a file that was read is not read again. The last
two surprise people, so they are warned of.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from penstock.config.complaint import Complaint
from penstock.config.document import BYTES_MOST, parse
from penstock.config.node import DocumentError, Node, mapping_node
from penstock.config.value import Reading, Value

FILES_MOST = 100
INCLUDE = "include"


class Unreadable(Exception):
    """The first file cannot be read at all."""


def read_text(path: Path) -> str:
    """The file's text. OSError; DocumentError when it is too large or no UTF-8."""
    with path.open("rb") as file:
        raw = file.read(BYTES_MOST + 1)
    if len(raw) > BYTES_MOST:
        raise DocumentError(f"is larger than {BYTES_MOST >> 20} MiB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise DocumentError("is not UTF-8 text", raw[: err.start].count(b"\n") + 1) from None


def read_tree(text: str, file: str | None, reading: Reading) -> Node | None:
    """The tree of a document that is a mapping; None when it was complained of."""

    def duplicate(key: str, line: int) -> None:
        reading.complaints.append(Complaint(key, "comes twice: the last one counts", None, False, file, line))

    try:
        tree = parse(text, file, duplicate)
    except DocumentError as err:
        reading.complaints.append(Complaint("", err.message, None, True, file, err.line))
        return None
    if tree.value is None:
        return mapping_node({}, file, 1)
    if not isinstance(tree.value, Mapping):
        reading.say(tree, "", "must be a mapping: model_list, litellm_settings, ...", is_error=True)
        return None
    return tree


class Sources:
    """The files of one load, in the order in which they were met."""

    def __init__(self, first: Path, reading: Reading) -> None:
        self.first = first
        self.reading = reading
        self.paths: list[str] = [str(first)]  # read, or at least wanted: the watcher looks at them

    def __repr__(self) -> str:
        return f"<Sources {', '.join(self.paths)}>"

    def read(self) -> Node | None:
        """The merged document; None when a file is not YAML. Unreadable when the first cannot be read."""
        try:
            text = read_text(self.first)
        except OSError as err:
            raise Unreadable(err.strerror or type(err).__name__) from None
        except DocumentError as err:
            self.reading.complaints.append(Complaint("", err.message, None, True, str(self.first), err.line))
            return None
        tree = read_tree(text, str(self.first), self.reading)
        return None if tree is None else self.merge(tree)

    def merge(self, tree: Node) -> Node:
        """The includes of the tree, and theirs, one after the other."""
        start: tuple[str, ...] = (_real(self.first),)
        waiting = deque((entry, self.first, start) for entry in self.entries(tree))
        read = set(start)
        while waiting:
            entry, declared_in, way = waiting.popleft()
            path = self.locate(entry, declared_in)
            if path is None:
                continue
            real = _real(path)
            if real in read:
                if real in way:
                    entry.warn("is included in a circle: it is read once")
                continue
            if len(self.paths) >= FILES_MOST:
                entry.error(f"is one file too many: at most {FILES_MOST} are read")
                break
            read.add(real)
            self.paths.append(str(path))
            included = self.read_included(entry, path)
            if included is not None:
                tree = self.merged(tree, included)
                waiting.extend((each, path, (*way, real)) for each in self.entries(included))
        return tree

    def entries(self, tree: Node) -> list[Value]:
        include = Value(tree, "", self.reading).entry(INCLUDE)
        if include.is_null:
            return []
        if include.is_mapping:
            include.error(f"must be a list of file paths, not {include.kind}")
        return include.items() if include.is_list else [include] if not include.is_mapping else []

    def locate(self, entry: Value, declared_in: Path) -> Path | None:
        name = entry.scalar()
        if not isinstance(name, str) or not name or "\0" in name:
            entry.error(f"must be the path of a file, not {entry.kind}")
            return None
        path = Path(os.path.normpath(declared_in.parent / name))
        beside_first = Path(os.path.normpath(self.first.parent / name))
        if not path.exists() and beside_first.exists():
            entry.warn(f"is not beside {declared_in.name}: the file beside {self.first.name} is read")
            return beside_first
        return path

    def read_included(self, entry: Value, path: Path) -> Node | None:
        try:
            text = read_text(path)
        except OSError as err:
            entry.error(f"cannot be read: {err.strerror or type(err).__name__}")
            return None
        except DocumentError as err:
            self.reading.complaints.append(Complaint("", err.message, None, True, str(path), err.line))
            return None
        return read_tree(text, str(path), self.reading)

    def merged(self, tree: Node, included: Node) -> Node:
        """LiteLLM's merge: lists are joined, others replaced."""
        base = dict(tree.value) if isinstance(tree.value, Mapping) else {}
        for key, value in included.value.items() if isinstance(included.value, Mapping) else ():
            old = base.get(key)
            if key == INCLUDE:
                continue
            if old is not None and isinstance(old.value, tuple) and isinstance(value.value, tuple):
                base[key] = Node((*old.value, *value.value), old.file, old.line, old.size_n + value.size_n)
                continue
            if old is not None and old.value is not None:
                self.reading.say(value, key, f"replaces the whole {key} of {old.file}", is_error=False)
            base[key] = value
        return mapping_node(base, tree.file, tree.line)


def _real(path: Path) -> str:
    return os.path.realpath(path)
