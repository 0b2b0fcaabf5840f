"""LiteLLM over penstock, in environments of its own; the tests themselves are in within_litellm*.py.

The newest that pip finds all dependencies for; and, where they are others, the newest alone and the last version whose
functions looked as they did in 1.106, both with the first one's dependencies.
"""

from __future__ import annotations

import re

import pytest

from tests.compat.environment import Environment, environment

FILES = tuple(f"tests/compat/within_litellm{name}.py" for name in ("", "_clients", "_seams"))
PROXY = "tests/compat/within_litellm_proxy.py"
PAST = (1, 106, 2)
INSTALLING_S = 540


def whole() -> Environment:
    return environment("litellm", "litellm[proxy]")


def passed(output: str) -> bool:
    return re.search(r"\d+ passed", output) is not None and "skipped" not in output


@pytest.mark.timeout(INSTALLING_S)
def test_litellm() -> None:
    assert passed(whole().test("-W", "ignore", *FILES))


@pytest.mark.timeout(INSTALLING_S)
def test_litellms_proxy() -> None:
    assert passed(whole().test("-W", "ignore", PROXY))


@pytest.mark.timeout(INSTALLING_S)
@pytest.mark.parametrize("name", ["newest-litellm", "past-litellm"])
def test_other_versions(name: str) -> None:
    tested = whole().version("litellm")
    if name == "past-litellm" and tested == PAST:
        return
    wanted = "litellm==" + ".".join(map(str, PAST)) if name == "past-litellm" else "litellm"
    other = environment(name, "--no-deps", wanted, behind=whole())
    if other.version("litellm") != tested:
        assert passed(other.test("-W", "ignore", *FILES))
