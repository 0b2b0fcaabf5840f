"""What the pages about httpx and the SDKs show can be run as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCKS = [
    (page, block)
    for page in ("howto/httpx.md", "howto/sdks.md")
    for block in re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
]


@pytest.mark.parametrize(("page", "block"), BLOCKS, ids=[f"{page} {n}" for n, (page, _) in enumerate(BLOCKS)])
def test_a_block(page: str, block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    names: dict[str, object] = {}
    exec(compile(block, page, "exec"), names)
    assert "client" in names


def test_there_are_blocks() -> None:
    assert len(BLOCKS) >= 5
