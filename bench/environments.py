"""The Python that has LiteLLM: the environment that the tests use, made when it is not there."""

from __future__ import annotations

from functools import cache

from tests.compat.environment import environment


@cache
def litellm_python() -> str:
    return str(environment("litellm", "litellm[proxy]").python)
