"""A config.yaml as it grows in a real place: many features at once, read unchanged."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from penstock.config.load import Loaded, load
from penstock.config.models import Config, Key, Price

ENVIRON = {
    "AZURE_EU_BASE": "https://eu.openai.azure.com",
    "AZURE_EU_KEY": "azure-eu-secret",
    "OPENAI_API_KEY": "sk-openai-secret",
    "ANTHROPIC_API_KEY": "sk-ant-secret",
    "GATEWAY_MASTER_KEY": "sk-master-secret",
    "LOGGING_TARGET": "logs.internal",
    "WEBHOOK_TOKEN": "webhook-secret",
    "GRACEFUL_SHUTDOWN_TIMEOUT": "45",
    "AIOHTTP_CONNECTOR_LIMIT": "0",
    "AIOHTTP_KEEPALIVE_TIMEOUT": "90",
}
SECRETS = [text for text in ENVIRON.values() if "secret" in text] + ["sk-inline-secret", "sk-app-secret"]
MAIN = """
include: [models/more.yaml]

x-limits: &limits
  timeout: 120
  stream_timeout: 20
  max_retries: 1

environment_variables:
  OTEL_ENDPOINT: "https://otel.internal/v1"
  OTEL_HOST: os.environ/LOGGING_TARGET

credential_list:
  - credential_name: azure-eu
    credential_values:
      api_key: os.environ/AZURE_EU_KEY
      api_base: os.environ/AZURE_EU_BASE
      api_version: 2024-10-21
    credential_info: {description: "EU subscription"}

