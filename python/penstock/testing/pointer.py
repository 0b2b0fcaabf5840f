"""JSON pointers (RFC 6901): a place in a document, as "/messages/0/role"."""

from __future__ import annotations

import json
from typing import Any

from penstock.testing.errors import ScriptError

NOTHING: Any = type("Nothing", (), {"__repr__": lambda self: "nothing", "__bool__": lambda self: False})()


def check_pointer(pointer: str) -> str:
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise ScriptError(f"{pointer!r} is no JSON pointer: it begins with '/', as in '/messages/0/role' (RFC 6901)")
    return pointer


def at(document: object, pointer: str) -> Any:
    """What is at that place; NOTHING when there is no such place.

    >>> at({"a": [1, {"b/c": 2}]}, "/a/1/b~1c")
    2
    """
    here = document
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(here, dict) and name in here:
            here = here[name]
        elif isinstance(here, list) and name.isascii() and name.isdigit() and int(name) < len(here):
            here = here[int(name)]
        else:
            return NOTHING
    return here


def scalar_text(value: object) -> bytes:
    """The JSON text of a scalar; ScriptError for anything else."""
    if value is None or isinstance(value, bool | int | float | str):
        return json.dumps(value, ensure_ascii=False).encode()
    raise ScriptError(f"a rule compares single values, not {type(value).__name__}; give a pointer to each")


def same(found: object, wanted: object) -> bool:
    """Equal as JSON: true is not 1."""
    return found == wanted and isinstance(found, bool) == isinstance(wanted, bool)
