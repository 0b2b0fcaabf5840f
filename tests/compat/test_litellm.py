"""LiteLLM, newest, over penstock, in an environment of its own; the tests themselves are in within_litellm.py."""

from __future__ import annotations

import re

import pytest

from tests.compat.environment import environment


@pytest.mark.timeout(420)  # the first time it installs it
def test_litellm() -> None:
    output = environment("litellm", "litellm", "mcp").test("-W", "ignore", "tests/compat/within_litellm.py")
    match = re.search(r"(\d+) passed", output)
    assert match is not None, output
    assert "skipped" not in output
