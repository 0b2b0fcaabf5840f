"""Events nobody thought of, cut anywhere: the tally in C equals the reference."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.sse.reference import DIALECTS, USAGE_FIELDS
from penstock.sse.reference import Tally as Reference
from penstock.sse.tally import Tally
from tests.unit.sse.golden_streams import NAMES, fed, stream

NAMES_SEEN = """
    type error choices usage id model message content_block delta index response item output_index
    finish_reason text content reasoning_content reasoning refusal tool_calls function_call audio function
    name arguments call_id status thinking partial_json stop_reason input_tokens output_tokens
""".split()  # noqa: SIM905
WORDS = """
    message_start content_block_start content_block_delta message_delta message_stop ping error tool_use text
    thinking response.created response.output_text.delta response.reasoning_text.delta response.refusal.delta
    message reasoning response.function_call_arguments.delta response.output_item.added response.completed
    response.incomplete response.failed function_call stop
""".split()  # noqa: SIM905
texts = st.one_of(
    st.sampled_from(WORDS), st.sampled_from(["", " ", "\ud83d", "a\ud83d\ude00b", "é\x00", '"\\/']), st.text(max_size=5)
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 130), st.sampled_from([0.0, -0.0, 1e-9, 1e300, 10**30]), texts
)
names = st.one_of(st.sampled_from(NAMES_SEEN), st.sampled_from(USAGE_FIELDS), st.text(max_size=3))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=5)),
    max_leaves=12,
)
deltas = st.dictionaries(st.sampled_from(NAMES_SEEN), values, max_size=3)
choices = st.fixed_dictionaries(
    {},
    optional={
        "index": st.integers(0, 3),
        "delta": deltas,
        "text": texts,
        "finish_reason": st.sampled_from([None, "stop", ""]),
    },
)
usages = st.one_of(
    st.none(), st.dictionaries(st.sampled_from(USAGE_FIELDS), st.one_of(st.none(), st.integers(0, 9)), max_size=4)
)
likely: dict[str, st.SearchStrategy[Any]] = {
    "type": st.sampled_from(WORDS),
    "choices": st.lists(choices, max_size=2),
    "usage": usages,
    "delta": st.one_of(deltas, texts),
    "index": st.integers(0, 2),
    "output_index": st.integers(0, 2),
    "content_block": deltas,
    "message": st.fixed_dictionaries({}, optional={"id": texts, "model": texts, "usage": usages}),
    "response": st.fixed_dictionaries({}, optional={"id": texts, "status": texts, "usage": usages, "error": values}),
    "item": deltas,
    "error": st.one_of(st.none(), st.none(), values),
}
objects = st.one_of(st.fixed_dictionaries({}, optional=likely), st.dictionaries(names, values, max_size=4))


@st.composite
def datas(draw: st.DrawFn) -> bytes:
    """One event's JSON, written one way or another, at times spoilt."""
    value = draw(objects)
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " : ")]))
    raw = json.dumps(value, ensure_ascii=draw(st.booleans()), separators=separators).encode("utf-8", "surrogatepass")
    how = draw(st.integers(0, 9))
    at = draw(st.integers(0, len(raw)))
    if how == 0:
        return raw[:at] + draw(st.binary(min_size=1, max_size=2)) + raw[at:]
    if how == 1:
        return raw[:at] + raw[at + 1 :]
    if how == 2:
        return draw(st.sampled_from([b"[DONE]", b"", b"ping", b"[]", b"1"]))
    return raw


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    parts = []
    for data in draw(st.lists(datas(), min_size=1, max_size=6)):
        end = draw(st.sampled_from([b"\n", b"\n", b"\r\n", b"\r"]))
        lines = [b"data: " + data] if draw(st.integers(0, 5)) else [b"data:" + each for each in data.split(b",")]
        head = draw(st.sampled_from([b"", b"", b"", b": note", b"event: error", b"event: x", b"id: 3", b"event"]))
        parts.append(end.join([head, *lines, b"", b""] if head else [*lines, b"", b""]))
    return b"".join(parts)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted(cut % (len(data) + 1) for cut in cuts)
    return [data[start:end] for start, end in zip([0, *at], [*at, len(data)], strict=True)]


cuts = st.lists(st.integers(0, 10_000), max_size=6)
choice_of_settings = st.fixed_dictionaries(
    {"strip_usage": st.booleans(), "keep_text": st.booleans(), "is_strict": st.booleans()}
)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.sampled_from(DIALECTS), choice_of_settings, streams(), cuts)
def test_random_events(dialect: str, options: dict[str, bool], data: bytes, at: list[int]) -> None:
    whole = fed(Reference(dialect, **options), [data])
    assert fed(Reference(dialect, **options), pieces(data, at)) == whole
    assert fed(Tally(dialect, **options), pieces(data, at)) == whole


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.sampled_from(DIALECTS), choice_of_settings, st.sampled_from(NAMES), st.data(), cuts)
def test_spoilt_streams(dialect: str, options: dict[str, bool], name: str, data: st.DataObject, at: list[int]) -> None:
    """Golden streams with bytes changed, read in any dialect."""
    raw = bytearray(stream(name)[:4000])
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.sampled_from(b'\n\r"\\{}[],:0\x00\xff n'))
    whole = fed(Reference(dialect, **options), [bytes(raw)])
    assert fed(Tally(dialect, **options), pieces(bytes(raw), at)) == whole
