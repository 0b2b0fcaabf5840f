"""The openai and anthropic packages as they are, under the same few methods: what is asked, what was understood."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import anthropic
import openai

from penstock.testing import ToolCall
from tests.gateway.answers import ASKED
from tests.gateway.running import MASTER

MAX_TOKENS = 50
PARAMETERS = {"type": "object", "properties": {"word": {"type": "string"}, "n": {"type": "integer"}}}
CALL = ToolCall("look_up", {"word": "penstock", "n": 2}, id="call_1")


@dataclass(frozen=True)
class Said:
    """An answer as a package understood it."""

    text: str
    end: str
    output_n: int
    cached_n: int


@dataclass(frozen=True)
class Used:
    """The call of a tool as a package understood it."""

    end: str
    id: str
    name: str
    arguments: Any


class OpenAI:
    package: ModuleType = openai
    end, tool_end = "stop", "tool_calls"

    def __init__(self, url: str) -> None:
        self.at: dict[str, Any] = {"base_url": f"{url}/v1", "api_key": MASTER, "max_retries": 0}
        self.client: Any = openai.OpenAI(**self.at)

    def ask(self, model: str, **fields: Any) -> Any:
        return self.client.chat.completions.create(model=model, **{"messages": ASKED, **fields})

    def chat(self, model: str) -> Said:
        answer = self.ask(model, temperature=0.5, max_tokens=MAX_TOKENS)
        return self._said(answer.choices[0].message.content, answer.choices[0].finish_reason, answer.usage)

    def check_chat(self, asked: Any, *, is_same: bool) -> None:
        """What chat() became at the provider, which speaks the package's dialect or not."""
        assert (asked["temperature"], asked["max_tokens"]) == (0.5, MAX_TOKENS)

    def stream(self, model: str) -> tuple[list[str], Said]:
        chunks = list(self.ask(model, stream=True, stream_options={"include_usage": True}))
        choices = [each.choices[0] for each in chunks if each.choices]
        pieces = [each.delta.content for each in choices if each.delta.content]
        return pieces, self._said("".join(pieces), choices[-1].finish_reason, chunks[-1].usage)

    @staticmethod
    def _said(text: str, end: str, usage: Any) -> Said:
        """Cached tokens are among the prompt's in OpenAI's words."""
        assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
        return Said(text, end, usage.completion_tokens, usage.prompt_tokens_details.cached_tokens)

    @contextmanager
    def pieces(self, model: str) -> Iterator[Iterator[str]]:
        """Of a stream that is read by the caller."""
        with self.ask(model, stream=True) as stream:
            yield (each.choices[0].delta.content or "" for each in stream)

    def use_tool(self, model: str, messages: list[Any], *, stream: bool) -> Used:
        tool = {"type": "function", "function": {"name": CALL.name, "parameters": PARAMETERS}}
        about: Any = {"model": model, "messages": messages, "tools": [tool], "tool_choice": "auto"}
        if stream:
            with self.client.chat.completions.stream(**about) as events:
                choice = events.get_final_completion().choices[0]
        else:
            choice = self.client.chat.completions.create(**about).choices[0]
        (call,) = choice.message.tool_calls
        return Used(choice.finish_reason, call.id, call.function.name, json.loads(call.function.arguments))

    def tool_messages(self) -> list[Any]:
        """A conversation with a call that was made before."""
        call = {"id": "c0", "type": "function", "function": {"name": CALL.name, "arguments": '{"word": "water"}'}}
        return [
            {"role": "system", "content": "Be brief."},
            *ASKED,
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [call],
            },
            {"role": "tool", "tool_call_id": "c0", "content": "water"},
        ]

    def check_translated_tools(self, asked: Any) -> None:
        """What they became in Anthropic's dialect."""
        assert asked["tools"][0]["input_schema"] == PARAMETERS
        assert "Be brief." in str(asked["system"])
        assert [each["role"] for each in asked["messages"]] == ["user", "assistant", "user"]

    def check_error(self, err: Any, fault: str) -> None:
        assert err.body["type"], "typed"
        if fault == "context_length":
            assert err.code == "context_length_exceeded"

    def check_cut(self, err: Any) -> None:
        assert err.code == "stream_cut"

    async def texts(self, models: Sequence[str]) -> list[str]:
        """Of streams side by side."""

        async def one(model: str) -> str:
            stream: Any = await client.chat.completions.create(model=model, messages=ASKED, stream=True)
            return "".join([each.choices[0].delta.content or "" async for each in stream])

        client: Any = openai.AsyncOpenAI(**self.at)
        async with client:
            return await asyncio.gather(*(one(model) for model in models))

    async def whole_text(self, model: str) -> str:
        client: Any = openai.AsyncOpenAI(**self.at)
        async with client:
            answer = await client.chat.completions.create(model=model, messages=ASKED)
            text: str = answer.choices[0].message.content
            return text


