"""YAML as this room reads it: text keys, dates as text, anchors, lines, limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from penstock.config.document import BYTES_MOST, parse
from penstock.config.node import DEPTH_MOST, DocumentError, Node, node_of


def tree(text: str, told: list[tuple[str, int]] | None = None) -> Node:
    return parse(text, "a.yaml", lambda key, line: None if told is None else told.append((key, line)))


def plain(node: Node) -> Any:
    if isinstance(node.value, Mapping):
        return {key: plain(each) for key, each in node.value.items()}
    if isinstance(node.value, tuple):
        return [plain(each) for each in node.value]
    return node.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: 1\nb: 1.5\nc: yes\nd: ~\ne: '5'", {"a": 1, "b": 1.5, "c": True, "d": None, "e": "5"}),
        ("version: 2024-06-01", {"version": "2024-06-01"}),
        ("no: 1\n1: 2\nnull: 3\n1.5: 4", {"no": 1, "1": 2, "null": 3, "1.5": 4}),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}", {"a": {"b": 1, "c": 2}, "d": {"b": 3, "c": 2}}),
        (
            "a: &x {b: 1}\ne: &y {b: 2, c: 2}\nd: {<<: [*x, *y]}",
            {"a": {"b": 1}, "e": {"b": 2, "c": 2}, "d": {"b": 1, "c": 2}},
        ),
        ("&k a: b\nc: *k", {"a": "b", "c": "a"}),
        ("&k a: b\n*k : c", {"a": "c"}),
        ("!!str a: !!str 5", {"a": "5"}),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
        ("a: !!int '5'", {"a": 5}),
        (f"a: 0x{'f' * 9999}", {"a": f"0x{'f' * 9999}"}),
        ("--- {a: 1}\n...\n", {"a": 1}),
    ],
)
def test_values(text: str, value: object) -> None:
    assert plain(tree(text)) == value


def test_lines_are_those_of_keys_and_items() -> None:
    root = tree("a:\n  b:\n    - x\n    - y: 1\n").value
    assert isinstance(root, Mapping)
    b = root["a"].value["b"]  # type: ignore[call-overload, index]
    assert (root["a"].line, b.line, [each.line for each in b.value]) == (1, 2, [3, 4])
    assert b.file == "a.yaml"


def test_duplicates_are_told_and_the_last_counts() -> None:
    told: list[tuple[str, int]] = []
    assert plain(tree("a: 1\nb: {c: 1,\n c: 2}\na: 3\n", told)) == {"a": 3, "b": {"c": 2}}
    assert told == [("c", 3), ("a", 4)]


def bomb(levels_n: int) -> str:
    lines = ["a0: &a0 [" + ",".join("x" * 10) + "]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels_n)]
    return "\n".join(lines)


def chain(levels_n: int) -> str:
    return "a0: &a0 [x]\n" + "\n".join(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, levels_n + 1))


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        (bomb(12), "has more than 200000 values", 6),
        (chain(DEPTH_MOST), f"is nested more than {DEPTH_MOST} deep", DEPTH_MOST + 1),
        ("a: &a {b: *a}", "has an alias (*...) of an anchor (&...) that is not there, or not complete", 1),
        ("\n" + "[" * 100_000, f"is nested more than {DEPTH_MOST} deep", 2),
        ("{a: " * 1000, f"is nested more than {DEPTH_MOST} deep", 1),
        ("- " * 1000 + "a", f"is nested more than {DEPTH_MOST} deep", 1),
        ("a: !own x", "has a tag (!...): only plain YAML is read", 1),
        ("a: !!set {b}", "has a tag (!...): only plain YAML is read", 1),
        ("a: 1\n<<: 5", "merges (<<) what is no mapping", 2),
        ("a: &a [1]\n*a : 5", "has a key that is no text", 2),
        ("a: " + "x" * BYTES_MOST, "is larger than 4 MiB", None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_refused(text: str, message: str, line: int | None) -> None:
    with pytest.raises(DocumentError) as caught:
        tree(text)
    assert (caught.value.message, caught.value.line) == (message, line)


def test_python_values_become_the_same_tree() -> None:
    value = {"a": [1, {"b": None}], "c": True, "d": 1.5}
    assert plain(node_of(value)) == value
    assert plain(node_of({5: "x", None: 2, True: (3,)})) == {"5": "x", "None": 2, "True": [3]}


def test_python_values_have_limits() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(DocumentError, match="nested"):
        node_of(circle)
    with pytest.raises(DocumentError, match="more than"):
        node_of([[0] * 1000] * 300)
    with pytest.raises(DocumentError, match="key"):
        node_of({("a",): 1})
