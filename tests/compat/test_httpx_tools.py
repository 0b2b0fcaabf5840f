"""respx, pytest-httpx and OpenTelemetry's instrumentation, in an environment of their own: httpx_tools.py."""

from __future__ import annotations

import re

import pytest

from tests.compat.environment import environment

TOOLS = ("respx", "pytest-httpx", "opentelemetry-sdk", "opentelemetry-instrumentation-httpx")


@pytest.mark.timeout(300)  # the first time it installs them
def test_which_tool_sees_which_shape() -> None:
    output = environment("httpx-tools", *TOOLS).test("tests/compat/httpx_tools.py")
    match = re.search(r"(\d+) passed", output)
    assert match is not None, output
    assert int(match[1]) >= 19
    assert "skipped" not in output
