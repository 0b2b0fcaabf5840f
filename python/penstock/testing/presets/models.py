"""The list of models, and one of them, as either provider tells it. Anthropic's client says who it is by its
anthropic-version header."""

from __future__ import annotations

from typing import Any

from penstock.testing.presets.turn import CREATED_S, MODEL
from penstock.testing.presets.wire import whole
from penstock.testing.rule import Rule, on

PATH = "/v1/models"


def openai_rules(*names: str, path: str = PATH) -> list[Rule]:
    """The list of these models, and each of them; the scripted one without names."""
    names = names or (MODEL,)
    made = [on("GET", path).reply(whole(openai_list(names), "openai"))]
    return made + [on("GET", f"{path}/{name}").reply(whole(openai_model(name), "openai")) for name in names]


def anthropic_rules(*names: str, path: str = PATH) -> list[Rule]:
    """As openai_rules(), for requests with Anthropic's header."""
    names = names or (MODEL,)
    theirs = {"anthropic-version": None}
    made = [on("GET", path, header=theirs).reply(whole(anthropic_list(names), "anthropic"))]
    return made + [
        on("GET", f"{path}/{name}", header=theirs).reply(whole(anthropic_model(name), "anthropic")) for name in names
    ]


def openai_model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED_S, "owned_by": "penstock"}


def openai_list(names: tuple[str, ...]) -> dict[str, Any]:
    return {"object": "list", "data": [openai_model(name) for name in names]}


def anthropic_model(name: str) -> dict[str, Any]:
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": "2025-06-15T00:00:00Z",
        "lifecycle": "active",
    }


def anthropic_list(names: tuple[str, ...]) -> dict[str, Any]:
    data = [anthropic_model(name) for name in names]
    return {"data": data, "has_more": False, "first_id": names[0], "last_id": names[-1]}