class Anthropic:
    package: ModuleType = anthropic
    end, tool_end = "end_turn", "tool_use"

    def __init__(self, url: str) -> None:
        self.at: dict[str, Any] = {"base_url": url, "api_key": MASTER, "max_retries": 0}
        self.client: Any = anthropic.Anthropic(**self.at)

    def _about(self, model: str, **fields: Any) -> dict[str, Any]:
        return {"model": model, "messages": ASKED, "max_tokens": MAX_TOKENS, **fields}

    def ask(self, model: str, **fields: Any) -> Any:
        return self.client.messages.create(**self._about(model, **fields))

    def chat(self, model: str) -> Said:
        return self._said(self.ask(model, system="Be brief.", stop_sequences=["END"]))

    def check_chat(self, asked: Any, *, is_same: bool) -> None:
        if is_same:
            fields = {"system": "Be brief.", "stop_sequences": ["END"]}
            assert asked == {**self._about(asked["model"]), **fields}
        else:
            assert asked["messages"][0] == {"role": "system", "content": "Be brief."}
            assert asked["stop"] == ["END"]

    def stream(self, model: str) -> tuple[list[str], Said]:
        with self.client.messages.stream(**self._about(model)) as stream:
            return list(stream.text_stream), self._said(stream.get_final_message())

    @staticmethod
    def _said(message: Any) -> Said:
        (block,) = message.content
        usage = message.usage
        return Said(block.text, message.stop_reason, usage.output_tokens, usage.cache_read_input_tokens)

    @contextmanager
    def pieces(self, model: str) -> Iterator[Iterator[str]]:
        with self.client.messages.stream(**self._about(model)) as stream:
            yield iter(stream.text_stream)

    def use_tool(self, model: str, messages: list[Any], *, stream: bool) -> Used:
        tool = {"name": CALL.name, "input_schema": PARAMETERS}
        about = self._about(model, messages=messages, tools=[tool])
        if stream:
            with self.client.messages.stream(**about) as events:
                message = events.get_final_message()
        else:
            message = self.client.messages.create(**about)
        (block,) = message.content
        assert block.type == "tool_use"
        return Used(message.stop_reason, block.id, block.name, block.input)

    def tool_messages(self) -> list[Any]:
        use = {"type": "tool_use", "id": "t0", "name": CALL.name, "input": {"word": "a"}}
        result = {"type": "tool_result", "tool_use_id": "t0", "content": "water"}
        return [*ASKED, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]

    def check_translated_tools(self, asked: Any) -> None:
        """What they became in OpenAI's dialect."""
        assert asked["tools"][0]["function"]["parameters"] == PARAMETERS
        assert [each["role"] for each in asked["messages"]] == ["user", "assistant", "tool"]

    def check_error(self, err: Any, fault: str) -> None:
        kind = err.body["error"]["type"]
        assert (err.body["type"], kind[-6:]) == ("error", "_error")
        if fault == "overloaded":
            assert (err.status_code, kind) == (529, "overloaded_error")

    def check_cut(self, err: Any) -> None:
        assert isinstance(err, anthropic.APIStatusError)
        assert "in the response body" in str(err)

    async def texts(self, models: Sequence[str]) -> list[str]:
        async def one(model: str) -> str:
            async with client.messages.stream(**self._about(model)) as stream:
                text: str = await stream.get_final_text()
                return text

        client: Any = anthropic.AsyncAnthropic(**self.at)
        async with client:
            return await asyncio.gather(*(one(model) for model in models))

    async def whole_text(self, model: str) -> str:
        client: Any = anthropic.AsyncAnthropic(**self.at)
        async with client:
            return self._said(await client.messages.create(**self._about(model))).text


SDK = OpenAI | Anthropic
