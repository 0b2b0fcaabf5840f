"""The previous lines of openai and anthropic, which stand on httpx, in an environment of their own."""

from __future__ import annotations

import re

import pytest

from tests.compat.environment import environment


@pytest.mark.timeout(300)  # the first time it installs them
def test_the_previous_sdks() -> None:
    previous = environment("previous-sdks", "openai<3", "anthropic<1", "httpx<1")
    assert previous.version("openai") < (3,)
    assert previous.version("anthropic") < (1,)
    output = previous.test("tests/compat/test_sdks.py")
    match = re.search(r"(\d+) passed", output)
    assert match is not None, output
    assert int(match[1]) > 50
    assert "skipped" not in output
