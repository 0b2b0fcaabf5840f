"""OpenAI's Embeddings, as numbers or as base64 of little-endian floats, which is what the openai package asks for.

Source: https://platform.openai.com/docs/api-reference/embeddings.
"""

from __future__ import annotations

import base64
import struct

from penstock.testing.chain import Reply
from penstock.testing.presets.turn import MODEL
from penstock.testing.presets.wire import whole
from penstock.testing.rule import Rule, on

PATH = "/v1/embeddings"
DIALECT = "openai"


def rules(*, vectors_n: int = 1, dimensions: int = 8, model: str = MODEL, path: str = PATH) -> list[Rule]:
    """The number of vectors is that of the script, not of the request's inputs."""
    return [
        on("POST", path, json={"/encoding_format": "base64"}).reply(
            reply(vectors_n=vectors_n, dimensions=dimensions, model=model, as_base64=True)
        ),
        on("POST", path).reply(reply(vectors_n=vectors_n, dimensions=dimensions, model=model)),
    ]


def vector(index: int, dimensions: int) -> list[float]:
    """Numbers that a 32-bit float holds exactly."""
    return [((index + 1) * (n + 1) % 64 - 32) / 64 for n in range(dimensions)]


def reply(
    *, vectors_n: int = 1, dimensions: int = 8, model: str = MODEL, as_base64: bool = False, prompt_tokens: int = 8
) -> Reply:
    def written(index: int) -> list[float] | str:
        numbers = vector(index, dimensions)
        return base64.b64encode(struct.pack(f"<{dimensions}f", *numbers)).decode() if as_base64 else numbers

    return whole(
        {
            "object": "list",
            "data": [{"object": "embedding", "index": n, "embedding": written(n)} for n in range(vectors_n)],
            "model": model,
            "usage": {"prompt_tokens": prompt_tokens, "total_tokens": prompt_tokens},
        },
        DIALECT,
    )
