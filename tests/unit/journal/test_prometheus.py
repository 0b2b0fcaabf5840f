"""What /metrics says after some records: LiteLLM's names, bounded labels, several workers as one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.journal import Journal, Record, RecordError
from penstock.journal.sinks import prometheus_families
from penstock.journal.sinks.prometheus import Prometheus
from tests.unit.journal.records_for_tests import answered, attempt
from tests.unit.journal.sinks_for_tests import QUICK, Memory


def samples(sink: Prometheus) -> dict[str, float]:
    """`name{labels}` -> value, without time stamps of creation and histogram buckets."""
    found = {}
    for line in sink.render().decode().splitlines():
        if not line.startswith("#") and "_created" not in line and "_bucket" not in line:
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


def test_a_complete_stream() -> None:
    sink = Prometheus()
    sink.write([answered(), answered()])
    got = samples(sink)
    call = 'api_key_alias="team-a",api_provider="azure",model="gpt-4o-2024-08-06",model_id="d1",requested_model="gpt"'
    expected = {
        f"litellm_spend_metric_total{{{call}}}": 1.0,
        f"litellm_input_tokens_metric_total{{{call}}}": 200,
        f"litellm_output_tokens_metric_total{{{call}}}": 102,
        f"litellm_total_tokens_metric_total{{{call}}}": 302,
        f"litellm_input_cached_tokens_metric_total{{{call}}}": 80,
        f"litellm_output_reasoning_tokens_metric_total{{{call}}}": 20,
        'penstock_requests_total{dialect="chat",outcome="complete",stream="true"}': 2,
    }
    assert {name: by_name(got, name) for name in expected} == expected
    assert total(got, "litellm_proxy_total_requests_metric_total", 'status_code="200"') == 2
    assert total(got, "litellm_proxy_failed_requests_metric_total") == 0
    assert total(got, "litellm_deployment_success_responses_total", 'litellm_model_name="gpt-4o"') == 2
    assert total(got, "litellm_request_total_latency_metric_sum") == pytest.approx(2.008)
    assert total(got, "litellm_llm_api_latency_metric_sum") == pytest.approx(2.0)
    assert total(got, "litellm_overhead_latency_metric_sum", 'api_base="me.openai.azure.com"') == pytest.approx(0.008)
    assert total(got, "litellm_llm_api_time_to_first_token_metric_sum") == pytest.approx(0.24)
    assert total(got, "litellm_deployment_latency_per_output_token_sum") == pytest.approx(2 / 51)
    assert total(got, "penstock_inter_token_seconds_sum") == pytest.approx(0.018)


def by_name(got: dict[str, float], name: str) -> float | None:
    """The value of a sample, whatever the order of its labels."""

    def key(text: str) -> tuple[str, ...]:
        head, _, labels = text.partition("{")
        return (head, *sorted(re.findall(r'\w+="[^"]*"', labels)))

    return next((value for text, value in got.items() if key(text) == key(name)), None)


def total(got: dict[str, float], name: str, *labels: str) -> float:
    return sum(
        value
        for text, value in got.items()
        if text.partition("{")[0] == name and all(label in text for label in labels)
    )


def test_failures_and_fallbacks() -> None:
    sink = Prometheus()
    tries = [attempt("d1", fault="rate_limit", status=429, opened_circuit=True), attempt("d2", group="other")]
    sink.write([answered(attempts=tries)])
    failed = [attempt("d1", fault="silent", status=None), attempt("d2", group="other", fault="server", status=500)]
    error = RecordError(fault="server", message="boom")
    sink.write([answered(attempts=failed, outcome="failed", status=500, error=error, usage=None, cost_usd=None)])
    got = samples(sink)
    limit = ('exception_status="429"', 'exception_class="Azure.RateLimitError"')
    assert total(got, "litellm_deployment_failure_responses_total", *limit) == 1
    assert total(got, "litellm_deployment_failure_responses_total", 'exception_class="Azure.Timeout"') == 1
    opened = ('model_id="d1"', 'api_provider="azure"', 'exception_status="429"')
    assert total(got, "litellm_deployment_cooled_down_total") == total(
        got, "litellm_deployment_cooled_down_total", *opened
    )
    assert total(got, "litellm_deployment_cooled_down_total") == 1
    assert total(got, "litellm_deployment_total_requests_total") == 4
    assert total(got, "litellm_deployment_successful_fallbacks_total", 'fallback_model="other"', *limit) == 1
    assert total(got, "litellm_deployment_failed_fallbacks_total") == 1
    assert (
        total(
            got,
            "litellm_proxy_failed_requests_metric_total",
            'exception_status="500"',
            'exception_class="Azure.InternalServerError"',
        )
        == 1
    )


def test_refused_requests_have_no_deployment() -> None:
    sink = Prometheus()
    record = Record(id="r", outcome="refused", status=401, endpoint="/v1/chat/completions")
    record.close(0.2)
    sink.write([record])
    got = samples(sink)
    assert total(got, "litellm_proxy_total_requests_metric_total", 'status_code="401"', 'model_id=""') == 1
    assert total(got, "litellm_deployment_total_requests_total") == 0


def test_labels_that_callers_choose_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus_families, "SERIES_MOST", 10)
    sink = Prometheus()
    sink.write([answered(model_asked=f"made-up-{i}", model_served=f"served-{i}") for i in range(100)])
    got = samples(sink)
    name = "litellm_proxy_total_requests_metric_total"
    assert sum(text.startswith(name) for text in got) == 11
    assert total(got, name, 'requested_model="other"') == 90
    assert total(got, name) == 100
    assert len(got) < 800


def test_gauges_that_the_gateway_sets() -> None:
    sink = Prometheus(before_render=lambda: sink.set_in_flight(7))
    where = {"model": "gpt-4o", "api_host": "h", "provider": "openai"}
    sink.set_deployment_state("d1", state=2, **where)
    got = samples(sink)
    assert got["litellm_in_flight_requests"] == 7
    assert total(got, "litellm_deployment_state", 'model_id="d1"') == 2


def test_the_journals_own_counters() -> None:
    sink, dead = Prometheus(), Memory("dead", errors=[OSError()] * 1000)
    journal = Journal([sink, dead], pace=QUICK)
    sink.watch_journal(journal.stats)
    journal.put(answered())
    assert journal.flush(10)
    assert journal.close(10)
    for _ in range(2):  # rendering twice does not count twice
        got = samples(sink)
    assert total(got, "penstock_journal_records_total", 'sink="prometheus"', 'what="written"') == 1
    assert total(got, "penstock_journal_records_total", 'sink="dead"', 'what="dropped"') == 1
    assert total(got, "penstock_journal_records_total", 'sink="dead"', 'what="failed"') > 1
    assert total(got, "penstock_journal_queued") == 0


WORKER = """
import sys
from penstock.journal import Record
from penstock.journal.sinks.prometheus import Prometheus
sink = Prometheus()
sink.write([Record(id="r", outcome="complete", status=200)])
sink.set_in_flight(2)
if sys.argv[1] == "render":
    sys.stdout.buffer.write(sink.render())
"""


def test_several_workers_are_one(tmp_path: Path) -> None:
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    outputs = [
        subprocess.run([sys.executable, "-c", WORKER, how], env=environ, check=True, capture_output=True).stdout
        for how in ("count", "render")
    ]
    assert b'penstock_requests_total{dialect="",outcome="complete",stream="false"} 2.0' in outputs[1]
    assert b"litellm_in_flight_requests 2.0" in outputs[1], "what a worker had running ended with it"
