"""Reading what others wrote: JSON of unknown shape, field by field, with the field's path in complaints to callers."""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.dialects.call import BadRequest
from penstock.sse import Event

Members = dict[str, Any]
_decode = msgspec.json.Decoder().decode
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # what decoding JSON raises


class Refusals:
    """What is done about a field that the other dialect cannot say: BadRequest, or nothing with drop_params."""

    __slots__ = ("drops",)

    def __init__(self, *, drops: bool) -> None:
        self.drops = drops

    def __repr__(self) -> str:
        return f"<Refusals {'dropped' if self.drops else 'raised'}>"

    def cannot(self, param: str, why: str) -> None:
        """BadRequest unless such fields are dropped."""
        if not self.drops:
            raise BadRequest(f"{param}: {why}; set drop_params to leave it out", param=param)


def read_members(body: bytes) -> Members:
    """A JSON object. BadRequest for anything else."""
    try:
        value = _decode(body)
    except UNREADABLE as err:
        raise unreadable(err) from None
    return members_at(value, "the request body")


def unreadable(err: Exception) -> BadRequest:
    """What the caller is told of a body that raised one of UNREADABLE."""
    if isinstance(err, UnicodeDecodeError):
        return BadRequest(f"the request body is not valid UTF-8: {err.reason} at byte {err.start}")
    if isinstance(err, RecursionError):
        return BadRequest("the request body is nested too deep")
    return BadRequest(f"the request body is not valid JSON: {err}")


def members_at(value: object, where: str) -> Members:
    if not isinstance(value, dict):
        raise BadRequest(f"{where} must be an object", param=where)
    return value


def list_at(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadRequest(f"{where} must be an array", param=where)
    return value


def text_at(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise BadRequest(f"{where} must be a string", param=where)
    return value


def members_of(event: Event) -> Members | None:
    """The JSON object in an event of a stream; None for [DONE], and for what no caller could read either."""
    if event.data is None:
        return None
    try:
        value = _decode(event.data)
    except UNREADABLE:
        return None
    return value if isinstance(value, dict) else None


def json_object(text: str) -> msgspec.Raw | None:
    """The text as it is, when it is a JSON object; for arguments of tools, which are text in one dialect only."""
    data = text.strip().encode("utf-8", "surrogatepass")
    if not data:
        return msgspec.Raw(b"{}")
    try:
        value = _decode(data)
    except UNREADABLE:
        return None
    return msgspec.Raw(data) if isinstance(value, dict) else None
