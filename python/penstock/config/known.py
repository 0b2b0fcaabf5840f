"""LiteLLM's keys that are no settings of penstock: those that have no effect yet, and those that never matter here.

`*_UNSUPPORTED` are warned of. `*_IGNORED` are silent: they switch LiteLLM's own machinery, and a gateway without it
behaves as if they had been obeyed. Those of litellm_settings, router_settings and general_settings are in
known_settings.
"""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TOP_UNSUPPORTED = words(
    """
    agent_list agents assistant_settings classifier_plugin default_vertex_config files_settings
    finetune_settings guardrails litellm_credentials mcp_aliases mcp_servers mcp_tools pass_through_endpoints
    plugins policies policy_attachments prompts sandbox_tools search_tools vector_store_registry worker_registry
    """
)

ROW_IGNORED = words(
    """
    created_at created_by updated_at updated_by
    """
)
PARAMS_UNSUPPORTED = words(
    """
    adaptive_router_config adaptive_router_default_model additional_drop_params allow_client_keepalive_override
    allowed_openai_params anthropic_disable_workload_identity_federation anthropic_federation_rule_id
    anthropic_federation_workspace_id anthropic_identity_source anthropic_identity_token
    anthropic_identity_token_file anthropic_issuer_audience anthropic_issuer_signing_key_ref
    anthropic_issuer_subject anthropic_issuer_ttl_seconds anthropic_issuer_url anthropic_keycloak_auth_method
    anthropic_keycloak_client_id anthropic_keycloak_client_secret_ref anthropic_keycloak_scope
    anthropic_keycloak_token_url anthropic_organization_id anthropic_service_account_id auto_router_config
    auto_router_config_path auto_router_default_model auto_router_embedding_model auto_router_max_input_chars
    auto_router_model_compression auto_router_routing_compression aws_access_key_id aws_batch_role_arn
    aws_bedrock_project_id aws_bedrock_runtime_endpoint aws_external_id aws_profile_name aws_region_name
    aws_role_name aws_secret_access_key aws_session_name aws_session_tags aws_session_token aws_sts_endpoint
    aws_web_identity_token azure_ad_token azure_ad_token_provider azure_password azure_scope azure_username
    bedrock_tags bos_token bucket_name budget_duration cache_control_injection_points client client_id
    client_secret complexity_router_config complexity_router_default_model configurable_clientside_auth_params
    cooldown_time default_api_key_rpm_limit default_api_key_tpm_limit embedding_model eos_token
    final_prompt_value fireworks_forward_user_id gcs_bucket_name guardrails hf_model_name index_name
    initial_prompt_value itpm langfuse_prompt litellm_trace_id max_budget max_file_size_mb
    merge_reasoning_content_in_choices milvus_db_name milvus_partition_names milvus_text_field mock_response
    mock_timeout mock_tool_calls no-log openai_identity_provider_id openai_identity_token_file
    openai_service_account_id otpm prompt_id prompt_variables provider_affinity_header quality_router_config
    quality_router_default_model region_name roles s3_access_key_id s3_bucket_name s3_bucket_owner
    s3_encryption_key_id s3_endpoint_url s3_output_bucket_name s3_region_name s3_secret_access_key
    stream_timeout_by_service_tier tag_regex tenant_id timeout_by_service_tier use_chat_completions_api
    use_in_pass_through use_litellm_proxy use_xai_oauth valkey_embedding_field valkey_host valkey_password
    valkey_port valkey_ssl valkey_text_field vector_bucket_name vector_store_id vertex_credentials
    vertex_location vertex_project watsonx_region_name
    """
)
PARAMS_UNSUPPORTED_STARTS = ("aws_", "azure_", "gcs_", "milvus_", "s3_", "valkey_", "vertex_", "watsonx_")
# What an upstream request may hold: to find misspelt ones. Others pass, too.
BODY_PARAMS = words(
    """
    audio best_of chat_template_kwargs dimensions echo enable_thinking encoding_format frequency_penalty
    function_call functions guided_choice guided_json guided_regex include input_type logit_bias logprobs
    max_completion_tokens max_output_tokens max_tokens metadata min_p modalities models n parallel_tool_calls
    prediction presence_penalty prompt_cache_key provider reasoning reasoning_effort repetition_penalty
    response_format route safety_identifier safety_settings seed service_tier stop stop_sequences store
    stream_options suffix system temperature thinking tool_choice tools top_k top_logprobs top_p transforms
    truncation user verbosity web_search_options
    """
)

CALLBACKS = ("prometheus", "otel")
CALLBACKS_UNSUPPORTED = words(
    """
    agentops anthropic_cache_control_hook argilla arize arize_phoenix athina aws_sqs azure_content_safety
    azure_sentinel azure_storage batch_redis_requests bitbucket braintrust clickhouse cloudzero
    code_interpreter_interception compression_interception datadog datadog_llm_observability datadog_metrics
    deepeval detect_prompt_injection dotprompt dynamic_rate_limiter dynamic_rate_limiter_v3 dynamodb email focus
    galileo gcs_bucket gcs_pubsub generic_api gitlab google_text_moderation greenscale helicone hide_secrets
    humanloop lago lakera_prompt_injection langfuse langfuse_otel langsmith langtrace levo litedebugger
    litellm_agent literalai llamaguard_moderations llmguard_moderations logfire logzio lunary mavvrik
    max_budget_limiter mlflow newrelic openmeter opik pagerduty pointfive posthog presidio promptlayer
    resend_email s3 s3_v2 sendgrid_email sentry signoz slack smtp_email supabase traceloop vantage
    vector_store_pre_call_hook wandb weave_otel websearch_interception zerobus
    """
)
