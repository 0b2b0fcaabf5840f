"""Change single members of a JSON object and leave every other byte as it came: order, whitespace, escapes.

msgspec checks the whole text and cuts it into members; a walk over the members at depth 1 then finds their places. The
walk proves itself: each value must be there, byte for byte, and be followed by its comma or brace, so a place inside
of a string or of an equal-looking nested object cannot be taken for a member. A name that appears twice is refused:
parsers disagree which one counts, and what was checked here must be what the provider reads.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

import msgspec

from penstock.dialects.call import BadRequest
from penstock.dialects.reading import UNREADABLE, unreadable

_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STRING = rb'"([^"\\]*(?:\\.[^"\\]*)*)"[ \t\r\n]*:[ \t\r\n]*'
_FIRST = re.compile(rb"[ \t\r\n]*\{[ \t\r\n]*" + _STRING, re.DOTALL)
_NEXT = re.compile(rb"[ \t\r\n]*,[ \t\r\n]*" + _STRING, re.DOTALL)
_OPEN = re.compile(rb"[ \t\r\n]*\{")
_CLOSE = re.compile(rb"[ \t\r\n]*\}[ \t\r\n]*")
NULL = b"null"
_USAGE = b'{"include_usage":true}'
_USAGE_MEMBER = b'"stream_options":' + _USAGE
Place = tuple["re.Match[bytes]", int, int]  # where a member is: its name and colon, its value begins, its value ends


def members(body: bytes) -> dict[str, Place]:
    """The members of a JSON object at depth 1. BadRequest for what is no JSON object, is not UTF-8, is nested too
    deep, or has a name twice."""
    places: dict[str, Place] = {}
    look, starts, at = _FIRST.match, body.startswith, 0
    for name, raw in _values(body).items():
        found = look(body, at)
        if found is None or (found[1] != name.encode() and not _is_name(found[1], name)):
            raise _twice(found, places)
        start = found.end()
        value = bytes(raw)
        if not starts(value, start):
            raise _twice(found, (name,))
        at = start + len(value)
        places[name] = (found, start, at)
        look = _NEXT.match
    if places and _CLOSE.fullmatch(body, at) is None:
        raise _twice(_NEXT.match(body, at), places)
    return places


def _values(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        if not body.isascii():
            body.decode()
        return _decoder.decode(body)
    except msgspec.ValidationError:
        raise BadRequest("the request body must be a JSON object") from None
    except UNREADABLE as err:
        raise unreadable(err) from None


def _is_name(raw: bytes, name: str) -> bool:
    """Is it the name, written with escapes?"""
    return b"\\" in raw and bool(msgspec.json.decode(b'"' + raw + b'"') == name)


def _twice(found: re.Match[bytes] | None, names: Collection[str]) -> BadRequest:
    """msgspec keeps one of two equal names, so the walk finds a name or a value that it did not expect."""
    name = msgspec.json.decode(b'"' + found[1] + b'"') if found is not None else None
    if name in names:
        return BadRequest(f"the name {name!r} appears twice in the request body", param=name)
    return BadRequest("a name appears twice in the request body")


def patched(
    body: bytes,
    sets: Mapping[str, bytes],
    *,
    defaults: Mapping[str, bytes] | None = None,
    renames: Mapping[str, str] | None = None,
    drops: Iterable[str] = (),
    includes_usage: bool = False,
) -> bytes:
    """The body with some members changed; the same object when nothing changes. Values are JSON.

    sets            these members have these values, where they stand, else at the end
    defaults        these are added at the end when they are missing
    renames         a member is called so, unless one of that name is there already
    drops           these are left out
    includes_usage  stream_options.include_usage is true, its other members as they came
    """
    places = members(body)
    edits: list[tuple[int, int, bytes]] = []
    added: list[bytes] = []
    if includes_usage:
        _include_usage(body, places, edits, added)
    for name, value in sets.items():
        place = places.get(name)
        if place is None:
            added.append(_member(name, value))
        elif body[place[1] : place[2]] != value:
            edits.append((place[1], place[2], value))
    if renames:
        _rename(places, renames, edits)
    if drops:
        _drop(places, drops, edits)
    if defaults:
        added += [_member(name, value) for name, value in defaults.items() if name not in places]
    if not edits and not added:
        return body
    return _rewritten(body, places, edits, added)


def _rename(places: Mapping[str, Place], renames: Mapping[str, str], edits: list[tuple[int, int, bytes]]) -> None:
    for name, other in renames.items():
        place = places.get(name)
        if place is not None and other not in places:
            edits.append((_name_at(place), place[1], msgspec.json.encode(other) + b":"))


def _drop(places: Mapping[str, Place], drops: Iterable[str], edits: list[tuple[int, int, bytes]]) -> None:
    """Take members out with one comma each: the one before them, or for the first ones that behind them."""
    gone = {name for name in drops if name in places}
    if not gone:
        return
    ordered = list(places)
    first = next((i for i, name in enumerate(ordered) if name not in gone), None)
    if first is None:
        raise BadRequest("nothing of the request body would be left")
    if first:
        edits.append((_name_at(places[ordered[0]]), _name_at(places[ordered[first]]), b""))
    for before, name in zip(ordered[first:], ordered[first + 1 :], strict=False):
        if name in gone:
            edits.append((places[before][2], places[name][2], b""))


def _include_usage(
    body: bytes, places: Mapping[str, Place], edits: list[tuple[int, int, bytes]], added: list[bytes]
) -> None:
    place = places.get("stream_options")
    if place is None:
        added.append(_USAGE_MEMBER)
        return
    options = body[place[1] : place[2]]
    if options == NULL:
        edits.append((place[1], place[2], _USAGE))
        return
    if not options.startswith(b"{"):
        raise BadRequest("stream_options must be an object", param="stream_options")
    changed = patched(options, {"include_usage": b"true"})
    if changed is not options:
        edits.append((place[1], place[2], changed))


def _name_at(place: Place) -> int:
    return place[0].start(1) - 1


def _member(name: str, value: bytes) -> bytes:
    return msgspec.json.encode(name) + b":" + value


def _rewritten(body: bytes, places: dict[str, Place], edits: list[tuple[int, int, bytes]], added: list[bytes]) -> bytes:
    pieces: list[bytes] = []
    at = 0
    edits.sort()
    for start, end, value in edits:
        pieces += (body[at:start], value)
        at = end
    if added:
        if places:
            last = places[next(reversed(places))][2]
            pieces += (body[at:last], b",", b",".join(added))
        else:
            opening = _OPEN.match(body)
            last = opening.end() if opening is not None else 0
            pieces += (body[at:last], b",".join(added))
        at = last
    pieces.append(body[at:])
    return b"".join(pieces)
