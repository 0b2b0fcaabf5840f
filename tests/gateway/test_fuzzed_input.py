"""Bodies that no table thought of, over one connection: never a 5xx, as the provider behind always answers well.

Three kinds: bytes, a good body with a few bytes changed, and JSON of the right names with values of any kind, which is
what gets deepest into translations. The same examples each time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.testing import Provider, ToolCall, Turn
from tests.gateway.running import Running, config_of, deployment

MODELS = ["openai", "anthropic"]
PATHS = ["/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens"]


def words(text: str) -> list[str]:
    return text.split()


NAMES = words(
    "role content type text name id input arguments function tool_calls tool_call_id tool_use_id source data "
    "media_type image_url url refusal cache_control thinking signature parameters effort input_schema "
    "description is_error index file file_data input_audio format title citations document "
    "disable_parallel_tool_use budget_tokens json_schema schema"
)
WORDS = words(
    "user assistant system developer tool function text image image_url tool_use tool_result thinking "
    "redacted_thinking auto any none required base64 url image/png ephemeral enabled json_object json_schema "
    'http://a/b.png document file data:image/png;base64,aGk= input_audio {} {"a":1} [] custom low high'
)
TOP = words(
    "max_tokens max_completion_tokens temperature top_p top_k stop stop_sequences tools tool_choice functions "
    "system metadata thinking reasoning_effort response_format parallel_tool_calls n logprobs seed user "
    "service_tier stream_options output_config"
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)
)
VALUES = st.recursive(
    st.one_of(st.sampled_from(WORDS), SCALARS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)),
    max_leaves=8,
)
PARTS = st.fixed_dictionaries(
    {"type": st.sampled_from(WORDS)},
    optional=dict.fromkeys(("text", "image_url", "source", "id", "name", "input", "content", "tool_use_id"), VALUES),
)
TURNS = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool", "developer", "function"])},
    optional={
        "content": st.one_of(st.text(max_size=8), st.lists(PARTS, max_size=3), VALUES),
        "tool_calls": st.one_of(st.lists(VALUES, max_size=2), VALUES),
        "tool_call_id": VALUES,
        "name": VALUES,
        "refusal": VALUES,
        "reasoning_content": VALUES,
    },
)
BODIES = st.fixed_dictionaries(
    {"model": st.sampled_from(MODELS), "messages": st.one_of(st.lists(TURNS, max_size=3), VALUES)},
    optional={"stream": st.booleans(), **dict.fromkeys(TOP, VALUES)},
)
GOOD = {
    "model": "anthropic",
    "max_tokens": 50,
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "hé"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "a", "type": "function", "function": {}}]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
}
ROUNDS = settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with ExitStack() as stack:
        turn = Turn(text="Well.", tools=(ToolCall("f", {"a": 1}),))
        provider = stack.enter_context(Provider(turn))
        config = config_of(
            deployment("openai", "openai/a", provider.base_url),
            deployment("anthropic", "anthropic/a", provider.anthropic_url),
        )
        yield stack.enter_context(Running(config, tmp_path_factory.mktemp("fuzz"), env=provider.trust.env()))


@pytest.fixture(scope="module")
def client(gateway: Running) -> Iterator[httpx.Client]:
    with gateway.client(headers={"content-type": "application/json"}) as client:
        yield client


def check(gateway: Running, client: httpx.Client, path: str, body: bytes) -> None:
    response = client.post(path, content=body)
    assert response.status_code < 500, (response.status_code, response.text, gateway.log()[-4000:])
    if response.status_code != 200:
        assert isinstance(response.json()["error"]["message"], str)
    elif response.headers["content-type"].startswith("text/event-stream"):
        assert "error" not in response.text, response.text
        assert response.text.rstrip().endswith(("[DONE]", '{"type":"message_stop"}')), response.text


@ROUNDS
@given(path=st.sampled_from(PATHS), body=st.binary(max_size=60))
def test_bytes(gateway: Running, client: httpx.Client, path: str, body: bytes) -> None:
    check(gateway, client, path, body)


@ROUNDS
@given(
    path=st.sampled_from(PATHS),
    at=st.lists(st.integers(0, len(json.dumps(GOOD))), min_size=1, max_size=4),
    cut_n=st.integers(0, 3),
    put=st.sampled_from([b"", b'"', b"\\", b"\xff", b"\0", b"{", b"]", b",", b"1e999", b"null", b"\xc3", b"-", b":"]),
)
def test_changed_bytes(
    gateway: Running, client: httpx.Client, path: str, at: list[int], cut_n: int, put: bytes
) -> None:
    body = json.dumps(GOOD, ensure_ascii=False).encode()
    for each in at:
        body = body[:each] + put + body[each + cut_n :]
    check(gateway, client, path, body)


@ROUNDS
@given(path=st.sampled_from(PATHS[:2]), body=BODIES)
def test_values_of_any_kind(gateway: Running, client: httpx.Client, path: str, body: dict[str, Any]) -> None:
    check(
        gateway, client, path, json.dumps(body, ensure_ascii=len(str(body)) % 2 == 0).encode("utf-8", "surrogatepass")
    )


def test_nothing_was_logged_as_a_fault(gateway: Running) -> None:
    assert "Traceback" not in gateway.log()
