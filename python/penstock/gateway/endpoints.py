"""Which path means what. One table, made at import; a lookup is one dict access for the usual spelling."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from penstock.dialects.dialect import Dialect


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A call to a model. `model` is that of the path (Azure's and LiteLLM's old style), else None."""

    dialect: Dialect
    name: str  # for logs and metrics: the path as documented
    model: str | None = None
    counts_tokens: bool = False


PATHS = {
    "/chat/completions": Dialect.CHAT,
    "/completions": Dialect.COMPLETIONS,
    "/embeddings": Dialect.EMBEDDINGS,
    "/responses": Dialect.RESPONSES,
    "/messages": Dialect.MESSAGES,
}
EXACT: dict[str, Endpoint] = {}
for _path, _dialect in PATHS.items():
    EXACT[f"/v1{_path}"] = Endpoint(_dialect, f"/v1{_path}")
    EXACT[f"/openai/v1{_path}"] = EXACT[f"/v1{_path}"]
    EXACT[_path] = EXACT[f"/v1{_path}"]
COUNT = Endpoint(Dialect.MESSAGES, "/v1/messages/count_tokens", None, True)
EXACT["/v1/messages/count_tokens"] = COUNT
EXACT["/messages/count_tokens"] = COUNT

# Azure: /openai/deployments/MODEL/chat/completions?api-version=...; LiteLLM also has /engines/MODEL/...
IN_PATH = re.compile(r"/(?:openai/deployments|engines)/(?P<model>.+?)(?P<rest>/(?:chat/)?completions|/embeddings)")


def endpoint_of(path: str) -> Endpoint | None:
    """The endpoint that a POST to this path means; None when it is no call to a model."""
    found = EXACT.get(path)
    if found is not None:
        return found
    if path.endswith("/") and len(path) > 1:
        return EXACT.get(path.rstrip("/"))
    match = IN_PATH.fullmatch(path)
    if match is None:
        return None
    return Endpoint(PATHS[match["rest"]], f"/v1{match['rest']}", unquote(match["model"]))
