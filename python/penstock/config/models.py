"""The configuration after reading and checking: frozen values with units and defaults.

One page for all: who reads a setting finds it here with its meaning. `config.load` makes them from LiteLLM's
config.yaml; names follow LiteLLM's where they exist, units are added. Nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.secret import Secret


class _Nothing(Mapping[str, Any]):
    """An empty mapping that is hashable, as defaults of dataclasses must be (a mappingproxy is only since 3.12)."""

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "{}"


NOTHING: Mapping[str, Any] = _Nothing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per token; None = not known."""

    input_token: float | None = None
    output_token: float | None = None
    cached_input_token: float | None = None
    cache_write_token: float | None = None
    above_tokens: int | None = None  # with more input tokens than this ...
    above: Price | None = None  # ... this price holds for the whole request


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One row of `model_list`: a model at a provider, with a key and limits."""

    id: str  # model_info.id, or a hash of the row that does not change with its place in the file
    group: str  # model_name: what callers ask for; may be a pattern (`openai/*`, `*`)
    provider: str  # a row of dialects.providers: "openai", "azure", "anthropic", "groq", ...
    model: str  # what the provider is asked for; may contain the `*` of the pattern
    api_base: str | None = None  # None = the provider's
    api_key: Secret | None = None
    api_version: str | None = None  # Azure's query parameter
    organization: str | None = None  # OpenAI-Organization
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # extra_headers; may hold secrets
    # other litellm_params (temperature, ...) and extra_body: defaults under the caller's fields
    params: Mapping[str, Any] = field(default=NOTHING, repr=False)
    weight: float | None = None  # None = by rpm, then tpm, else 1
    order: int | None = None  # lower first; the next order only when all of the lower are down. None = last
    rpm: int | None = None
    tpm: int | None = None
    max_parallel: int | None = None
    num_retries: int | None = None  # litellm_params.max_retries/num_retries; None = the router's
    timeout_s: float | None = None  # to the whole unary answer
    stream_timeout_s: float | None = None  # to the response head of a stream
    ttft_s: float | None = None  # to the first semantic token (ttft_timeout)
    idle_s: float | None = None  # between two pieces of a stream (stream_idle_timeout)
    keepalive_s: float | None = None  # keepalive_seconds: comments to the caller while the provider is quiet
    ssl_verify: bool | str | None = None
    drop_params: bool | None = None
    tags: tuple[str, ...] = ()
    mode: str | None = None  # model_info.mode: "chat", "embedding", ...
    max_input_tokens: int | None = None
    price: Price = Price()
    info: Mapping[str, Any] = field(default=NOTHING, repr=False)  # model_info, whole, for /model/info
    # What others work out of this row once (dialects: addresses and headers); it goes with the row.
    memo: dict[Any, Any] = field(default_factory=dict, init=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Retries per class of error; None = num_retries (LiteLLM's retry_policy)."""

    bad_request: int | None = None
    authentication: int | None = None
    timeout: int | None = None
    rate_limit: int | None = None
    content_policy: int | None = None
    internal_server: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterSettings:
    """router_settings, and the routing keys that litellm_settings may also have."""

    strategy: str = (
        "simple-shuffle"  # or least-busy, latency-based-routing, usage-based-routing(-v2), cost-based-routing
    )
    strategy_args: Mapping[str, Any] = NOTHING  # routing_strategy_args: ttl, lowest_latency_buffer
    num_retries: int = 2  # further attempts in the same group
    timeout_s: float = 600.0  # a unary request as a whole, all attempts together
    stream_timeout_s: float | None = None  # to the head of a stream, all attempts together; None = timeout_s
    ttft_s: float | None = None  # per attempt, default of deployments
    idle_s: float | None = 300.0  # per stream, default of deployments
    retry_after_s: float = 0.0  # LiteLLM's retry_after: least pause before a retry
    retry_after_most_s: float = 60.0  # a longer Retry-After is not waited for: fall back
    fallbacks: Mapping[str, tuple[str, ...]] = NOTHING  # group (or "*") -> groups, in order
    context_window_fallbacks: Mapping[str, tuple[str, ...]] = NOTHING
    content_policy_fallbacks: Mapping[str, tuple[str, ...]] = NOTHING
    default_fallbacks: tuple[str, ...] = ()
    max_fallbacks: int = 5
    max_attempts: int = 10  # of one request, over everything
    retry_policy: RetryPolicy = RetryPolicy()
    group_retry_policy: Mapping[str, RetryPolicy] = NOTHING  # model_group_retry_policy
    allowed_fails: int = 3  # in a minute; one more opens the circuit
    allowed_fails_policy: RetryPolicy = RetryPolicy()
    cooldown_s: float = 5.0  # cooldown_time
    disable_cooldowns: bool = False
    aliases: Mapping[str, str] = NOTHING  # model_group_alias: name -> group
    hidden_aliases: frozenset[str] = frozenset()  # not in /v1/models
    tag_filtering: bool = False  # enable_tag_filtering: only deployments that have a tag of the request
    tag_match_any: bool = True  # tag_filtering_match_any; False = all of the request's tags
    # Ours, in `penstock_settings`:
    hold_events_n: int = 64  # before the first semantic token, held back so that a fallback stays invisible
    hold_bytes: int = 256 * 1024
    hold_s: float = 30.0
    fallback_reserve: float = 1 / 3  # of the time that is left, kept from an attempt while there are other routes
    rescue: bool = False  # replay a cut stream on the fallback
    hedge: bool = False  # a second attempt when the first token is late
    hedge_percentile: float = 0.95  # of the group's recent TTFT
    hedge_least_s: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSettings:
    """Towards providers; becomes one penstock.Transport (litellm_settings and AIOHTTP_*/SSL_* of the environment)."""

    http2: bool = True  # offered by ALPN; litellm_settings http2/enable_http2 false turns it off
    http2_max_connections: int | None = None
    max_connections: int = 1000
    max_connections_per_origin: int = 500
    idle_s: float = 120.0
    connect_s: float = 10.0
    ssl_verify: bool | str = True
    ssl_certificate: str | None = None
    trust_env: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A static key of a caller: only its SHA-256 is kept."""

    name: str
    sha256: bytes  # 32 bytes
    models: tuple[str, ...] = ()  # groups it may use; () = all
    is_master: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PassThrough:
    """One of general_settings.pass_through_endpoints."""

    path: str
    target: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # may hold secrets
    auth: bool = True
    forward_headers: bool = False
    include_subpath: bool = False
    methods: tuple[str, ...] = ()  # () = any


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneralSettings:
    """general_settings and what concerns the gateway itself."""

    keys: tuple[Key, ...] = ()  # the master key is the first; () = no authentication
    pass_through: tuple[PassThrough, ...] = ()
    max_request_bytes: int = 64 * 1024 * 1024  # max_request_size_mb
    forward_client_headers: bool = False  # forward_client_headers_to_llm_api: x-* and anthropic-beta
    forward_openai_org_id: bool = False
    drop_params: bool = False
    always_include_stream_usage: bool = False
    max_stream_s: float | None = None  # LITELLM_MAX_STREAMING_DURATION_SECONDS
    sse_keepalive_s: float | None = None  # sse_keepalive_ping_interval_seconds
    drain_s: float = 600.0  # GRACEFUL_SHUTDOWN_TIMEOUT: running streams have so long to end after SIGTERM
    cors_origins: tuple[str, ...] = ()
    health_check_interval_s: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings:
    """What is written where, per request."""

    callbacks: tuple[str, ...] = ()  # "prometheus", "otel", or "module.attribute" of a Hooks object/class
    jsonl_path: str | None = None
    sqlite_path: str | None = None
    keep_text: bool = False  # False: messages and answers are redacted (turn_off_message_logging)
    queue_n: int = 10_000  # records waiting per sink; more are dropped and counted
    prices_path: str | None = None  # LiteLLM's model_prices_and_context_window.json; None = the list that is bundled
    callback_settings: Mapping[str, Any] = field(default=NOTHING, repr=False)  # by name of the callback


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All of it, as one value: replaced whole by a reload."""

    deployments: tuple[Deployment, ...] = ()
    router: RouterSettings = field(default_factory=RouterSettings)
    upstream: UpstreamSettings = field(default_factory=UpstreamSettings)
    general: GeneralSettings = field(default_factory=GeneralSettings)
    journal: JournalSettings = field(default_factory=JournalSettings)
    sources: tuple[str, ...] = ()  # files that were read, for the watcher
    environment: Mapping[str, str] = field(default=NOTHING, repr=False)  # environment_variables: for the gateway to set
