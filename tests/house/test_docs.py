"""Names quoted in the documents about the code exist in the code, and relative links lead somewhere."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.house.tree import ROOT, c_functions, files

PAGES = ("docs/architecture.md", "docs/ownership.md")


@cache
def known_names(root: Path) -> frozenset[str]:
    """Functions, structs, enumerators and macros of csrc; functions, classes and methods of the package."""
    names: set[str] = set()
    for path in files(root / "csrc", "*.c", "*.h"):
        text = path.read_text()
        names |= {each.name for each in c_functions(path)}
        names |= set(re.findall(r"\b(?:struct|enum|union)\s+(\w+)\s*\{", text))
        names |= set(re.findall(r"^#\s*define\s+(\w+)", text, re.MULTILINE))
        names |= set(re.findall(r"\b(PS_[A-Z0-9_]+)\b", text))
    for path in files(root / "python", "*.py", "*.pyi"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
    return frozenset(names)


def is_known(root: Path, quoted: str) -> bool:
    """Is this a name of the tree: a path, a make target, a room, a function or type?"""
    if quoted.startswith("make "):
        return re.search(rf"^{re.escape(quoted[5:])}:", (root / "Makefile").read_text(), re.MULTILINE) is not None
    if "/" in quoted or "." in quoted:
        if any((root / base / quoted).exists() for base in (".", "csrc", "python/penstock")):
            return True
        if "/" in quoted or quoted.endswith((".c", ".h", ".py", ".md")):
            return False
    if (root / "csrc" / quoted).is_dir():
        return True
    return quoted.removesuffix("()").split(".")[-1].removeprefix("struct ") in known_names(root)


def unknown_names(root: Path, page: str) -> list[str]:
    text = re.sub(r"^```.*?^```", "", (root / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    return [f"{page}: `{quoted}`" for quoted in re.findall(r"`([^`]+)`", text) if not is_known(root, quoted)]


def dead_links(root: Path) -> list[str]:
    found = []
    for path in files(root, "*.md"):
        for link in re.findall(r"\]\(([^)#\s]+)", path.read_text()):
            if "://" not in link and not (path.parent / link).exists():
                found.append(f"{path.relative_to(root)}: {link}")
    return found


@pytest.mark.parametrize("page", PAGES)
def test_quoted_names_exist(page: str) -> None:
    assert unknown_names(ROOT, page) == []


def test_links_lead_somewhere() -> None:
    assert dead_links(ROOT) == []


def test_the_gate_sees_names_that_are_gone(tmp_path: Path) -> None:
    (tmp_path / "csrc/base").mkdir(parents=True)
    (tmp_path / "python/penstock").mkdir(parents=True)
    (tmp_path / "Makefile").write_text("test: build\n")
    (tmp_path / "csrc/base/buf.c").write_text(
        "struct ps_buf { int n; };\nint ps_buf_n(void)\n{\n    return PS_OK;\n}\n"
    )
    (tmp_path / "python/penstock/client.py").write_text("class Transport:\n    def request(self): ...\n")
    (tmp_path / "a.md").write_text(
        "`ps_buf_n` `ps_buf_n()` `struct ps_buf` `base` `base/buf.c` `client.py`\n"
        "`Transport` `Transport.request` `make test` `PS_OK`\n"
        "`ps_gone` `base/gone.c` `gone.py` `Transport.gone` `make gone` `struct gone`\n"
        "```\n`not looked at`\n```\n[here](a.md) [gone](b.md) [elsewhere](http://example.org)\n"
    )
    assert unknown_names(tmp_path, "a.md") == [
        f"a.md: `{name}`"
        for name in ("ps_gone", "base/gone.c", "gone.py", "Transport.gone", "make gone", "struct gone")
    ]
    assert dead_links(tmp_path) == ["a.md: b.md"]
