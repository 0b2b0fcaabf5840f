"""LiteLLM's keys that are no settings of penstock: those that have no effect yet, and those that never matter here.

`*_UNSUPPORTED` are warned of. `*_IGNORED` are silent: they switch LiteLLM's own machinery, and a gateway without it
behaves as if they had been obeyed.
"""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TOP_UNSUPPORTED = words(
    """
    guardrails mcp_servers mcp_tools mcp_aliases search_tools vector_store_registry prompts policies
    policy_attachments agent_list agents assistant_settings files_settings finetune_settings sandbox_tools
    plugins worker_registry default_vertex_config classifier_plugin pass_through_endpoints litellm_credentials
    """
)

LITELLM_UNSUPPORTED = words(
    """
    cache cache_params enable_caching_on_provider_specific_optional_params default_in_memory_ttl
    default_redis_ttl max_budget budget_duration default_team_settings default_team_params
    default_internal_user_params max_internal_user_budget internal_user_budget_duration
    default_max_internal_user_budget max_ui_session_budget upperbound_key_generate_params
    default_key_generate_params key_generation_settings key_alias_pattern tag_budget_config max_end_user_budget
    max_end_user_budget_id service_callback service_callbacks input_callback audit_log_callbacks
    store_audit_logs custom_provider_map post_call_rules pre_call_rules guardrails model_alias_map
    model_group_settings cost_discount_config cost_margin_config ssl_security_level ssl_ecdh_curve force_ipv4
    modify_params add_function_to_prompt custom_prompt_dict mcp_aliases responses datadog_params
    langfuse_default_tags redact_user_api_key_info public_model_groups global_prompt_directory
    extra_spend_tag_headers json_logs prometheus_metrics_config custom_prometheus_metadata_labels
    custom_prometheus_tags priority_reservation priority_reservation_settings include_cost_in_streaming_usage
    use_chat_completions_url_for_anthropic_messages route_all_chat_openai_to_responses
    anthropic_sse_ping_interval_seconds vertex_project vertex_location require_auth_for_metrics_endpoint
    return_response_headers api_base headers organization proxy_auth add_user_information_to_llm_headers
    num_retries_per_request network_mock enable_json_schema_validation
    """
)
LITELLM_IGNORED = words(
    """
    set_verbose suppress_debug_info telemetry log_raw_request_response disable_streaming_logging
    disable_token_counter disable_hf_tokenizer_download disable_aiohttp_transport use_aiohttp_transport
    aiohttp_trust_env cache_responses disable_add_prefix_to_prompt disable_end_user_cost_tracking
    disable_end_user_cost_tracking_prometheus_only drop_unknown_params disable_copilot_system_to_assistant
    """
)

ROUTER_UNSUPPORTED = words(
    """
    redis_url redis_host redis_port redis_password redis_db redis_startup_nodes cache_responses cache_kwargs
    caching_groups provider_budget_config alerting_config assistants_config search_tools guardrail_list plugins
    optional_pre_call_checks enable_tag_filtering tag_filtering_match_any tag_routing_prefix routing_groups
    default_litellm_params default_priority polling_interval router_general_settings
    deployment_affinity_ttl_seconds model_group_affinity_config enable_health_check_routing
    health_check_staleness_threshold health_check_ignore_transient_errors background_health_check_model_groups
    enable_weighted_failover weights
    """
)
ROUTER_IGNORED = words(
    """
    set_verbose debug_level client_ttl ignore_invalid_deployments model_list
    """
)

