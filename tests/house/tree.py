"""What the house gates read: the tree's files, and C source as functions and include lines. No parser, a scanner."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = {"build", "dist", ".venv", ".git", "__pycache__"}


def files(root: Path, *patterns: str) -> list[Path]:
    """Files below `root` by glob pattern, without what was built or installed."""
    found = {path for pattern in patterns for path in root.rglob(pattern)}
    return sorted(path for path in found if not FOREIGN & set(path.relative_to(root).parts))


@dataclass(frozen=True, slots=True)
class Include:
    path: Path
    line: int
    name: str  # "base/buf.h", "uv.h"
    is_own: bool  # in quotes


def includes(path: Path) -> Iterator[Include]:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if match := re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line):
            yield Include(path, number, match[2], match[1] == '"')


@dataclass(frozen=True, slots=True)
class Function:
    path: Path
    name: str
    line: int
    lines_n: int


# Comments, literals and preprocessor lines (with their continuations), which may hold stray braces.
NOISE = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' | ^[ \t]*\#(?:\\\n|[^\n])*""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
NAME_BEFORE_ARGUMENTS = re.compile(
    r"(\w+)\s*\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)\s*(?:__attribute__\s*\(.*\)\s*)?$"
)


def c_functions(path: Path) -> Iterator[Function]:
    """Every function body, its name, where its declaration starts and how many lines it takes."""
    text = NOISE.sub(lambda noise: re.sub(r"[^\n]", " ", noise[0]), path.read_text())
    depth, start, begun, name = 0, 0, 0, ""
    for at, char in enumerate(text):
        if char == "{":
            if depth == 0:
                declaration = text[start:at]
                match = NAME_BEFORE_ARGUMENTS.search(declaration.rstrip())
                name = match[1] if match and "=" not in declaration else ""
                begun = start + len(declaration) - len(declaration.lstrip())
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                if name:
                    yield Function(path, name, text.count("\n", 0, begun) + 1, text.count("\n", begun, at) + 1)
                start = at + 1
        elif char == ";" and depth == 0:
            start = at + 1
