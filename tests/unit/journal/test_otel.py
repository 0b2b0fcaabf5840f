"""Spans and metrics in GenAI's words, with the record's times, and never the caller's text."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from penstock.journal import Record
from penstock.journal.sinks.otel import Otel
from tests.unit.journal.records_for_tests import TEXT, answered, failed


def exported(*records: Record) -> tuple[list[ReadableSpan], dict[str, list[Any]]]:
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers, meters = TracerProvider(shutdown_on_exit=False), MeterProvider([reader], shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    sink = Otel(tracer_provider=tracers, meter_provider=meters)
    sink.write(records)
    data = reader.get_metrics_data()
    points = {
        metric.name: list(metric.data.data_points)
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    sink.close()
    tracers.shutdown()
    meters.shutdown()
    return list(spans.get_finished_spans()), points


def test_a_complete_stream() -> None:
    (attempt, request), points = exported(answered())
    assert (request.name, request.kind) == ("POST /v1/chat/completions", SpanKind.SERVER)
    assert (attempt.name, attempt.kind) == ("chat gpt-4o", SpanKind.CLIENT)
    assert attempt.parent is not None
    assert attempt.parent.span_id == request.context.span_id
    assert request.start_time == 1_700_000_000 * 10**9
    assert request.end_time - request.start_time == pytest.approx(1.004e9, abs=1000)
    assert attempt.start_time - request.start_time == pytest.approx(0.002e9, abs=1000)
    assert request.status.status_code is StatusCode.UNSET
    got = dict(attempt.attributes or {})
    assert got == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.conversation.id": "session-1",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 51,
        "gen_ai.usage.cache_read.input_tokens": 40,
        "server.address": "me.openai.azure.com",
        "server.port": 443,
        "http.response.status_code": 200,
        "penstock.deployment": "d1",
    }
    assert {name: [point.sum for point in data] for name, data in points.items()} == {
        "gen_ai.client.operation.duration": [pytest.approx(1.0)],
        "gen_ai.client.operation.time_to_first_chunk": [pytest.approx(0.118)],
        "gen_ai.client.token.usage": [100, 51],
        "gen_ai.server.request.duration": [pytest.approx(1.004)],
        "gen_ai.server.time_to_first_token": [pytest.approx(0.12)],
        "gen_ai.server.time_per_output_token": [pytest.approx(0.884 / 50)],
    }
    bounds = points["gen_ai.client.token.usage"][0].explicit_bounds
    assert bounds[:3] == (1, 4, 16)
    assert bounds[-1] == 67108864


def test_failed_attempts() -> None:
    (first, second, request), points = exported(failed())
    assert [span.status.status_code for span in (first, second, request)] == [StatusCode.ERROR] * 3
    assert [dict(span.attributes or {})["error.type"] for span in (first, second, request)] == [
        "rate_limit",
        "server",
        "server",
    ]
    assert dict(request.attributes or {})["penstock.fallbacks"] == 1
    durations = points["gen_ai.client.operation.duration"]
    assert sorted(point.attributes["error.type"] for point in durations) == ["rate_limit", "server"]
    assert "gen_ai.client.token.usage" not in points


def test_a_refused_request_is_one_span() -> None:
    (span,), points = exported(Record(id="r", outcome="refused", status=401, endpoint="/v1/messages"))
    assert dict(span.attributes or {})["http.response.status_code"] == 401
    assert points == {}


def test_the_callers_trace_goes_on() -> None:
    trace_id, parent_id = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    (attempt, request), _ = exported(answered(traceparent=f"00-{trace_id}-{parent_id}-01"))
    assert f"{request.context.trace_id:032x}" == f"{attempt.context.trace_id:032x}" == trace_id
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == parent_id
    (_, alone), _ = exported(answered(traceparent="nonsense"))
    assert alone.parent is None


@pytest.mark.parametrize(
    "record", [answered(request_text=TEXT, answer_text=TEXT), failed(request_text=TEXT, user=TEXT)]
)
def test_text_never_goes_out(record: Record) -> None:
    spans, points = exported(record)
    shown = " ".join(span.to_json() for span in spans) + repr(points)
    assert TEXT not in shown
    assert "boom" not in shown
