"""The wire formats that callers and providers speak."""

from __future__ import annotations

from enum import Enum


class Dialect(str, Enum):
    """One kind of request body with its answers, streams and errors. The value is used in logs and metrics."""

    CHAT = "chat"  # OpenAI, POST /chat/completions
    COMPLETIONS = "completions"  # OpenAI, POST /completions
    EMBEDDINGS = "embeddings"  # OpenAI, POST /embeddings
    RESPONSES = "responses"  # OpenAI, POST /responses
    MESSAGES = "messages"  # Anthropic, POST /v1/messages

    @property
    def is_anthropic(self) -> bool:
        """Whose error bodies and stream errors it has."""
        return self is Dialect.MESSAGES
