"""A record in the shape that LiteLLM gives its callbacks: kwargs with a `standard_logging_object`, a response, times.

Best effort, for loggers that people have: the fields that they read are there, what LiteLLM knows and a record does not
is None or absent. Without kept text the messages are one placeholder, as with LiteLLM's turn_off_message_logging.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

import msgspec

from penstock.journal.litellm_names import CALL_TYPE, EXCEPTION_CLASS, exception_class
from penstock.journal.record import Record

REDACTED = "redacted-by-penstock"
# StandardLoggingMetadata: loggers read these without asking whether they are there.
NO_METADATA: dict[str, Any] = dict.fromkeys(
    [
        *(f"user_api_key_{name}" for name in ("hash", "alias", "spend", "max_budget", "budget_reset_at")),
        *(f"user_api_key_user_{name}" for name in ("id", "email", "spend", "max_budget")),
        *(f"user_api_key_team_{name}" for name in ("id", "alias", "spend", "max_budget")),
        *(f"user_api_key_{name}" for name in ("org_id", "org_alias", "project_id", "project_alias", "end_user_id")),
        *("user_api_key_request_route", "user_api_key_auth_metadata", "spend_logs_metadata", "requester_ip_address"),
        *("user_agent", "requester_metadata", "requester_custom_headers", "prompt_management_metadata"),
        *("mcp_tool_call_metadata", "vector_store_request_metadata", "routing_decision", "applied_guardrails"),
        *("usage_object", "cold_storage_object_key", "team_alias", "team_id", "used_client_oauth_token"),
    ]
)


class View(dict[str, Any]):
    """A dict that also answers to attributes, as LiteLLM's response objects do."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class LoggedError(Exception):
    """What failed, as `kwargs["exception"]`: its class has the name of LiteLLM's (loggers look at that)."""

    def __init__(self, message: str, *, status: int, llm_provider: str | None, model: str) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status
        self.llm_provider = llm_provider
        self.model = model


ERROR_CLASSES = {name: type(name, (LoggedError,), {}) for name in {*EXCEPTION_CLASS.values(), exception_class(None)}}


class LoggedCall(NamedTuple):
    """The arguments of log_success_event and its kin, in their order."""

    kwargs: dict[str, Any]
    response_obj: View | None
    start_time: datetime
    end_time: datetime


def logged_call(record: Record) -> LoggedCall:
    start = datetime.fromtimestamp(record.started_s, timezone.utc)
    end = start + timedelta(milliseconds=record.duration_ms)
    standard = standard_payload(record)
    metadata = standard["metadata"]
    kwargs: dict[str, Any] = {
        "model": _model(record),
        "messages": standard["messages"],
        "stream": record.stream,
        "user": record.user,
        "call_type": standard["call_type"],
        "custom_llm_provider": record.provider,
        "litellm_call_id": record.id,
        "litellm_params": {
            "api_base": record.api_host,
            "metadata": {
                **metadata,
                "model_group": record.group,
                "tags": list(record.tags),
                "model_info": {"id": record.deployment},
            },
            "model_info": {"id": record.deployment},
            "custom_llm_provider": record.provider,
        },
        "optional_params": {},
        "response_cost": record.cost_usd,
        "cache_hit": None,
        "start_time": start,
        "end_time": end,
        "completion_start_time": end if record.ttft_ms is None else start + timedelta(milliseconds=record.ttft_ms),
        "standard_logging_object": standard,
    }
    if record.outcome != "complete":
        kwargs["exception"] = ERROR_CLASSES[standard["error_information"]["error_class"]](
            standard["error_str"] or record.outcome,
            status=record.status,
            llm_provider=record.provider,
            model=_model(record),
        )
    return LoggedCall(kwargs, _response(record), start, end)


def standard_payload(record: Record) -> View:
    """LiteLLM's StandardLoggingPayload, as far as a record goes."""
    end_s = record.started_s + record.duration_ms / 1000
    usage, error = record.usage, record.error
    is_ok = record.outcome == "complete"
    return View(
        id=record.answer_id or record.id,
        trace_id=record.id,
        session_id=record.session,
        litellm_call_id=record.id,
        call_type=CALL_TYPE.get(record.dialect, record.dialect),
        stream=record.stream,
        response_cost=record.cost_usd or 0.0,
        status="success" if is_ok else "failure",
        custom_llm_provider=record.provider,
        total_tokens=usage.total if usage else 0,
        prompt_tokens=usage.input if usage else 0,
        completion_tokens=usage.output if usage else 0,
        startTime=record.started_s,
        endTime=end_s,
        completionStartTime=end_s if record.ttft_ms is None else record.started_s + record.ttft_ms / 1000,
        response_time=record.duration_ms / 1000,
        model_map_information={"model_map_key": _model(record), "model_map_value": None},
        model=_model(record),
        model_id=record.deployment,
        model_group=record.group,
        api_base=record.api_host or "",
        metadata=_metadata(record),
        cache_hit=None,
        cache_key=None,
        saved_cache_cost=0.0,
        request_tags=list(record.tags),
        end_user=record.user,
        requester_ip_address=None,
        user_agent=None,
        messages=_messages(record),
        response=_response(record),
        error_str=error.message if error else None,
        error_information=None
        if is_ok
        else {
            "error_code": str(record.status or ""),
            "error_class": exception_class(error.fault if error else None),
            "llm_provider": record.provider,
            "traceback": None,
            "error_message": error.message if error else record.outcome,
        },
        model_parameters={},
        hidden_params={
            "model_id": record.deployment,
            "cache_key": None,
            "api_base": record.api_host,
            "response_cost": record.cost_usd,
            "litellm_overhead_time_ms": record.overhead_ms,
            "litellm_model_name": _model(record),
            "usage_object": _usage(record),
            "additional_headers": None,
        },
        guardrail_information=None,
    )


def _model(record: Record) -> str:
    return record.model_served or (record.attempts[-1].model if record.attempts else "") or record.model_asked


def _metadata(record: Record) -> dict[str, Any]:
    return {
        **NO_METADATA,
        "user_api_key_alias": record.key_name,
        "user_api_key_end_user_id": record.user,
        "user_api_key_request_route": record.endpoint,
        "usage_object": _usage(record),
    }


def _usage(record: Record) -> View | None:
    usage = record.usage
    if usage is None:
        return None
    return View(
        prompt_tokens=usage.input,
        completion_tokens=usage.output,
        total_tokens=usage.total,
        prompt_tokens_details=View(cached_tokens=usage.cached),
        completion_tokens_details=View(reasoning_tokens=usage.reasoning),
        cache_read_input_tokens=usage.cached,
        cache_creation_input_tokens=usage.cache_write,
    )


def _messages(record: Record) -> Any:
    if record.request_text is None:
        return [{"role": "user", "content": REDACTED}]
    try:
        body = msgspec.json.decode(record.request_text)
    except msgspec.DecodeError:
        return record.request_text
    if isinstance(body, dict):
        return next((body[name] for name in ("messages", "input", "prompt") if name in body), None)
    return None


def _response(record: Record) -> View | None:
    """An answer with usage and, when kept, its text; None when there was none."""
    if record.outcome != "complete":
        return None
    text = REDACTED if record.answer_text is None else record.answer_text
    message = View(role="assistant", content=text)
    return View(
        id=record.answer_id or record.id,
        created=int(record.started_s),
        model=_model(record),
        object="chat.completion",
        choices=[View(index=0, finish_reason=record.finish_reason, message=message)],
        usage=_usage(record),
    )