GENERAL_UNSUPPORTED = words(
    """
    database_url database_type database_args database_connection_pool_limit database_connection_timeout
    store_model_in_db store_prompts_in_spend_logs alerting alert_types alerting_threshold alerting_args
    alert_to_webhook_url spend_report_frequency custom_auth custom_auth_run_common_checks custom_sso
    custom_key_generate custom_key_update enable_jwt_auth litellm_jwtauth enable_oauth2_auth
    enable_oauth2_proxy_auth oauth2_config_mappings key_management_system key_management_settings use_google_kms
    use_azure_key_vault use_aws_secret_manager otel max_parallel_requests global_max_parallel_requests
    max_in_flight_requests_per_worker max_queued_requests_per_worker admission_queue_timeout_seconds
    max_response_size_mb background_health_checks health_check_details use_shared_health_check allowed_routes
    public_routes allowed_ips use_x_forwarded_for enforce_user_param enforced_params
    reject_clientside_metadata_tags user_header_name user_header_mappings litellm_key_header_name
    completion_model infer_model_from_keys forward_llm_provider_auth_headers pass_through_request_timeout
    allow_client_side_credentials role_permissions coordination_redis use_redis_transaction_buffer
    maximum_spend_logs_retention_period maximum_spend_logs_retention_interval plugins max_file_size_mb
    allowed_file_extensions blocked_file_extensions enable_drain_endpoint drain_endpoint_token
    token_rate_limit_type cancel_on_disconnect user_api_key_cache_ttl dynamic_rate_limiter search_tools tracing
    require_end_user_mcp_access_defined mcp_internal_ip_ranges supported_db_objects
    fail_closed_budget_enforcement health_check_concurrency model_list_healthy_only
    expose_fallback_errors_to_caller image_generation_model
    """
)
GENERAL_IGNORED = words(
    """
    proxy_batch_write_at proxy_batch_polling_interval proxy_budget_rescheduler_min_time
    proxy_budget_rescheduler_max_time disable_spend_logs disable_spend_updates disable_error_logs
    disable_master_key_return disable_reset_budget disable_prisma_schema_update
    disable_retry_on_max_parallel_request_limit_error allow_requests_on_db_unavailable ui_access_mode
    disable_responses_id_security proxy_config_reload_interval_seconds service_account_settings
    dangerously_permit_weak_or_unset_master_key disable_budget_reservation default_team_disabled
    """
)

ROW_IGNORED = words(
    """
    blocked created_at updated_at created_by updated_by
    """
)
PARAMS_UNSUPPORTED = words(
    """
    aws_access_key_id aws_secret_access_key aws_session_token aws_region_name aws_session_name aws_profile_name
    aws_role_name aws_web_identity_token aws_sts_endpoint aws_external_id aws_bedrock_runtime_endpoint
    region_name vertex_project vertex_location vertex_credentials watsonx_region_name azure_ad_token
    azure_ad_token_provider tenant_id client_id client_secret azure_scope azure_username azure_password
    max_budget budget_duration mock_response mock_timeout itpm otpm tag_regex timeout_by_service_tier
    stream_timeout_by_service_tier configurable_clientside_auth_params provider_affinity_header
    auto_router_config auto_router_config_path auto_router_default_model auto_router_embedding_model
    complexity_router_config complexity_router_default_model adaptive_router_config
    adaptive_router_default_model quality_router_config quality_router_default_model additional_drop_params
    allowed_openai_params use_chat_completions_api use_in_pass_through use_litellm_proxy
    merge_reasoning_content_in_choices default_api_key_tpm_limit default_api_key_rpm_limit guardrails
    hf_model_name roles initial_prompt_value final_prompt_value bos_token eos_token
    allow_client_keepalive_override cache_control_injection_points prompt_id prompt_variables langfuse_prompt
    gcs_bucket_name max_file_size_mb vector_store_id no-log client mock_tool_calls
    """
)
# What an upstream request may hold: to find misspelt ones. Others pass, too.
BODY_PARAMS = words(
    """
    temperature top_p top_k min_p max_tokens max_completion_tokens max_output_tokens stop n seed
    presence_penalty frequency_penalty repetition_penalty logit_bias logprobs top_logprobs user response_format
    tools tool_choice parallel_tool_calls functions function_call stream_options reasoning_effort reasoning
    thinking service_tier store metadata modalities audio prediction verbosity web_search_options dimensions
    encoding_format system safety_settings best_of echo suffix prompt_cache_key safety_identifier provider
    models route transforms include truncation stop_sequences chat_template_kwargs guided_json guided_regex
    guided_choice enable_thinking input_type
    """
)
CALLBACKS = ("prometheus", "otel")
CALLBACKS_UNSUPPORTED = words(
    """
    lago openmeter logfire literalai litellm_agent dynamic_rate_limiter dynamic_rate_limiter_v3 langsmith
    datadog datadog_metrics datadog_llm_observability galileo braintrust arize arize_phoenix langtrace
    gcs_bucket gcs_pubsub azure_storage opik argilla mlflow langfuse langfuse_otel weave_otel pagerduty
    humanloop azure_sentinel agentops anthropic_cache_control_hook generic_api resend_email sendgrid_email
    smtp_email deepeval s3 s3_v2 clickhouse dynamodb sentry slack posthog helicone wandb traceloop athina lunary
    supabase promptlayer greenscale vector_store_pre_call_hook dotprompt bitbucket gitlab cloudzero focus
    vantage levo newrelic signoz presidio aws_sqs logzio azure_content_safety hide_secrets llmguard_moderations
    llamaguard_moderations google_text_moderation lakera_prompt_injection detect_prompt_injection
    batch_redis_requests max_budget_limiter email
    """
)
