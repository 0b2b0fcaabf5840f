"""Changing single members of a JSON object in its own bytes: the rest, order and spacing, stays as it was written.

A scanner of the top level only: it finds where each member's name and value begin and end, skipping values by their
brackets and strings. The body has been checked to be JSON before (the endpoint parses it); what is not an object, or has
a member twice that is to be changed, is a BadRequest. One pass, no recursion, O(n).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from penstock.dialects.call import BadRequest

_SPACE = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SCALAR = re.compile(rb"[^,}\]\s]+")
# In a container: strings are skipped whole, so that brackets in them do not count.
_NEXT = re.compile(rb'[^"{}\[\]]*(?:("(?:[^"\\]|\\.)*")|([{\[])|([}\]]))', re.DOTALL)


class Member(NamedTuple):
    """Where a member of the top level is: its value is body[start:end]."""

    name: str
    start: int
    end: int


def members_of(body: bytes) -> tuple[list[Member], int, int]:
    """The members, and the positions after `{` and of `}`."""
    at = _SPACE.match(body, 3 if body.startswith(b"\xef\xbb\xbf") else 0).end()  # type: ignore[union-attr]
    if body[at : at + 1] != b"{":
        raise BadRequest("the request body must be a JSON object")
    first = at = at + 1
    members: list[Member] = []
    while True:
        at = _space(body, at)
        if body[at : at + 1] == b"}":
            return members, first, at
        if members:
            if body[at : at + 1] != b",":
                raise _malformed(at)
            at = _space(body, at + 1)
        name = _STRING.match(body, at)
        if name is None:
            raise _malformed(at)
        at = _space(body, name.end())
        if body[at : at + 1] != b":":
            raise _malformed(at)
        start = _space(body, at + 1)
        at = _value_end(body, start)
        members.append(Member(_name(name[0]), start, at))


def _space(body: bytes, at: int) -> int:
    return _SPACE.match(body, at).end()  # type: ignore[union-attr]


def _name(quoted: bytes) -> str:
    if b"\\" not in quoted:
        return quoted[1:-1].decode("utf-8", "replace")
    try:
        name: str = json.loads(quoted)
    except ValueError:
        raise BadRequest("the request body is not valid JSON: a member's name") from None
    return name


def _value_end(body: bytes, start: int) -> int:
    first = body[start : start + 1]
    if first == b'"':
        found = _STRING.match(body, start)
        if found is None:
            raise _malformed(start)
        return found.end()
    if first not in (b"{", b"["):
        found = _SCALAR.match(body, start)
        if found is None:
            raise _malformed(start)
        return found.end()
    depth, at = 0, start
    while True:
        found = _NEXT.match(body, at)
        if found is None:
            raise _malformed(at)
        at = found.end()
        if found[2]:
            depth += 1
        elif found[3]:
            depth -= 1
            if depth == 0:
                return at


def _malformed(at: int) -> BadRequest:
    return BadRequest(f"the request body is not valid JSON at byte {at}")


def patched(body: bytes, changes: Mapping[str, bytes | None], defaults: Mapping[str, bytes] | None = None) -> bytes:
    """`body` with the values of `changes` (raw JSON) in the place of what is there, or behind the last member;
    None removes a member. `defaults` are added where the caller has no such member.

    >>> patched(b'{"model": "a", "n": 1}', {"model": b'"b"'})
    b'{"model": "b", "n": 1}'
    """
    members, first, last = members_of(body)
    found: dict[str, Member] = {}
    for member in members:
        if member.name in changes and member.name in found:
            raise BadRequest(f"the request body has {member.name!r} twice", param=member.name)
        found[member.name] = member
    edits: list[tuple[int, int, bytes]] = []
    for name, value in changes.items():
        at = found.get(name)
        if value is None:
            if at is not None:
                edits.append((*_span(body, members, at, first, last), b""))
        elif at is not None:
            edits.append((at.start, at.end, value))
    added = [
        json.dumps(name).encode() + b":" + value
        for name, value in {**(defaults or {}), **changes}.items()
        if value is not None and name not in found
    ]
    if added:
        end = members[-1].end if members else first
        edits.append((end, end, (b"," if members else b"") + b",".join(added)))
    pieces, at_byte = [], 0
    for start, end, value in sorted(edits):
        pieces += (body[at_byte:start], value)
        at_byte = end
    pieces.append(body[at_byte:])
    return b"".join(pieces)


def _span(body: bytes, members: list[Member], at: Member, first: int, last: int) -> tuple[int, int]:
    """What to cut so that a member and one comma go."""
    index = members.index(at)
    if index:
        return members[index - 1].end, at.end
    if len(members) == 1:
        return first, last
    following = body.index(b",", at.end)
    return first, following + 1
