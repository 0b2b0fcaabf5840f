"""The Python that has LiteLLM: the environment that the tests use, made when it is not there."""

from __future__ import annotations

from functools import cache

from tests.compat.environment import environment

LITELLM_ENV = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}  # it asks GitHub for prices otherwise


@cache
def litellm_python() -> str:
    return str(environment("litellm", "litellm[proxy]").python)