model_list:
  - model_name: gpt-4o
    litellm_params:
      <<: *limits
      model: azure/gpt-4o-eu
      litellm_credential_name: azure-eu
      rpm: 600
      weight: 3
      order: 1
      temperature: 0.2
      tags: [eu]
    model_info:
      id: eu-1
      mode: chat
      base_model: azure/gpt-4o
      input_cost_per_token: 2.5e-6
      output_cost_per_token: 1e-5
      input_cost_per_token_above_200k_tokens: 5e-6
      max_input_tokens: 128000
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      max_parallel_requests: 50
      order: 2
      extra_headers: {OpenAI-Beta: assistants=v2}
    tpm: 200000
  - model_name: anthropic/*
    litellm_params:
      model: anthropic/*
      api_key: os.environ/ANTHROPIC_API_KEY
      keepalive_seconds: 15
  - model_name: claude-bedrock
    litellm_params:
      model: bedrock/anthropic.claude-sonnet-4-5
      aws_region_name: eu-central-1

litellm_settings:
  drop_params: true
  set_verbose: false
  num_retries: 3
  request_timeout: 90
  context_window_fallbacks: [{gpt-4o: [anthropic/claude-sonnet-4-5]}]
  callbacks: ["prometheus", "hooks.audit"]
  success_callback: ["langfuse"]
  cache: true
  cache_params: {type: redis}
  http2: false

router_settings:
  routing_strategy: usage-based-routing-v2
  num_retries: 2
  timeout: 300
  retry_after: 1
  allowed_fails: 2
  cooldown_time: 30
  redis_host: os.environ/REDIS_HOST
  redis_password: os.environ/REDIS_PASSWORD
  enable_tag_filtering: true
  model_group_alias:
    gpt-4: gpt-4o
    gpt-4-hidden: {model: gpt-4o, hidden: true}
  fallbacks:
    - gpt-4o: [anthropic/claude-sonnet-4-5, llama]
  default_fallbacks: [llama]
  retry_policy:
    RateLimitErrorRetries: 4
    BadRequestErrorRetries: 0
  model_group_retry_policy:
    llama: {TimeoutErrorRetries: 1}
  allowed_fails_policy: {InternalServerErrorAllowedFails: 20}

general_settings:
  master_key: os.environ/GATEWAY_MASTER_KEY
  database_url: os.environ/DATABASE_URL
  alerting: ["slack"]
  max_request_size_mb: 10
  pass_through_endpoints:
    - path: /v1/rerank
      target: https://api.cohere.com/v1/rerank
      headers: {Authorization: os.environ/WEBHOOK_TOKEN, content-type: application/json}
      forward_headers: true

guardrails:
  - guardrail_name: pii
    litellm_params: {guardrail: presidio, mode: pre_call}

callback_settings:
  otel: {message_logging: false}

penstock_settings:
  rescue: true
  hedge: true
  hedge_percentile: 0.9
  keys:
    - {name: app, key: sk-app-secret, models: [gpt-4o]}
    - {name: batch, sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}
  journal: {jsonl: /var/log/penstock.jsonl, keep_text: false, queue: 500}
  upstream: {connect_s: 3}
"""
MORE = """
model_list:
  - model_name: llama
    litellm_params:
      model: meta-llama/Llama-3.3-70B-Instruct
      api_base: http://gpu-1:8000/v1
      api_key: sk-inline-secret
      extra_body: {top_k: 20}
"""


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "more.yaml").write_text(MORE)
    (tmp_path / "config.yaml").write_text(MAIN)
    return load(tmp_path / "config.yaml", environ=ENVIRON)


@pytest.fixture
def config(loaded: Loaded) -> Config:
    assert loaded.errors == ()
    assert loaded.config is not None
    return loaded.config


def test_all_that_has_no_effect_is_said(loaded: Loaded) -> None:
    assert [each.path for each in loaded.complaints] == [
        "model_list[3].litellm_params.model",
        "model_list[3].litellm_params.aws_region_name",
        "litellm_settings.success_callback[0]",
        "litellm_settings.cache",
        "litellm_settings.cache_params",
        "router_settings.redis_host",
        "router_settings.redis_password",
        "general_settings.database_url",
        "general_settings.alerting",
        "guardrails",
    ]
    assert loaded.complaints[0].line is not None
    assert "bedrock" in MAIN.splitlines()[loaded.complaints[0].line - 1]


def test_no_secret_is_shown(loaded: Loaded, config: Config) -> None:
    shown = repr(config) + repr(loaded) + "".join(map(str, loaded.complaints))
    assert [text for text in SECRETS if text in shown] == []


def test_deployments(config: Config) -> None:
    eu, openai, pattern, llama = config.deployments
    assert (eu.id, eu.provider, eu.model, eu.api_version) == ("eu-1", "azure", "gpt-4o-eu", "2024-10-21")
    assert eu.api_key is not None and eu.api_key.reveal() == "azure-eu-secret"
    assert (eu.api_base, eu.rpm, eu.weight, eu.order) == ("https://eu.openai.azure.com", 600, 3.0, 1)
    assert (eu.timeout_s, eu.stream_timeout_s, eu.num_retries, eu.tags) == (120.0, 20.0, 1, ("eu",))
    assert (dict(eu.params), eu.mode, eu.max_input_tokens) == ({"temperature": 0.2}, "chat", 128000)
    assert (eu.price.input_token, eu.price.output_token, eu.price.above_tokens) == (2.5e-6, 1e-5, 200_000)
    assert eu.price.above == Price(input_token=5e-6, output_token=1e-5)
    assert eu.info["base_model"] == "azure/gpt-4o"
    assert openai.api_key is not None and openai.api_key.reveal() == "sk-openai-secret"
    assert (openai.tpm, openai.max_parallel, openai.headers) == (200_000, 50, (("OpenAI-Beta", "assistants=v2"),))
    assert openai.timeout_s == 90.0, "request_timeout is per attempt beside a router timeout"
    assert (pattern.group, pattern.model, pattern.keepalive_s) == ("anthropic/*", "*", 15.0)
    assert (llama.provider, llama.model) == ("openai", "meta-llama/Llama-3.3-70B-Instruct")
    assert dict(llama.params) == {"top_k": 20}
    assert len({each.id for each in config.deployments}) == 4


def test_router(config: Config) -> None:
    router = config.router
    assert (router.strategy, router.num_retries, router.timeout_s) == ("usage-based-routing-v2", 2, 300.0)
    assert (router.retry_after_s, router.allowed_fails, router.cooldown_s) == (1.0, 2, 30.0)
    assert router.fallbacks == {"gpt-4o": ("anthropic/claude-sonnet-4-5", "llama")}
    assert router.context_window_fallbacks == {"gpt-4o": ("anthropic/claude-sonnet-4-5",)}
    assert (router.default_fallbacks, router.tag_filtering) == (("llama",), True)
    assert router.aliases == {"gpt-4": "gpt-4o", "gpt-4-hidden": "gpt-4o"}
    assert router.hidden_aliases == {"gpt-4-hidden"}
    assert (router.retry_policy.rate_limit, router.retry_policy.bad_request) == (4, 0)
    assert router.group_retry_policy["llama"].timeout == 1
    assert router.allowed_fails_policy.internal_server == 20
    assert (router.rescue, router.hedge, router.hedge_percentile) == (True, True, 0.9)


def test_the_rest(config: Config, loaded: Loaded) -> None:
    general, upstream, journal = config.general, config.upstream, config.journal
    master = hashlib.sha256(b"sk-master-secret").digest()
    assert general.keys[0] == Key(name="master", sha256=master, is_master=True)
    assert [(key.name, key.models) for key in general.keys[1:]] == [("app", ("gpt-4o",)), ("batch", ())]
    assert general.keys[1].sha256 == hashlib.sha256(b"sk-app-secret").digest()
    assert (general.max_request_bytes, general.drain_s, general.drop_params) == (10 * 1024 * 1024, 45.0, True)
    (endpoint,) = general.pass_through
    assert (endpoint.path, endpoint.forward_headers) == ("/v1/rerank", True)
    assert endpoint.headers[0] == ("Authorization", "webhook-secret")
    assert (upstream.http2, upstream.connect_s, upstream.idle_s) == (False, 3.0, 90.0)
    assert upstream.max_connections == 1_000_000
    assert journal.callbacks == ("prometheus", "hooks.audit")
    assert (journal.jsonl_path, journal.queue_n) == ("/var/log/penstock.jsonl", 500)
    assert journal.callback_settings == {"otel": {"message_logging": False}}
    assert config.environment == {"OTEL_ENDPOINT": "https://otel.internal/v1", "OTEL_HOST": "logs.internal"}
    assert [Path(each).name for each in config.sources] == ["config.yaml", "more.yaml"]
    assert loaded.sources == config.sources
