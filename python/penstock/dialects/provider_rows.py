"""The rows of the table of providers: data, from the providers' documentation and LiteLLM's names for their keys.

A provider that is not here is reached as `openai/NAME` or `custom_openai/NAME` with an api_base. Not here because they
do not speak OpenAI's or Anthropic's format, or sign their requests: Bedrock, Vertex AI, SageMaker, watsonx, ...
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from penstock.dialects.dialect import Dialect

CHAT, COMPLETIONS, EMBEDDINGS = Dialect.CHAT, Dialect.COMPLETIONS, Dialect.EMBEDDINGS
RESPONSES, MESSAGES = Dialect.RESPONSES, Dialect.MESSAGES
PATHS: Mapping[Dialect, str] = MappingProxyType(
    {CHAT: "/chat/completions", COMPLETIONS: "/completions", EMBEDDINGS: "/embeddings", RESPONSES: "/responses"}
)
AZURE_PATHS = PATHS
ANTHROPIC_PATHS: Mapping[Dialect, str] = MappingProxyType({MESSAGES: "/v1/messages"})


class Auth(Enum):
    """How the key is shown."""

    BEARER = "authorization"
    AZURE = "api-key"
    ANTHROPIC = "x-api-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One row."""

    name: str
    api_base: str | None  # None = only with an api_base
    key_env: tuple[str, ...] = ()  # where the key is looked for when the deployment has none, in order
    base_env: tuple[str, ...] = ()  # where an api_base is looked for
    aliases: tuple[str, ...] = ()  # other prefixes that mean it
    auth: Auth = Auth.BEARER
    paths: Mapping[Dialect, str] = field(default_factory=lambda: PATHS)
    needs_key: bool = True
    is_local: bool = False  # on a machine of the owner: its base says nothing about whose it is
    adds_v1: bool = False  # an api_base without /v1 gets one, as with LiteLLM
    takes_stream_options: bool = True  # False: rejects or ignores it; usage comes unasked or not at all
    takes_user: bool = True  # False: unknown fields are an error there, and `user` is one
    takes_top_k: bool = False
    takes_reasoning: bool = False  # wants its reasoning_content back in the next turn
    max_tokens_only: bool = False  # knows max_tokens, not max_completion_tokens


def _paths(*dialects: Dialect) -> Mapping[Dialect, str]:
    return MappingProxyType({dialect: PATHS[dialect] for dialect in dialects})


_CHAT = _paths(CHAT)
_CHAT_TEXT = _paths(CHAT, COMPLETIONS)
_CHAT_EMBED = _paths(CHAT, EMBEDDINGS)
_CHAT_TEXT_EMBED = _paths(CHAT, COMPLETIONS, EMBEDDINGS)


def _row(name: str, base: str | None, keys: str, bases: str = "", **more: object) -> Provider:
    return Provider(name=name, api_base=base, key_env=tuple(keys.split()), base_env=tuple(bases.split()), **more)  # type: ignore[arg-type]


_NO_KEY: dict[str, object] = {"needs_key": False, "is_local": True}

