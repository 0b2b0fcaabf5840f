"""Which provider a row of model_list means, and what it takes from the environment: key and address. Pure.

What providers are is in `dialects.providers`; here is what a configuration may say of them. Rows of a provider that
LiteLLM knows and penstock cannot reach yet are left out, with a warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.config.kinds import Refused, checked_url
from penstock.config.known import words
from penstock.config.value import Value, nearest
from penstock.dialects.providers import PROVIDERS, split_model
from penstock.secret import Secret

# LiteLLM's names; those that dialects.providers has are not looked at
LITELLM_PROVIDERS = words(
    """
    a2a aiml ai21 ai21_chat aiohttp_openai amazon_nova anthropic_text anyscale assemblyai auto_router aws_polly
    azure_ai azure_speech azure_text baseten bedrock bedrock_mantle black_forest_labs bytez chatgpt chutes clarifai
    cloudflare codestral cohere cohere_chat cometapi compactifai dashscope databricks datarobot deepgram
    docker_model_runner elevenlabs empower fal_ai featherless_ai friendliai galadriel gigachat github github_copilot
    gradient_ai heroku huggingface hyperbolic inception infinity jina_ai lambda_ai langgraph lemonade litellm_proxy
    manus maritalk meta_llama minimax modelscope morph nano-gpt nebius nlp_cloud novita nscale oci oobabooga
    ovhcloud perplexity petals poe predibase publicai qwencloud ragflow recraft replicate reducto runwayml sagemaker
    sagemaker_chat sagemaker_nova sap scaleway snowflake stability synthetic tencent text-completion-codestral
    text-completion-openai topaz triton v0 vercel_ai_gateway vertex_ai vertex_ai_beta volcengine voyage wandb
    watsonx watsonx_text xiaomi_mimo xinference zai
    """
)


def resolve_provider(params: Value, values: dict[str, Any]) -> bool:
    """Set provider and model in `values`, and api_key and api_base from the environment where the row has none.

    False = the row cannot serve, which was complained of.
    """
    name, model = _named(params, values)
    if name is None:
        return False
    values["provider"], values["model"] = name, model
    row, environ = PROVIDERS[name], params.reading.environ
    place = params.entry("model")
    key = next((each for each in row.key_env if environ.get(each)), None)
    if "api_key" not in values and params.entry("api_key").is_null:
        if key is not None:
            values["api_key"] = Secret(environ[key].strip())
            if row.api_base is not None and "api_base" in values and row.needs_key:
                params.entry("api_base").warn(f"there is no api_key: {key} of the environment is sent to this address")
        elif row.needs_key and not ("api_base" in values and row.api_base is not None):
            place.warn(f"has no api_key, and {_either(row.key_env)} is not set: the provider will refuse it")
    if "api_base" not in values and params.entry("api_base").is_null and params.entry("base_url").is_null:
        base = next((each for each in row.base_env if environ.get(each)), None)
        if base is not None:
            try:
                values["api_base"] = checked_url(environ[base].strip())
            except Refused as err:
                place.error(f"environment variable {base}: {err.message}")
                return False
        elif row.api_base is None:
            place.error(f"needs api_base, or {_either(row.base_env)} in the environment: {name} has no address")
            return False
    return True


def _named(params: Value, values: Mapping[str, Any]) -> tuple[str | None, str]:
    """Provider and model; the provider is None after a complaint."""
    model: str = values["model"]
    place, named = params.entry("model"), values.get("provider")
    prefix, slash, rest = model.partition("/")
    if named is None and slash and prefix not in PROVIDERS and "api_base" not in values:
        named, model = prefix, rest
    elif named is not None and slash and prefix == named:
        model = rest
    elif named is not None:
        place = params.entry("custom_llm_provider")
    if named is None:
        return split_model(model, values.get("api_base"))
    if named in PROVIDERS:
        return named, model
    if named in LITELLM_PROVIDERS:
        place.warn(f"provider {named} is LiteLLM's and not supported by penstock yet: the row is left out")
        return None, model
    if "api_base" in values:
        place.warn(f"provider {named} is not known: it is taken for one that speaks OpenAI's API")
        return "openai", model
    place.error("the provider is not known: write provider/model, or api_base", nearest(named, PROVIDERS))
    return None, model


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(names) or "no variable"
