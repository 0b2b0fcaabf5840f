"""No monster files, no monster functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import ROOT, Function, c_functions, files

FILE_LINES = 600
FUNCTION_LINES = 80


def python_functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield Function(path, node.name, node.lineno, node.end_lineno - node.lineno + 1)


def too_long(root: Path) -> list[str]:
    found = []
    for path in files(root, "*.c", "*.h", "*.py", "*.pyi"):
        where = path.relative_to(root)
        lines_n = len(path.read_text().splitlines())
        if lines_n > FILE_LINES:
            found.append(f"{where}: {lines_n} lines, at most {FILE_LINES}")
        functions = python_functions(path) if path.suffix in (".py", ".pyi") else c_functions(path)
        found += [
            f"{where}:{each.line}: {each.name} has {each.lines_n} lines, at most {FUNCTION_LINES}"
            for each in functions
            if each.lines_n > FUNCTION_LINES
        ]
    return found


def test_files_and_functions_are_short() -> None:
    assert too_long(ROOT) == []


def test_the_scanner_finds_the_functions_of_csrc() -> None:
    """A scanner that went blind would let everything pass."""
    names = {each.name for path in files(ROOT / "csrc", "*.c") for each in c_functions(path)}
    assert len(names) > 300
    assert "ps_mem_live_n" in names


def test_the_scanner_reads_c(tmp_path: Path) -> None:
    source = tmp_path / "a.c"
    source.write_text(
        "/* { */\n"
        "#define TWO(x) { \\\n    {\n"
        "struct a { int b; };\n"
        'static const char *text[] = {"}", "{"};\n'
        "PS_CHECK enum ps_status\n"
        "ps_a_open(struct a *a, void (*done)(int), const char *with)\n"
        "{\n"
        "    if (a->b == '}') {\n"
        "        done(1);\n"
        "    }\n"
        "    return 0;\n"
        "}\n"
        "static int two(void) { return 2; }\n"
    )
    assert [(each.name, each.line, each.lines_n) for each in c_functions(source)] == [
        ("ps_a_open", 6, 8),
        ("two", 14, 1),
    ]


def test_the_gate_sees_long_functions_and_files(tmp_path: Path) -> None:
    (tmp_path / "long.c").write_text("int f(void)\n{\n" + "    g();\n" * 78 + "}\n")
    (tmp_path / "fits.c").write_text("int f(void)\n{\n" + "    g();\n" * 77 + "}\n")
    (tmp_path / "long.py").write_text("async def f():\n" + "    pass\n" * 80)
    (tmp_path / "file.h").write_text("\n" * 601)
    assert too_long(tmp_path) == [
        "file.h: 601 lines, at most 600",
        "long.c:1: f has 81 lines, at most 80",
        "long.py:1: f has 81 lines, at most 80",
    ]
