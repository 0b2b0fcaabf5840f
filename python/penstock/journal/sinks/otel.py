"""OpenTelemetry: one SERVER span per request, one CLIENT span per attempt in GenAI's words, and GenAI's metrics.

Thread: the sink's lane; spans are made afterwards with the record's times. Providers that the process has set up are
used; where there are none, OTLP over HTTP is set up as the OTEL_* variables say. No message text, no user's name, no
words of an error go out: types, counts and times only. Needs `opentelemetry` (extra `otel`).
Source: semantic-conventions-genai, gen-ai-spans and gen-ai-metrics (status: development).
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from penstock.journal.record import Attempt, Record
from penstock.journal.sinks.sink import Sink

OTLP = "opentelemetry.exporter.otlp.proto.http"
PROVIDER_NAME = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
OPERATION = {"completions": "text_completion", "embeddings": "embeddings"}  # all others: chat
SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
SHORT_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
TOKENS = tuple(4.0**power for power in range(14))

Attributes = dict[str, str | int | float | bool | Sequence[str]]


class Otel(Sink):
    """Spans and metrics of records. Raises ImportError when nothing is set up and the OTLP exporter is missing."""

    batch_n = 8  # tens of microseconds each, in Python

    def __init__(
        self,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        self.name = "otel"
        self._tracer_provider = tracer_provider
        self._meter_provider = meter_provider
        self._key = (self.name, id(tracer_provider), id(meter_provider))
        self._own: list[Any] = []  # providers that were set up here, to be shut down
        self._tracer: trace.Tracer | None = None
        self._histograms: dict[str, metrics.Histogram] = {}
        if tracer_provider is None and isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            importlib.import_module(OTLP)

    @property
    def key(self) -> Hashable:
        return self._key

    def write(self, records: Sequence[Record]) -> None:
        tracer = self._tracer or self._open()
        for record in records:
            self._span(tracer, record)
            self._measure(record)

    def close(self) -> None:
        own, self._own = self._own, []
        for provider in own:
            provider.shutdown()

    def forget(self) -> None:
        """The parent's exporters have threads of the parent: new ones are set up."""
        if self._own:
            _inherited.append(self._own)
            self._own, self._tracer, self._tracer_provider, self._meter_provider = [], None, None, None

    # --- on the lane's thread

    def _open(self) -> trace.Tracer:
        if self._tracer_provider is None:
            self._tracer_provider = trace.get_tracer_provider()
            if isinstance(self._tracer_provider, trace.ProxyTracerProvider):
                self._set_up()
        meters = self._meter_provider or metrics.get_meter_provider()
        meter = meters.get_meter("penstock")
        for name, unit, bounds in (
            ("gen_ai.client.operation.duration", "s", SECONDS),
            ("gen_ai.client.operation.time_to_first_chunk", "s", SECONDS),
            ("gen_ai.client.token.usage", "{token}", TOKENS),
            ("gen_ai.server.request.duration", "s", SECONDS),
            ("gen_ai.server.time_to_first_token", "s", SECONDS),
            ("gen_ai.server.time_per_output_token", "s", SHORT_S),
        ):
            self._histograms[name] = meter.create_histogram(
                name, unit=unit, explicit_bucket_boundaries_advisory=list(bounds)
            )
        self._tracer = self._tracer_provider.get_tracer("penstock")
        return self._tracer

    def _set_up(self) -> None:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        resource = Resource.create({} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "penstock"})
        spans = TracerProvider(resource=resource)
        exporter = importlib.import_module(f"{OTLP}.trace_exporter").OTLPSpanExporter()
        spans.add_span_processor(BatchSpanProcessor(exporter))
        reader = PeriodicExportingMetricReader(importlib.import_module(f"{OTLP}.metric_exporter").OTLPMetricExporter())
        meters = MeterProvider([reader], resource=resource)
        self._tracer_provider, self._meter_provider = spans, meters
        self._own = [spans, meters]

    def _span(self, tracer: trace.Tracer, record: Record) -> None:
        parent = Context()
        if record.traceparent:
            parent = TraceContextTextMapPropagator().extract({"traceparent": record.traceparent}, context=parent)
        span = tracer.start_span(
            f"POST {record.endpoint}",
            context=parent,
            kind=SpanKind.SERVER,
            attributes=request_attributes(record),
            start_time=_at_ns(record, 0.0),
        )
        if record.status >= 500 or record.outcome in ("failed", "cut"):
            span.set_status(Status(StatusCode.ERROR))
        inside = trace.set_span_in_context(span, parent)
        served = served_by(record)
        for attempt in record.attempts:
            child = tracer.start_span(
                f"{operation(record)} {attempt.model or record.model_asked}",
                context=inside,
                kind=SpanKind.CLIENT,
                attributes=attempt_attributes(record, attempt, is_served=attempt is served),
                start_time=_at_ns(record, attempt.started_ms),
            )
            if attempt.fault:
                child.set_status(Status(StatusCode.ERROR))
            child.end(_at_ns(record, attempt.ended_ms))
        span.end(_at_ns(record, record.duration_ms))

    def _measure(self, record: Record) -> None:
        served, usage = served_by(record), record.usage
        for attempt in record.attempts:
            labels = base_attributes(record, attempt)
            failed = {**labels, "error.type": attempt.fault} if attempt.fault else labels
            self._add("gen_ai.client.operation.duration", (attempt.ended_ms - attempt.started_ms) / 1000, failed)
            if attempt.ttft_ms is not None and record.stream:
                self._add("gen_ai.client.operation.time_to_first_chunk", attempt.ttft_ms / 1000, labels)
        if served is None:
            return
        labels = base_attributes(record, served)
        if record.model_served:
            labels["gen_ai.response.model"] = record.model_served
        if usage is not None:
            self._add("gen_ai.client.token.usage", usage.input, {**labels, "gen_ai.token.type": "input"})
            self._add("gen_ai.client.token.usage", usage.output, {**labels, "gen_ai.token.type": "output"})
        error = {"error.type": error_type(record)} if record.outcome != "complete" else {}
        self._add("gen_ai.server.request.duration", record.duration_ms / 1000, {**labels, **error})
        if record.ttft_ms is not None and record.stream:
            self._add("gen_ai.server.time_to_first_token", record.ttft_ms / 1000, labels)
            if usage is not None and usage.output > 1 and not error:
                pause_s = (record.duration_ms - record.ttft_ms) / 1000 / (usage.output - 1)
                self._add("gen_ai.server.time_per_output_token", pause_s, labels)

    def _add(self, name: str, value: float, attributes: Mapping[str, Any]) -> None:
        self._histograms[name].record(max(value, 0), attributes)