ROWS: tuple[Provider, ...] = (
    _row(
        "openai",
        "https://api.openai.com/v1",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL OPENAI_API_BASE",
        aliases=("text-completion-openai",),
    ),
    _row(
        "azure",
        None,
        "AZURE_API_KEY AZURE_OPENAI_API_KEY",
        "AZURE_API_BASE AZURE_OPENAI_ENDPOINT",
        aliases=("azure_text",),
        auth=Auth.AZURE,
    ),
    _row(
        "anthropic",
        "https://api.anthropic.com",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_BASE_URL ANTHROPIC_API_BASE",
        auth=Auth.ANTHROPIC,
        paths=ANTHROPIC_PATHS,
    ),
    # Any server that speaks OpenAI's format.
    _row(
        "custom_openai",
        None,
        "OPENAI_LIKE_API_KEY",
        "OPENAI_LIKE_API_BASE",
        aliases=("openai_like", "aiohttp_openai"),
        needs_key=False,
        is_local=True,
        takes_top_k=True,
    ),
    _row(
        "litellm_proxy",
        None,
        "LITELLM_PROXY_API_KEY",
        "LITELLM_PROXY_API_BASE",
        is_local=True,
        takes_top_k=True,
        takes_reasoning=True,
    ),
    # On machines of the owner.
    _row(
        "hosted_vllm",
        None,
        "HOSTED_VLLM_API_KEY",
        "HOSTED_VLLM_API_BASE",
        aliases=("vllm",),
        takes_top_k=True,
        **_NO_KEY,
    ),
    _row(
        "ollama",
        "http://localhost:11434/v1",
        "OLLAMA_API_KEY",
        "OLLAMA_API_BASE",
        aliases=("ollama_chat",),
        adds_v1=True,
        max_tokens_only=True,
        **_NO_KEY,
    ),
    _row("lm_studio", "http://localhost:1234/v1", "LM_STUDIO_API_KEY", "LM_STUDIO_API_BASE", **_NO_KEY),
    _row(
        "llamafile",
        "http://127.0.0.1:8080/v1",
        "LLAMAFILE_API_KEY",
        "LLAMAFILE_API_BASE",
        max_tokens_only=True,
        **_NO_KEY,
    ),
    _row("xinference", "http://127.0.0.1:9997/v1", "XINFERENCE_API_KEY", "XINFERENCE_API_BASE", **_NO_KEY),
    _row(
        "docker_model_runner",
        "http://localhost:12434/engines/v1",
        "DOCKER_MODEL_RUNNER_API_KEY",
        "DOCKER_MODEL_RUNNER_API_BASE",
        **_NO_KEY,
    ),
    # In the cloud.
    _row("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", "GROQ_API_BASE", paths=_paths(CHAT, RESPONSES)),
    _row(
        "mistral",
        "https://api.mistral.ai/v1",
        "MISTRAL_API_KEY",
        "MISTRAL_API_BASE",
        paths=_CHAT_EMBED,
        adds_v1=True,
        takes_stream_options=False,  # unknown fields are an error; usage comes unasked, in the last chunk
        max_tokens_only=True,
        takes_user=False,
    ),
    _row(
        "codestral",
        "https://codestral.mistral.ai/v1",
        "CODESTRAL_API_KEY",
        "CODESTRAL_API_BASE",
        paths=_CHAT,
        takes_stream_options=False,
        max_tokens_only=True,
        takes_user=False,
    ),
    _row(
        "deepseek",
        "https://api.deepseek.com",
        "DEEPSEEK_API_KEY",
        "DEEPSEEK_API_BASE",
        paths=_CHAT_TEXT,
        max_tokens_only=True,
        takes_reasoning=True,
    ),
    _row(
        "together_ai",
        "https://api.together.xyz/v1",
        "TOGETHER_API_KEY TOGETHER_AI_API_KEY TOGETHERAI_API_KEY TOGETHER_AI_TOKEN",
        "TOGETHER_AI_API_BASE",
        paths=_CHAT_TEXT_EMBED,
        max_tokens_only=True,
        takes_top_k=True,
    ),
    _row(
        "fireworks_ai",
        "https://api.fireworks.ai/inference/v1",
        "FIREWORKS_API_KEY FIREWORKS_AI_API_KEY FIREWORKSAI_API_KEY FIREWORKS_AI_TOKEN",
        "FIREWORKS_API_BASE",
        max_tokens_only=True,
        takes_top_k=True,
    ),
    _row(
        "openrouter",
        "https://openrouter.ai/api/v1",
        "OPENROUTER_API_KEY OR_API_KEY",
        "OPENROUTER_API_BASE",
        takes_top_k=True,
    ),
    _row(
        "perplexity",
        "https://api.perplexity.ai",
        "PERPLEXITYAI_API_KEY PERPLEXITY_API_KEY",
        "PERPLEXITY_API_BASE",
        paths=_CHAT,
        takes_stream_options=False,  # not in its reference; usage comes unasked
        max_tokens_only=True,
        takes_user=False,
    ),
    _row("xai", "https://api.x.ai/v1", "XAI_API_KEY", "XAI_API_BASE", paths=_paths(CHAT, COMPLETIONS, RESPONSES)),
    _row("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", "CEREBRAS_API_BASE", paths=_CHAT_TEXT),
    _row(
        "sambanova",
        "https://api.sambanova.ai/v1",
        "SAMBANOVA_API_KEY",
        "SAMBANOVA_API_BASE",
        paths=_CHAT_EMBED,
        max_tokens_only=True,
    ),
    _row(
        "nvidia_nim",
        "https://integrate.api.nvidia.com/v1",
        "NVIDIA_NIM_API_KEY",
        "NVIDIA_NIM_API_BASE",
        paths=_CHAT_TEXT_EMBED,
        max_tokens_only=True,
    ),
    _row(
        "deepinfra",
        "https://api.deepinfra.com/v1/openai",
        "DEEPINFRA_API_KEY",
        "DEEPINFRA_API_BASE",
        paths=_CHAT_TEXT_EMBED,
        max_tokens_only=True,
        takes_top_k=True,
    ),
    _row(
        "anyscale",
        "https://api.endpoints.anyscale.com/v1",
        "ANYSCALE_API_KEY",
        "ANYSCALE_API_BASE",
        paths=_CHAT_TEXT_EMBED,
        max_tokens_only=True,
    ),
    _row(
        "github",
        "https://models.github.ai/inference",
        "GITHUB_API_KEY GITHUB_TOKEN",
        "GITHUB_API_BASE",
        paths=_CHAT_EMBED,
    ),
    _row(
        "databricks",  # api_base: https://WORKSPACE/serving-endpoints
        None,
        "DATABRICKS_API_KEY DATABRICKS_TOKEN",
        "DATABRICKS_API_BASE",
        paths=_CHAT_TEXT_EMBED,
        max_tokens_only=True,
    ),
    _row(
        "moonshot",
        "https://api.moonshot.ai/v1",
        "MOONSHOT_API_KEY",
        "MOONSHOT_API_BASE",
        paths=_CHAT,
        takes_reasoning=True,
    ),
    _row(
        "dashscope",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        "DASHSCOPE_API_KEY",
        "DASHSCOPE_API_BASE",
        paths=_CHAT_TEXT_EMBED,
        max_tokens_only=True,
    ),
    _row(
        "volcengine",
        "https://ark.cn-beijing.volces.com/api/v3",
        "VOLCENGINE_API_KEY ARK_API_KEY",
        "VOLCENGINE_API_BASE",
        paths=_CHAT_EMBED,
    ),
    _row(
        "cohere",
        "https://api.cohere.ai/compatibility/v1",
        "COHERE_API_KEY CO_API_KEY",
        "COHERE_API_BASE",
        aliases=("cohere_chat",),
        paths=_CHAT_EMBED,
        takes_stream_options=False,  # rejected (https://docs.cohere.com/docs/compatibility-api)
        max_tokens_only=True,
        takes_user=False,
    ),
    _row(
        "gemini",  # Google's OpenAI-compatible endpoint, https://ai.google.dev/gemini-api/docs/openai
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_API_KEY GOOGLE_API_KEY",
        "GEMINI_API_BASE",
        paths=_CHAT_EMBED,
        takes_user=False,
    ),
    _row(
        "zai",
        "https://api.z.ai/api/paas/v4",
        "ZAI_API_KEY",
        "ZAI_API_BASE",
        paths=_CHAT,
        max_tokens_only=True,
        takes_reasoning=True,
    ),
    _row("minimax", "https://api.minimax.io/v1", "MINIMAX_API_KEY", "MINIMAX_API_BASE", paths=_CHAT),
    _row("novita", "https://api.novita.ai/v3/openai", "NOVITA_API_KEY", "NOVITA_API_BASE", paths=_CHAT_TEXT_EMBED),
    _row("nebius", "https://api.studio.nebius.ai/v1", "NEBIUS_API_KEY", "NEBIUS_API_BASE", paths=_CHAT_TEXT_EMBED),
    _row("hyperbolic", "https://api.hyperbolic.xyz/v1", "HYPERBOLIC_API_KEY", "HYPERBOLIC_API_BASE", paths=_CHAT_TEXT),
    _row("lambda_ai", "https://api.lambda.ai/v1", "LAMBDA_API_KEY", "LAMBDA_API_BASE", paths=_CHAT_TEXT),
    _row(
        "featherless_ai",
        "https://api.featherless.ai/v1",
        "FEATHERLESS_AI_API_KEY",
        "FEATHERLESS_AI_API_BASE",
        paths=_CHAT_TEXT,
    ),
    _row("nscale", "https://inference.api.nscale.com/v1", "NSCALE_API_KEY", "NSCALE_API_BASE", paths=_CHAT),
    _row("baseten", "https://inference.baseten.co/v1", "BASETEN_API_KEY", "BASETEN_API_BASE", paths=_CHAT),
    _row(
        "friendliai", "https://api.friendli.ai/serverless/v1", "FRIENDLI_TOKEN", "FRIENDLI_API_BASE", paths=_CHAT_TEXT
    ),
    _row("meta_llama", "https://api.llama.com/compat/v1", "LLAMA_API_KEY", "LLAMA_API_BASE", paths=_CHAT),
    _row("inception", "https://api.inceptionlabs.ai/v1", "INCEPTION_API_KEY", "INCEPTION_API_BASE", paths=_CHAT),
    _row(
        "vercel_ai_gateway",
        "https://ai-gateway.vercel.sh/v1",
        "VERCEL_AI_GATEWAY_API_KEY VERCEL_OIDC_TOKEN",
        "VERCEL_AI_GATEWAY_API_BASE",
        paths=_CHAT_EMBED,
    ),
)
