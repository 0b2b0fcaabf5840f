"""A section of the file as a table of fields: key, attribute, kind. One reader for all of them.

Keys that are in no table are warned of: with what they probably mean, with the section they belong into, or that
they are LiteLLM's and not supported yet. `None` (`key:` without a value) counts as not given, as in LiteLLM.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.config.kinds import Kind, Refused
from penstock.config.value import Value, nearest


@dataclass(frozen=True, slots=True)
class Field:
    """`key` in the file becomes `attribute`. `also` are other spellings, used in their order when `key` is not given.

    `is_needed`: a named environment variable that is not set is an error, not the default.
    """

    key: str
    attribute: str
    kind: Kind[Any]
    also: tuple[str, ...] = ()
    is_needed: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key, *self.also)


def read_fields(section: Value, fields: Sequence[Field]) -> dict[str, Any]:
    """Attribute -> value of the fields that are given and right; complaints about the others."""
    found = {}
    for field in fields:
        given = [key for key in field.keys if not section.entry(key).is_null]
        for key in given[1:]:
            section.entry(key).warn(f"has no effect beside {given[0]}")
        if given and (got := read_field(field, section.entry(given[0]))) is not None:
            found[field.attribute] = got
    return found


def read_field(field: Field, value: Value) -> Any:
    name = value.missing
    if name is not None:
        if field.is_needed:
            value.error(f"environment variable {name} is not set")
        else:
            value.warn(f"environment variable {name} is not set: the default is used")
        return None
    try:
        return field.kind(value)
    except Refused as err:
        value.error(err.message, err.hint)
        return None


def names_of(fields: Sequence[Field]) -> set[str]:
    return {key for field in fields for key in field.keys}


def check_keys(
    section: Value,
    known: Collection[str],
    *,
    unsupported: Collection[str] = (),
    ignored: Collection[str] = (),
    elsewhere: Mapping[str, str] | None = None,
) -> None:
    """Warn of each key that is not `known`. `elsewhere`: key -> the section it belongs into."""
    for key, value in section.entries().items():
        if key in known or key in ignored or key.startswith(("x-", ".")):
            continue
        if key in unsupported:
            warn_unsupported(value)
        elif elsewhere is not None and key in elsewhere:
            value.warn(f"has no effect here: it belongs into {elsewhere[key]}")
        else:
            value.warn("unknown key", nearest(key, [*known, *unsupported]))


def warn_unsupported(value: Value) -> None:
    """Unless it is switched off anyway."""
    if value.node.value not in (None, False, (), {}):
        value.warn("is LiteLLM's and not supported by penstock yet: it has no effect")