_inherited: list[list[Any]] = []


def _at_ns(record: Record, ms: float) -> int:
    return int((record.started_s + ms / 1000) * 1e9)


def operation(record: Record) -> str:
    return OPERATION.get(record.dialect, "chat")


def served_by(record: Record) -> Attempt | None:
    """The attempt whose answer the caller got, wholly or in part; else the last."""
    for attempt in reversed(record.attempts):
        if attempt.deployment == record.deployment:
            return attempt
    return record.attempts[-1] if record.attempts else None


def error_type(record: Record) -> str:
    return record.error.fault if record.error else record.outcome


def base_attributes(record: Record, attempt: Attempt) -> Attributes:
    """What metrics and spans of an attempt share."""
    found: Attributes = {
        "gen_ai.operation.name": operation(record),
        "gen_ai.provider.name": PROVIDER_NAME.get(attempt.provider, attempt.provider),
        "gen_ai.request.model": attempt.model or record.model_asked,
    }
    host, _, port = attempt.api_host.partition(":")
    if host and not attempt.api_host.startswith("["):
        found["server.address"] = host
        found["server.port"] = int(port) if port.isdigit() else 443
    return found


def attempt_attributes(record: Record, attempt: Attempt, *, is_served: bool) -> Attributes:
    """Of an attempt's span; the usage is on the one that served."""
    found = base_attributes(record, attempt)
    found["penstock.deployment"] = attempt.deployment
    if attempt.status:
        found["http.response.status_code"] = attempt.status
    if attempt.fault:
        found["error.type"] = attempt.fault
    if not is_served:
        return found
    if record.model_served:
        found["gen_ai.response.model"] = record.model_served
    if record.answer_id:
        found["gen_ai.response.id"] = record.answer_id
    if record.finish_reason:
        found["gen_ai.response.finish_reasons"] = (record.finish_reason,)
    if record.session:
        found["gen_ai.conversation.id"] = record.session
    usage = record.usage
    if usage is not None:
        found["gen_ai.usage.input_tokens"] = usage.input
        found["gen_ai.usage.output_tokens"] = usage.output
        if usage.cached:
            found["gen_ai.usage.cache_read.input_tokens"] = usage.cached
        if usage.cache_write:
            found["gen_ai.usage.cache_creation.input_tokens"] = usage.cache_write
    return found


def request_attributes(record: Record) -> Attributes:
    """Of the request's span."""
    found: Attributes = {
        "http.request.method": "POST",
        "http.route": record.endpoint,
        "penstock.request_id": record.id,
        "penstock.outcome": record.outcome,
        "penstock.dialect": record.dialect,
        "penstock.model_asked": record.model_asked,
        "penstock.stream": record.stream,
        "penstock.retries": record.retries_n,
        "penstock.fallbacks": record.fallbacks_n,
    }
    if record.status:
        found["http.response.status_code"] = record.status
    if record.key_name:
        found["penstock.key_name"] = record.key_name
    if record.group:
        found["penstock.group"] = record.group
    if record.overhead_ms is not None:
        found["penstock.overhead_ms"] = record.overhead_ms
    if record.cost_usd is not None:
        found["penstock.cost_usd"] = record.cost_usd
    if record.outcome != "complete":
        found["error.type"] = error_type(record)
    return found
