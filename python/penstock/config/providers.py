"""Which provider a model string names, and where its key is looked for. Pure.

The rows are those of `dialects.providers` as far as a configuration must know them before anything is sent; providers
that LiteLLM knows and penstock cannot reach yet have their deployments left out, with a warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from penstock.config.known import words

# provider: the variables that hold its key, in LiteLLM's order; () = it needs none
KEY_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "openai": ("OPENAI_API_KEY",),
    "custom_openai": ("OPENAI_API_KEY",),
    "text-completion-openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "azure": ("AZURE_API_KEY",),
    "azure_text": ("AZURE_API_KEY",),
    "azure_ai": ("AZURE_AI_API_KEY",),
    "groq": ("GROQ_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
    "codestral": ("CODESTRAL_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "together_ai": ("TOGETHERAI_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHER_API_KEY"),
    "fireworks_ai": ("FIREWORKS_AI_API_KEY", "FIREWORKS_API_KEY"),
    "openrouter": ("OPENROUTER_API_KEY", "OR_API_KEY"),
    "perplexity": ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
    "xai": ("XAI_API_KEY",),
    "cerebras": ("CEREBRAS_API_KEY",),
    "sambanova": ("SAMBANOVA_API_KEY",),
    "nvidia_nim": ("NVIDIA_NIM_API_KEY",),
    "deepinfra": ("DEEPINFRA_API_KEY",),
    "moonshot": ("MOONSHOT_API_KEY",),
    "dashscope": ("DASHSCOPE_API_KEY",),
    "novita": ("NOVITA_API_KEY",),
    "nebius": ("NEBIUS_API_KEY",),
    "hyperbolic": ("HYPERBOLIC_API_KEY",),
    "lambda_ai": ("LAMBDA_API_KEY",),
    "github": ("GITHUB_API_KEY",),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "cohere": ("COHERE_API_KEY", "CO_API_KEY"),
    "cohere_chat": ("COHERE_API_KEY", "CO_API_KEY"),
    "ai21": ("AI21_API_KEY",),
    "ai21_chat": ("AI21_API_KEY",),
    "voyage": ("VOYAGE_API_KEY",),
    "jina_ai": ("JINA_AI_API_KEY",),
    "huggingface": ("HF_TOKEN", "HUGGINGFACE_API_KEY"),
    "baseten": ("BASETEN_API_KEY",),
    "featherless_ai": ("FEATHERLESS_AI_API_KEY",),
    "friendliai": ("FRIENDLI_TOKEN",),
    "inception": ("INCEPTION_API_KEY",),
    "meta_llama": ("LLAMA_API_KEY",),
    "zai": ("ZAI_API_KEY",),
    "minimax": ("MINIMAX_API_KEY",),
    "volcengine": ("VOLCENGINE_API_KEY", "ARK_API_KEY"),
    "vercel_ai_gateway": ("VERCEL_AI_GATEWAY_API_KEY",),
    "litellm_proxy": ("LITELLM_PROXY_API_KEY",),
    "hosted_vllm": (),
    "vllm": (),
    "ollama": (),
    "ollama_chat": (),
    "lm_studio": (),
    "llamafile": (),
    "xinference": (),
    "infinity": (),
    "docker_model_runner": (),
    "openai_like": (),
}
# LiteLLM's, with signatures or formats of their own
UNSUPPORTED = words(
    """
    bedrock bedrock_mantle sagemaker sagemaker_chat sagemaker_nova vertex_ai vertex_ai_beta watsonx watsonx_text
    oci replicate clarifai petals nlp_cloud triton predibase databricks snowflake cloudflare ragflow deepgram
    elevenlabs assemblyai azure_speech aws_polly runwayml black_forest_labs fal_ai stability recraft topaz sap
    gigachat maritalk anthropic_text github_copilot chatgpt a2a langgraph auto_router bytez reducto
    """
)
# A name without a provider, as LiteLLM guesses it
STARTS = {
    "claude": "anthropic",
    **dict.fromkeys(
        ("gpt-", "chatgpt", "o1", "o3", "o4", "text-embedding-", "dall-e", "whisper", "tts-", "omni-moderation"),
        "openai",
    ),
    "gemini": "gemini",
    "command": "cohere_chat",
    "mistral-": "mistral",
    "deepseek-": "deepseek",
    "grok-": "xai",
    "*": "openai",
}


class Split(NamedTuple):
    provider: str | None  # None = it cannot be told
    model: str


def split_model(model: str, api_base: str | None, provider: str | None = None) -> Split:
    """The provider and what it is asked for. `provider` is custom_llm_provider.

    >>> split_model("groq/llama-3.3-70b", None)
    Split(provider='groq', model='llama-3.3-70b')
    >>> split_model("my/own", "http://gpu:8000/v1").provider
    'openai'
    """
    first, separator, rest = model.partition("/")
    if provider is not None:
        return Split(provider, rest if separator and first == provider and rest else model)
    if separator and rest and is_provider(first):
        return Split(first, rest)
    if api_base is not None:
        return Split("openai", model)
    return Split(next((named for start, named in STARTS.items() if model.startswith(start)), None), model)


def is_provider(name: str) -> bool:
    return name in KEY_VARIABLES or name in UNSUPPORTED


def key_variable(provider: str, environ: Mapping[str, str]) -> str | None:
    """The variable that holds the provider's key; None when none of them is set."""
    return next((name for name in KEY_VARIABLES.get(provider, ()) if environ.get(name)), None)
