"""Prometheus: LiteLLM's metric and label names where it has them, `penstock_*` where it has none.

Thread: records are counted on the sink's lane; `render` and the setters may be called from any thread. Labels whose
values callers or providers choose (model names, routes) are bounded: past SERIES_MOST children of one metric they
become "other". With PROMETHEUS_MULTIPROC_DIR set before the start, all workers count into one directory and each of
them renders all. Needs `prometheus_client`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest, multiprocess

from penstock.journal.litellm_names import exception_label
from penstock.journal.record import Attempt, Record
from penstock.journal.sinks.prometheus_families import Families
from penstock.journal.sinks.sink import Sink

if TYPE_CHECKING:
    from penstock.journal.lane import LaneStats

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"  # of what `render` gives
State = Literal[0, 1, 2]  # LiteLLM's: 0 healthy, 1 partial outage, 2 complete outage


class Prometheus(Sink):
    """Counts records. `before_render` is called first by `render`: the place to set gauges."""

    batch_n = 8  # ten microseconds each, in Python

    def __init__(self, *, before_render: Callable[[], None] | None = None) -> None:
        self.name = "prometheus"
        self.before_render = before_render
        self._multiproc_dir = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        self.registry = CollectorRegistry()
        if not self._multiproc_dir:
            ProcessCollector(registry=self.registry)
        self._all = Families(self.registry)
        self._lanes: Callable[[], list[LaneStats]] | None = None
        self._seen: dict[tuple[str, str], int] = {}

    @property
    def key(self) -> Hashable:
        return self.name

    def write(self, records: Sequence[Record]) -> None:
        for record in records:
            self._count(record)
        self._all.batch.flush()
        self._count_lanes()

    def render(self) -> bytes:
        """The text of /metrics. Takes milliseconds with many series: not for a busy loop's thread."""
        if self.before_render:
            self.before_render()
        self._count_lanes()
        if not self._multiproc_dir:
            return generate_latest(self.registry)
        forget_dead(self._multiproc_dir)
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, path=self._multiproc_dir)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def set_in_flight(self, requests_n: int) -> None:
        """Requests that this worker is answering now."""
        self._all.in_flight.child().set(requests_n)

    def set_deployment_state(self, deployment: str, *, model: str, api_host: str, provider: str, state: State) -> None:
        self._all.deployment_state.child(model, deployment, api_host, provider).set(state)

    def watch_journal(self, stats: Callable[[], list[LaneStats]]) -> None:
        """Show the counters of `Journal.stats` too."""
        self._lanes = stats

    # --- on the lane's thread

    def _count(self, record: Record) -> None:
        families = self._all
        key, asked = record.key_name or "", record.model_asked
        deployment, provider = record.deployment or "", record.provider or ""
        error = record.error
        families.requests.child(record.outcome, record.dialect, "true" if record.stream else "false").inc()
        families.total_requests.child(key, asked, str(record.status), record.endpoint, deployment, provider).inc()
        if record.outcome != "complete":
            name = exception_label(error.fault if error else None, provider)
            labels = (key, asked, str(record.status), name, record.endpoint, deployment, provider)
            families.failed_requests.child(*labels).inc()
        for attempt in record.attempts:
            self._count_attempt(record, attempt)
        if record.fallbacks_n and record.attempts:
            self._count_fallback(record)
        self._count_times(record)
        self._count_tokens(record)
        families.upstream_bytes.child("sent", provider).inc(record.upstream_sent_bytes)
        families.upstream_bytes.child("received", provider).inc(record.upstream_received_bytes)

    def _count_times(self, record: Record) -> None:
        families = self._all
        labels = (
            record.group or "",
            record.model_served or "",
            record.key_name or "",
            record.model_asked,
            record.deployment or "",
            record.provider or "",
        )
        families.total_latency.child(*labels).observe(record.duration_ms / 1000)
        if record.overhead_ms is not None:
            families.api_latency.child(*labels).observe((record.duration_ms - record.overhead_ms) / 1000)
            families.overhead.child(
                labels[0], labels[5], record.api_host or "", record.model_served or "", labels[2], labels[4]
            ).observe(record.overhead_ms / 1000)
        if record.ttft_ms is not None and record.stream:
            families.ttft.child(*labels).observe(record.ttft_ms / 1000)
        if record.gap_p50_ms is not None:
            families.gap.child(labels[0], labels[4], labels[5]).observe(record.gap_p50_ms / 1000)

    def _count_tokens(self, record: Record) -> None:
        families = self._all
        labels = (
            record.key_name or "",
            record.model_served or "",
            record.model_asked,
            record.deployment or "",
            record.provider or "",
        )
        if record.outcome == "complete":
            families.answers.child(*labels).inc()
        if record.cost_usd:
            families.spend.child(*labels).inc(record.cost_usd)
        usage = record.usage
        if usage is None:
            return
        families.input_tokens.child(*labels).inc(usage.input)
        families.output_tokens.child(*labels).inc(usage.output)
        families.total_tokens.child(*labels).inc(usage.total)
        if usage.cached:
            families.cached_tokens.child(*labels).inc(usage.cached)
        if usage.cache_write:
            families.cache_write_tokens.child(*labels).inc(usage.cache_write)
        if usage.reasoning:
            families.reasoning_tokens.child(*labels).inc(usage.reasoning)
        if usage.output and record.attempts and record.outcome == "complete" and not record.usage_is_estimate:
            last = record.attempts[-1]
            families.per_output_token.child(
                record.group or "", last.model, last.deployment, last.api_host, last.provider, labels[0]
            ).observe((last.ended_ms - last.started_ms) / usage.output / 1000)

    def _count_attempt(self, record: Record, attempt: Attempt) -> None:
        families = self._all
        labels = (
            record.model_asked,
            attempt.model,
            attempt.deployment,
            attempt.api_host,
            attempt.provider,
            record.key_name or "",
        )
        families.deployment_total.child(*labels).inc()
        if attempt.fault is None:
            families.deployment_success.child(*labels).inc()
        elif attempt.fault != "cancelled":
            status = str(attempt.status or "")
            if attempt.opened_circuit:
                families.cooled_down.child(*labels[1:5], status).inc()
            families.deployment_failure.child(*labels, status, exception_label(attempt.fault, attempt.provider)).inc()

    def _count_fallback(self, record: Record) -> None:
        first = record.attempts[0]
        family = self._all.fallbacks_ok if record.outcome == "complete" else self._all.fallbacks_failed
        family.child(
            record.model_asked,
            record.attempts[-1].group,
            record.key_name or "",
            str(first.status or ""),
            exception_label(first.fault, first.provider),
        ).inc()

    def _count_lanes(self) -> None:
        for lane in self._lanes() if self._lanes else ():
            self._all.journal_queued.child(lane.name).set(lane.queued_n)
            for what, now_n in (("written", lane.written_n), ("dropped", lane.dropped_n), ("failed", lane.failures_n)):
                seen_n = self._seen.get((lane.name, what), 0)
                if now_n > seen_n:
                    self._all.journal_records.child(lane.name, what).inc(now_n - seen_n)
                self._seen[lane.name, what] = now_n


def forget_dead(multiproc_dir: str) -> None:
    """Remove the gauges of workers that are gone: what they had running is not running any more."""
    for file in Path(multiproc_dir).glob("gauge_live*_*.db"):
        pid = file.stem.rpartition("_")[2]
        if pid.isdecimal() and not is_alive(int(pid)):
            multiprocess.mark_process_dead(int(pid), multiproc_dir)  # type: ignore[no-untyped-call]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True
