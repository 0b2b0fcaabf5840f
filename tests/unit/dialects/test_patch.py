"""Members are changed in place; nothing else moves by a byte."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.dialects.call import BadRequest
from penstock.dialects.patch import members, patched

NEW = b'"new"'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"model":"old"}', b'{"model":"new"}'),
        (b'{"model":"new","a":1}', b'{"model":"new","a":1}'),
        (
            b' {\n "a" : 1.50 ,\t"model" : "old" , "b":{"model":"old"}}\r\n',
            b' {\n "a" : 1.50 ,\t"model" : "new" , "b":{"model":"old"}}\r\n',
        ),
        (b'{"a":"\\"model\\":\\"x\\"","model":"old"}', b'{"a":"\\"model\\":\\"x\\"","model":"new"}'),
        (b'{"a":[{"model":"old"},"model"],"model":"old"}', b'{"a":[{"model":"old"},"model"],"model":"new"}'),
        (b'{"mod\\u0065l":"old","a":"\\u0065"}', b'{"mod\\u0065l":"new","a":"\\u0065"}'),
        (b'{"a":1}', b'{"a":1,"model":"new"}'),
        (b'{"a":1 }', b'{"a":1,"model":"new" }'),
        (b"{ }", b'{"model":"new" }'),
        (
            b'{"model":null,"cache_control":{"type" : "ephemeral"}}',
            b'{"model":"new","cache_control":{"type" : "ephemeral"}}',
        ),
        (b'{"model":{"deep":[1,2]},"x":-1.0E+2}', b'{"model":"new","x":-1.0E+2}'),
        ('{"ü":"é\\n€","model":"old"}'.encode(), '{"ü":"é\\n€","model":"new"}'.encode()),
    ],
)
def test_the_model_is_replaced_where_it_stands(before: bytes, after: bytes) -> None:
    assert patched(before, {"model": NEW}) == after


def test_nothing_to_change_gives_the_same_object() -> None:
    body = b'{"model": "new", "stream_options": {"include_usage": true}}'
    assert patched(body, {"model": NEW}) is body
    assert patched(body, {"model": NEW}, includes_usage=True) is body


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"a":1}', b'{"a":1,"stream_options":{"include_usage":true}}'),
        (b'{"stream_options":null}', b'{"stream_options":{"include_usage":true}}'),
        (b'{"stream_options": { "x" : 1 }}', b'{"stream_options": { "x" : 1,"include_usage":true }}'),
        (b'{"stream_options":{"include_usage": false ,"x":1}}', b'{"stream_options":{"include_usage": true ,"x":1}}'),
        (b'{"stream_options":{}}', b'{"stream_options":{"include_usage":true}}'),
    ],
)
def test_usage_is_asked_for_beside_other_options(before: bytes, after: bytes) -> None:
    assert patched(before, {}, includes_usage=True) == after


def test_defaults_go_under_what_the_caller_says() -> None:
    body = b'{"temperature":0,"model":"old"}'
    out = patched(body, {"model": NEW}, defaults={"temperature": b"1", "top_p": b"0.5", "extra": b'{"a":[]}'})
    assert out == b'{"temperature":0,"model":"new","top_p":0.5,"extra":{"a":[]}}'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"max_completion_tokens" : 5,"a":1}', b'{"max_tokens":5,"a":1}'),
        (b'{"max_tokens":4,"max_completion_tokens":5}', b'{"max_tokens":4,"max_completion_tokens":5}'),
    ],
)
def test_a_member_gets_the_providers_name(before: bytes, after: bytes) -> None:
    assert patched(before, {}, renames={"max_completion_tokens": "max_tokens"}) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"x":1,"a":2}', b'{"a":2}'),
        (b'{"a":2 , "x":1 }', b'{"a":2 }'),
        (b'{"a":2,"x":1,"b":3}', b'{"a":2,"b":3}'),
        (b'{ "x":1, "y":[2] ,"a":3,"y2":4}', b'{ "a":3,"y2":4}'),
        (b'{"a":3,"x":1,"y":2}', b'{"a":3}'),
    ],
)
def test_members_are_left_out_with_their_comma(before: bytes, after: bytes) -> None:
    assert patched(before, {}, drops=("x", "y")) == after


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"x"',
        b"null",
        b'{"model":"a"',
        b'{"model":"a"} {}',
        b'{"model":"a",}',
        b"{'model':'a'}",
        b'\xef\xbb\xbf{"model":"a"}',
        b'{"model":"\xff"}',
        b'{"model":"a\x00b"}',
        b'{"model":NaN}',
        b'{"model":"a","model":"b"}',
        b'{"model":"a","model":"a"}',
        b'{"model":"a","mod\\u0065l":"b"}',
        b'{"x":"short","model":"evil","b":"","x":"a longer one that reaches"}',
        b'{"x":1,"model":"a","x":12}',
        b'{"x":12,"model":"a","x":1}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    ],
)
def test_hostile_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        patched(body, {"model": NEW})


def test_a_name_that_appears_twice_is_named() -> None:
    with pytest.raises(BadRequest, match="'model' appears twice") as caught:
        members(b'{"model":"a","x":1,"model":"b"}')
    assert caught.value.param == "model"


def test_stream_options_of_another_type_are_refused() -> None:
    with pytest.raises(BadRequest) as caught:
        patched(b'{"stream_options":[1]}', {}, includes_usage=True)
    assert caught.value.param == "stream_options"


def test_a_smuggled_model_does_not_survive() -> None:
    """Two equal names whose values would make a walk by length alone land inside of a string."""
    inner = b'x","model":"evil","z":"'
    for body in (
        b'{"a":"' + inner + b'","model":"m","a":"' + b"y" * len(inner) + b'"}',
        b'{"a":"","model":"evil","b":"1","a":"' + b"y" * 20 + b'"}',
    ):
        with pytest.raises(BadRequest):
            patched(body, {"model": NEW})


NAMES = st.sampled_from(["model", "stream_options", "temperature", "a", "é", 'q"uote', "back\\slash", "\n"]) | st.text(
    st.characters(exclude_categories=("Cs",)), max_size=5
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    value=st.dictionaries(NAMES, VALUES, max_size=6),
    indent=st.sampled_from([None, 0, 2]),
    is_ascii=st.booleans(),
    separators=st.sampled_from([(",", ":"), (" ,\t", " :\r\n")]),
)
def test_the_parsed_result_is_as_expected_and_other_bytes_are_untouched(
    value: dict[str, Any], indent: int | None, is_ascii: bool, separators: tuple[str, str]
) -> None:
    body = json.dumps(value, indent=indent, ensure_ascii=is_ascii, separators=separators).encode()
    out = patched(body, {"model": NEW}, defaults={"temperature": b"1"})
    assert json.loads(out) == {"temperature": 1, **value, "model": "new"}
    places = members(body)
    if "model" in places:
        _, start, end = places["model"]
        assert out.startswith(body[:start] + NEW)
        rest = body[end:]
        added = b"" if "temperature" in value else b',"temperature":1'
        assert out[start + len(NEW) :].replace(added, b"", 1) == rest if added else out.endswith(rest)
    if isinstance(value.get("stream_options", {}), dict | None):
        asked = json.loads(patched(body, {}, includes_usage=True))
        assert asked == {**value, "stream_options": {**(value.get("stream_options") or {}), "include_usage": True}}


def test_a_long_body_takes_time_in_proportion() -> None:
    """Counted, not timed: the walk looks at each member once, however long the values are."""
    long = 'x\\",' * 1_000_000
    body = json.dumps({"messages": [{"role": "user", "content": long}], "model": "old"}).encode()
    out = patched(body, {"model": NEW})
    assert len(out) == len(body) and out.endswith(b'"model": "new"}')
