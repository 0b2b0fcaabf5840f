"""The metrics of sinks/prometheus: names, labels, buckets; each with a cache of its children.

LiteLLM's label sets without what there is none of here (teams, organisations, hashes of keys) and without what has no
bound (end users, addresses, user agents).
"""

from __future__ import annotations

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge

from penstock.journal.sinks.prometheus_tallies import Batch, Family, Spread, Sum, SumHistogram

SERIES_MOST = 2000  # children per metric; more get "other" for their free labels
LATENCY_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 420.0, 600.0)
SHORT_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, *LATENCY_S[:11])  # overhead, and between tokens

_KEY = ("api_key_alias",)
_CALL = ("api_key_alias", "model", "requested_model", "model_id", "api_provider")
_LATENCY = ("model_group", "model", "api_key_alias", "requested_model", "model_id", "api_provider")
_DEPLOYMENT = ("litellm_model_name", "model_id", "api_base", "api_provider")
_EXCEPTION = ("exception_status", "exception_class")


class Families:
    """All metrics, made in one registry. Counters and histograms of the lane go through `batch`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.batch = Batch()
        self._make_requests()
        self._make_times()
        self._make_tokens()
        self._make_deployments()
        self._make_own()

    def _counter(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Family[Sum]:
        metric = Counter(name, text, labels, registry=self._registry)
        return Family(metric.labels, labels, lambda child: Sum(child, self.batch), SERIES_MOST)

    def _direct_counter(self, name: str, text: str, labels: tuple[str, ...]) -> Family[Counter]:
        """For what other threads count."""
        metric = Counter(name, text, labels, registry=self._registry)
        return Family(metric.labels, labels, lambda child: child, SERIES_MOST)

    def _histogram(
        self, name: str, text: str, labels: tuple[str, ...], buckets: tuple[float, ...] = LATENCY_S
    ) -> Family[Spread]:
        metric = SumHistogram(name, text, labels, registry=self._registry, buckets=buckets)
        return Family(metric.labels, labels, lambda child: Spread(child, buckets, self.batch), SERIES_MOST)

    def _gauge(self, name: str, text: str, labels: tuple[str, ...] = (), *, is_sum: bool = True) -> Family[Gauge]:
        mode: Literal["livesum", "livemax"] = "livesum" if is_sum else "livemax"
        metric = Gauge(name, text, labels, registry=self._registry, multiprocess_mode=mode)
        return Family(metric.labels if labels else lambda: metric, labels, lambda child: child, SERIES_MOST)

    def _make_requests(self) -> None:
        route = ("route", "model_id", "api_provider")
        self.total_requests = self._counter(
            "litellm_proxy_total_requests_metric",
            "Requests to the gateway",
            (*_KEY, "requested_model", "status_code", *route),
        )
        self.failed_requests = self._counter(
            "litellm_proxy_failed_requests_metric",
            "Requests that did not end well: failed, cut, cancelled or refused",
            (*_KEY, "requested_model", *_EXCEPTION, *route),
        )

    def _make_times(self) -> None:
        self.total_latency = self._histogram(
            "litellm_request_total_latency_metric", "Seconds from request to the end of the answer", _LATENCY
        )
        self.api_latency = self._histogram(
            "litellm_llm_api_latency_metric",
            "Seconds of it spent at providers, pauses between attempts included",
            _LATENCY,
        )
        self.ttft = self._histogram(
            "litellm_llm_api_time_to_first_token_metric", "Seconds to the first semantic token of a stream", _LATENCY
        )
        self.overhead = self._histogram(
            "litellm_overhead_latency_metric",
            "Seconds that the gateway itself added",
            ("model_group", "api_provider", "api_base", "litellm_model_name", *_KEY, "model_id"),
            SHORT_S,
        )

    def _make_tokens(self) -> None:
        self.answers = self._counter("litellm_requests_metric", "Requests that were answered completely", _CALL)
        self.spend = self._counter("litellm_spend_metric", "US dollars, where the price is known", _CALL)
        self.input_tokens = self._counter("litellm_input_tokens_metric", "Tokens in, cached ones included", _CALL)
        self.output_tokens = self._counter("litellm_output_tokens_metric", "Tokens out, reasoning included", _CALL)
        self.total_tokens = self._counter("litellm_total_tokens_metric", "Tokens in and out", _CALL)
        self.cached_tokens = self._counter(
            "litellm_input_cached_tokens_metric", "Tokens in that the provider read from its cache", _CALL
        )
        self.cache_write_tokens = self._counter(
            "litellm_input_cache_creation_tokens_metric", "Tokens in that the provider wrote to its cache", _CALL
        )
        self.reasoning_tokens = self._counter("litellm_output_reasoning_tokens_metric", "Tokens out, reasoning", _CALL)

    def _make_deployments(self) -> None:
        asked = ("requested_model", *_DEPLOYMENT, *_KEY)
        self.deployment_state = self._gauge(
            "litellm_deployment_state",
            "0 healthy, 1 partial outage, 2 complete outage",
            _DEPLOYMENT,
            is_sum=False,
        )
        self.cooled_down = self._counter(
            "litellm_deployment_cooled_down", "Times that the circuit opened", (*_DEPLOYMENT, "exception_status")
        )
        self.deployment_total = self._counter("litellm_deployment_total_requests", "Attempts", asked)
        self.deployment_success = self._counter(
            "litellm_deployment_success_responses", "Attempts that went well", asked
        )
        self.deployment_failure = self._counter(
            "litellm_deployment_failure_responses", "Attempts that failed", (*asked, *_EXCEPTION)
        )
        self.per_output_token = self._histogram(
            "litellm_deployment_latency_per_output_token",
            "Seconds per token out, of complete answers",
            ("model_group", *_DEPLOYMENT, *_KEY),
            SHORT_S,
        )
        fallback = ("requested_model", "fallback_model", *_KEY, *_EXCEPTION)
        self.fallbacks_ok = self._counter(
            "litellm_deployment_successful_fallbacks", "Requests that another group answered", fallback
        )
        self.fallbacks_failed = self._counter(
            "litellm_deployment_failed_fallbacks", "Requests that failed after a fallback", fallback
        )

    def _make_own(self) -> None:
        self.in_flight = self._gauge("litellm_in_flight_requests", "Requests being answered now")
        self.requests = self._counter(
            "penstock_requests", "Requests by how they ended", ("outcome", "dialect", "stream")
        )
        self.gap = self._histogram(
            "penstock_inter_token_seconds",
            "Seconds between pieces of a stream, the median of each stream",
            ("model_group", "model_id", "api_provider"),
            SHORT_S,
        )
        self.upstream_bytes = self._counter(
            "penstock_upstream_bytes", "Bytes of bodies to and from providers", ("direction", "api_provider")
        )
        self.journal_queued = self._gauge("penstock_journal_queued", "Records waiting for a sink", ("sink",))
        self.journal_records = self._direct_counter(
            "penstock_journal_records", "Records by what became of them, and failed writes", ("sink", "what")
        )
