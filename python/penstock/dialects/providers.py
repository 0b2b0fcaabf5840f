"""Providers: where they are, how they want their key, what they speak. One table; a deployment names a row.

Sources are the providers' own API references; names are LiteLLM's prefixes (`provider/model`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from penstock.config.models import Deployment
from penstock.dialects.dialect import Dialect

OPENAI_PATHS: Mapping[Dialect, str] = {
    Dialect.CHAT: "/chat/completions",
    Dialect.COMPLETIONS: "/completions",
    Dialect.EMBEDDINGS: "/embeddings",
}
ALL_OPENAI_PATHS: Mapping[Dialect, str] = {**OPENAI_PATHS, Dialect.RESPONSES: "/responses"}


class Auth(str, Enum):
    """The header that carries the key."""

    BEARER = "authorization"
    X_API_KEY = "x-api-key"
    API_KEY = "api-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """api_base       without a trailing slash; None = the deployment must name it
    key_env, base_env  environment variables for key and address, first that is set
    paths          dialects it speaks, and where under the base
    usage_option   it understands stream_options.include_usage
    """

    name: str
    api_base: str | None
    key_env: tuple[str, ...] = ()
    base_env: tuple[str, ...] = ()
    auth: Auth = Auth.BEARER
    paths: Mapping[Dialect, str] = field(default_factory=lambda: OPENAI_PATHS)
    headers: tuple[tuple[str, str], ...] = ()
    usage_option: bool = True
    needs_key: bool = True


def _compatible(name: str, api_base: str | None, key: str, **settings: object) -> Provider:
    upper = name.upper()
    return Provider(
        name=name, api_base=api_base, key_env=(key,) if key else (), base_env=(f"{upper}_API_BASE",), **settings  # type: ignore[arg-type]
    )


ROWS = (
    Provider(
        name="openai",
        api_base="https://api.openai.com/v1",
        key_env=("OPENAI_API_KEY",),
        base_env=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
        paths=ALL_OPENAI_PATHS,
    ),
    Provider(
        name="azure",
        api_base=None,
        key_env=("AZURE_API_KEY", "AZURE_OPENAI_API_KEY"),
        base_env=("AZURE_API_BASE", "AZURE_OPENAI_ENDPOINT"),
        auth=Auth.API_KEY,
        paths=ALL_OPENAI_PATHS,
    ),
    Provider(
        name="anthropic",
        api_base="https://api.anthropic.com",
        key_env=("ANTHROPIC_API_KEY",),
        base_env=("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"),
        auth=Auth.X_API_KEY,
        paths={Dialect.MESSAGES: "/v1/messages"},
        headers=(("anthropic-version", "2023-06-01"),),
    ),
    _compatible("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    _compatible("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", usage_option=False),
    _compatible("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    _compatible("together_ai", "https://api.together.xyz/v1", "TOGETHERAI_API_KEY"),
    _compatible("fireworks_ai", "https://api.fireworks.ai/inference/v1", "FIREWORKS_AI_API_KEY"),
    _compatible("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    _compatible("perplexity", "https://api.perplexity.ai", "PERPLEXITYAI_API_KEY"),
    _compatible("xai", "https://api.x.ai/v1", "XAI_API_KEY"),
    _compatible("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    _compatible("sambanova", "https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
    _compatible("nvidia_nim", "https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY"),
    _compatible("deepinfra", "https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"),
    _compatible("moonshot", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY"),
    _compatible("gemini", "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
    _compatible("hosted_vllm", None, "HOSTED_VLLM_API_KEY", needs_key=False),
    _compatible("vllm", None, "VLLM_API_KEY", needs_key=False),
    _compatible("ollama", "http://localhost:11434/v1", "OLLAMA_API_KEY", needs_key=False),
    _compatible("ollama_chat", "http://localhost:11434/v1", "OLLAMA_API_KEY", needs_key=False),
    _compatible("lm_studio", "http://localhost:1234/v1", "LM_STUDIO_API_KEY", needs_key=False),
    _compatible("llamafile", "http://localhost:8080/v1", "LLAMAFILE_API_KEY", needs_key=False),
    _compatible("custom_openai", None, "OPENAI_API_KEY", needs_key=False),
    _compatible("openai_like", None, "OPENAI_LIKE_API_KEY", needs_key=False),
)
PROVIDERS: Mapping[str, Provider] = {each.name: each for each in ROWS}


def split_model(model: str, api_base: str | None = None) -> tuple[str, str]:
    """LiteLLM's `provider/name`. A name without a known prefix is told by its beginning; with an address of its own
    it is OpenAI's dialect.

    >>> split_model("azure/gpt-4o"), split_model("claude-sonnet-4-5"), split_model("gpt-4o")
    (('azure', 'gpt-4o'), ('anthropic', 'claude-sonnet-4-5'), ('openai', 'gpt-4o'))
    """
    prefix, slash, rest = model.partition("/")
    if slash and prefix in PROVIDERS:
        return prefix, rest
    if model.startswith("claude") and api_base is None:
        return "anthropic", model
    return "openai", model


def address_of(deployment: Deployment) -> str:
    """The address under which a deployment's paths are; "" when nobody said."""
    base = deployment.api_base or PROVIDERS[deployment.provider].api_base or ""
    return base.rstrip("/")


def url_of(deployment: Deployment, dialect: Dialect, model: str) -> str:
    """Where a call of this dialect goes. An api_base may end with /v1 or with the whole path, as LiteLLM takes it."""
    provider = PROVIDERS[deployment.provider]
    base, path = address_of(deployment), provider.paths[dialect]
    if provider.name == "azure":
        version = deployment.api_version or "2024-10-21"
        if "/openai/deployments/" in base:
            return f"{base}{path}?api-version={version}"
        if base.endswith("/openai/v1") or dialect is Dialect.RESPONSES:
            root = base if base.endswith("/openai/v1") else f"{base}/openai/v1"
            return f"{root}{path}" + (f"?api-version={deployment.api_version}" if deployment.api_version else "")
        return f"{base}/openai/deployments/{model}{path}?api-version={version}"
    if base.endswith(path):
        return base
    if provider.name == "anthropic" and base.endswith("/v1"):
        base = base[:-3]
    return f"{base}{path}"
