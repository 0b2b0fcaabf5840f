"""The registry of translations, by (caller, upstream). A new wire format is one more entry."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from penstock.dialects.answers import chat_answer, messages_answer
from penstock.dialects.chat_as_messages import messages_request
from penstock.dialects.dialect import Dialect
from penstock.dialects.messages_as_chat import chat_request
from penstock.dialects.stream_to_chat import MessagesToChat
from penstock.dialects.stream_to_messages import ChatToMessages
from penstock.dialects.translation import Translation

TRANSLATIONS: Mapping[tuple[Dialect, Dialect], Translation] = MappingProxyType(
    {
        (Dialect.CHAT, Dialect.MESSAGES): Translation(messages_request, chat_answer, MessagesToChat),
        (Dialect.MESSAGES, Dialect.CHAT): Translation(chat_request, messages_answer, ChatToMessages),
    }
)
