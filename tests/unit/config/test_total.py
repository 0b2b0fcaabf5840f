"""Whatever the file holds, `load` returns: hypothesis tries. And no secret shows, wherever it stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.config import deployment, general, keys, litellm_settings, penstock_settings, router
from penstock.config.fields import names_of
from penstock.config.load import SECTIONS, load, loads
from penstock.config.report import report

KEYS = sorted(
    {
        *SECTIONS,
        *names_of(deployment.PARAMS),
        *names_of(deployment.INFO),
        *deployment.ROW_KEYS,
        *names_of(general.FIELDS),
        *names_of(general.PASS_THROUGH),
        *names_of(litellm_settings.FIELDS),
        *names_of(litellm_settings.CALLBACKS),
        *names_of(router.FIELDS),
        *names_of(keys.FIELDS),
        *names_of(penstock_settings.FIELDS),
        *penstock_settings.PARTS,
        "credential_name",
        "credential_values",
        "RateLimitErrorRetries",
        "hidden",
        "master_key",
        "a",
    }
)
ENVIRON = {"A": "1", "B": "text", "URL": "http://host", "OPENAI_API_KEY": "sk-a"}
TEXTS = st.sampled_from(
    [
        "",
        "a",
        "*",
        "openai/a",
        "azure/b",
        "anthropic/*",
        "x/y",
        "http://h/v1",
        "os.environ/A",
        "os.environ/NONE",
        "true",
    ]
) | st.text(max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.dates()
NAMES = st.sampled_from(KEYS) | st.text(max_size=6)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=20
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {"model_name": TEXTS, "litellm_params": st.dictionaries(st.sampled_from(sorted(deployment.OWN)), VALUES)},
        optional={"model_info": VALUES, "tpm": VALUES},
    ),
    max_size=3,
)
SECTION_OF: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(SECTIONS, VALUES)
SECTION_OF["model_list"] = ROWS | VALUES
for name, table in {
    "router_settings": router.FIELDS,
    "litellm_settings": litellm_settings.FIELDS,
    "general_settings": general.FIELDS,
    "penstock_settings": penstock_settings.FIELDS,
}.items():
    SECTION_OF[name] = st.dictionaries(st.sampled_from(sorted(names_of(table))), VALUES, max_size=6) | VALUES
DOCUMENTS = st.fixed_dictionaries({}, optional=SECTION_OF)
BOUNDED = settings(max_examples=200, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


@BOUNDED
@given(DOCUMENTS)
def test_any_document_loads(document: dict[str, Any]) -> None:
    loaded = loads(document, environ=ENVIRON)
    assert (loaded.config is None) == bool(loaded.errors)
    for complaint in loaded.complaints:
        line = str(complaint)
        assert line.isprintable() and complaint.message
    report(loaded)


@BOUNDED
@given(VALUES)
def test_any_value_loads(value: object) -> None:
    loads(json.dumps(value, default=str), environ=ENVIRON)
    if isinstance(value, dict):
        loads(value, environ=ENVIRON)


@BOUNDED
@given(st.text(max_size=60) | st.text("[]{}:,-&*!|>'\"\n ab<#%@`?~0", max_size=60))
def test_any_text_loads(text: str) -> None:
    loads(text, environ=ENVIRON)


@BOUNDED
@given(st.binary(max_size=60))
def test_any_file_loads(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    loaded = load(path, environ=ENVIRON)
    assert loaded.sources[0] == str(path)
    assert loaded.is_readable


PLACES = [
    "model_list: [{model_name: a, litellm_params: {model: openai/a, api_key: SECRET}}]",
    "model_list: [{model_name: a, litellm_params: {model: openai/a, api_key: [SECRET]}}]",
    "model_list: [{model_name: a, litellm_params: {model: openai/a, api_kee: SECRET}}]",
    "model_list: [{model_name: a, litellm_params: {model: openai/a, timeout: SECRET}}]",
    "model_list: [{model_name: a, litellm_params: {model: openai/a, extra_headers: {authorization: SECRET}}}]",
    "model_list: [{model_name: a, litellm_params: {model: openai/a, extra_body: {token: SECRET}}}]",
    "model_list: [{model_name: a, litellm_params: {model: bedrock/a, aws_secret_access_key: SECRET}}]",
    "model_list: [{model_name: a, litellm_params: {model: openai/a, api_base: 'http://u:SECRET@h'}}]",
    "model_list: [{model_name: a, litellm_params: {model: openai/a}, api_key: SECRET}]",
    "credential_list: [{credential_name: a, credential_values: {api_key: SECRET}}]",
    "general_settings: {master_key: SECRET}",
    "general_settings: {master_key: [SECRET]}",
    "general_settings: {masterkey: SECRET}",
    "general_settings: {database_url: SECRET}",
    "general_settings: {pass_through_endpoints: [{path: /a, target: 'http://h', headers: {a: SECRET}}]}",
    "router_settings: {redis_password: SECRET}",
    "router_settings: {routing_strategy: SECRET}",
    "litellm_settings: {callbacks: [SECRET]}",
    "penstock_settings: {keys: [{name: a, key: SECRET}]}",
    "penstock_settings: {keys: [{name: a, sha256: SECRET}]}",
    "environment_variables: {A: SECRET}",
    "callback_settings: {otel: {headers: SECRET}}",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("spelling", ["sk-hush-hush-4711", "os.environ/HUSH"])
def test_no_secret_shows(place: str, spelling: str) -> None:
    loaded = loads(place.replace("SECRET", spelling), environ={"HUSH": "sk-hush-hush-4711", **ENVIRON})
    assert "hush-hush" not in repr(loaded) + report(loaded) + "".join(map(str, loaded.complaints))


def test_ids_tell_keys_apart_and_are_stable() -> None:
    def ids(*keys: str) -> list[str]:
        rows = [{"model_name": "a", "litellm_params": {"model": "openai/a", "api_key": key}} for key in keys]
        config = loads({"model_list": rows}, environ={}).config
        assert config is not None
        return [each.id for each in config.deployments]

    one, two = ids("k1", "k2")
    assert one != two
    assert ids("k2", "k1") == [two, one]
    assert ids("k1", "k1") == [one, f"{one}-2"]
