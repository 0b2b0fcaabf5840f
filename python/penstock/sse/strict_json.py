"""JSON as RFC 8259 has it, and nothing else, for the reference: no NaN, at most DEPTH levels, numbers kept as text.

Bytes that are not UTF-8 are read as lone surrogates, so that a member's raw text can be given back as it came.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

DEPTH = 256
SPACE = " \t\n\r"
_SPACES = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)
_ZERO = re.compile(r"-?[0.]*(?:[eE].*)?")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Number:
    """As it was written."""

    text: str

    def __bool__(self) -> bool:
        return _ZERO.fullmatch(self.text) is None


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=_refuse)


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def plain(text: str) -> str:
    """Each surrogate, and each byte that was none of UTF-8, becomes U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def parse(text: str) -> object:
    """ValueError when it is not JSON."""
    try:
        value: object = _decoder.decode(text)
    except RecursionError as err:
        raise ValueError("nested too deep") from err
    level = 0
    for bracket in re.findall(r"[\[\]{}]", _STRING.sub("", text)):
        level += 1 if bracket in "[{" else -1
        if level > DEPTH:
            raise ValueError("nested too deep")
    return value


def members(text: str) -> dict[str, str]:
    """The members of an object that was parsed, each as its raw text; of equal names the last."""
    found: dict[str, str] = {}
    at = _skip(text, text.index("{") + 1)
    while text[at] != "}":
        name, at = _decoder.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)  # behind the colon
        _, end = _decoder.raw_decode(text, start)
        found[name] = text[start:end]
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def _skip(text: str, at: int) -> int:
    match = _SPACES.match(text, at)
    return match.end() if match else at
