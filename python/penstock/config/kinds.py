"""What a field may hold: each kind takes a Value and gives the Python value, or raises Refused with what is expected.

Text from the environment counts as the number or flag it spells, and so does text in the file ("30", "true"), because
YAML itself reads `1e-6` as text. Units stand in the message.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from penstock.config.value import Value, nearest
from penstock.secret import Secret

T = TypeVar("T")
Kind = Callable[[Value], T]
TRUE = {"true", "1", "yes", "on", "y", "t"}
FALSE = {"false", "0", "no", "off", "n", "f"}
WHOLE_MOST = 2**53


class Refused(Exception):
    """The value is not of the kind."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def expected(what: str, value: Value) -> Refused:
    return Refused(f"must be {what}, not {value.kind}")


def text(value: Value) -> str:
    found = value.scalar()
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        raise expected("text", value)
    spelt = str(found).strip()
    if not spelt:
        raise Refused("must be text, not empty")
    if not spelt.isprintable():
        raise Refused("must be text without control characters")
    return spelt


def any_text(value: Value) -> str:
    """Text of any characters, several lines too; true and false as a shell spells them."""
    found = value.scalar()
    if found is None:
        raise expected("text", value)
    return str(found).lower() if isinstance(found, bool) else str(found)


def token(value: Value) -> str:
    """What can stand in a header or a URL: printable ASCII without blanks."""
    found = text(value)
    if not found.isascii() or " " in found:
        raise Refused("must be ASCII text without blanks")
    return found


def secret(value: Value) -> Secret:
    return Secret(token(value))


def flag(value: Value) -> bool:
    found = value.scalar()
    if isinstance(found, bool):
        return found
    spelt = str(found).strip().lower()
    if found is None or spelt not in TRUE | FALSE:
        raise expected("true or false", value)
    return spelt in TRUE


def _number(value: Value, what: str) -> float:
    found = value.scalar()
    if isinstance(found, str):
        try:
            found = float(found.replace("_", ""))
        except ValueError:
            raise expected(what, value) from None
    if found is None or isinstance(found, bool):
        raise expected(what, value)
    try:
        number = float(found)
    except OverflowError:
        raise Refused(f"must be {what}, not a number of so many digits") from None
    if not math.isfinite(number):
        raise Refused(f"must be {what}, not infinite")
    return number


def number(what: str = "a number", *, least: float = 0.0, most: float = 1e15, above: bool = False) -> Kind[float]:
    """A number from `least` (excluded when `above`) to `most`."""

    def kind(value: Value) -> float:
        found = _number(value, what)
        if found < least or (above and found == least):
            raise Refused(f"must be {what} {'above' if above else 'of at least'} {least:g}, not {found:g}")
        if found > most:
            raise Refused(f"must be {what} of at most {most:g}, not {found:g}")
        return found

    return kind


def whole(of: str = "", *, least: int = 0, most: int = WHOLE_MOST) -> Kind[int]:
    """A whole number `of` what it counts."""
    what = f"a whole number of {of}" if of else "a whole number"

    def kind(value: Value) -> int:
        found = _number(value, what)
        if found != int(found):
            raise Refused(f"must be {what}, not {found:g}")
        if found < least:
            raise Refused(f"must be {what} of at least {least}, not {found:g}")
        if found > most:
            raise Refused(f"must be {what} of at most {most}, not {found:g}")
        return int(found)

    return kind


SECONDS = "a number of seconds"
seconds = number(SECONDS, above=True, most=1e7)
seconds_or_zero = number(SECONDS, most=1e7)
dollars = number("a number of US dollars", most=1e6)


def one_of(*names: str) -> Kind[str]:
    def kind(value: Value) -> str:
        found = text(value)
        if found not in names:
            raise Refused(f"must be one of {', '.join(names)}", nearest(found, names, 0.6))
        return found

    return kind


def url(value: Value) -> str:
    """http or https, with a host. No user and password: complaints and reprs show it."""
    return checked_url(text(value))


def checked_url(found: str) -> str:
    """The URL itself; Refused says what it must be."""
    scheme, separator, rest = found.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        raise Refused("must be a URL with http:// or https://")
    authority = rest.split("/", 1)[0].split("?", 1)[0]
    if "@" in authority:
        raise Refused("must be a URL without user and password: api_key or extra_headers hold credentials")
    if not authority or not found.isascii() or not found.isprintable() or " " in found:
        raise Refused("must be a URL with a host, in ASCII and without blanks")
    return found


def texts(value: Value) -> tuple[str, ...]:
    """A list of texts, or one text. Items that are none are complained of and left out."""
    return list_of(text, "texts")(value)


def list_of(each: Kind[T], what: str) -> Kind[tuple[T, ...]]:
    """A list of `each`; a single one is taken as a list of one."""

    def kind(value: Value) -> tuple[T, ...]:
        if value.is_mapping:
            raise expected(f"a list of {what}", value)
        found = [guarded(each, item) for item in (value.items() if value.is_list else [value])]
        return tuple(item for item in found if item is not None)

    return kind


def guarded(kind: Kind[T], value: Value) -> T | None:
    """What `kind` makes of the value; None, and an error at its place, when it refuses or a variable is not set."""
    if value.missing is not None:
        value.error(f"environment variable {value.missing} is not set")
        return None
    try:
        return kind(value)
    except Refused as err:
        value.error(err.message, err.hint)
        return None


def mapping(value: Value) -> dict[str, Any]:
    """Any mapping, as it is."""
    if not value.is_mapping:
        raise expected("a mapping", value)
    plain: dict[str, Any] = value.plain()
    return plain


def pairs(value: Value) -> tuple[tuple[str, str], ...]:
    """Header names and values."""
    if not value.is_mapping:
        raise expected("a mapping of names to texts", value)
    found = []
    for name, each in value.entries().items():
        spelt = guarded(text, each)
        if spelt is None:
            continue
        if not is_header(name, spelt):
            each.error("is no HTTP header: name and value are printable ASCII, the name without blanks")
            continue
        found.append((name, spelt))
    return tuple(found)


def is_header(name: str, content: str) -> bool:
    return (
        name.isascii()
        and name.isprintable()
        and bool(name)
        and not set(name) & set(' "(),/:;<=>?@[\\]{}')
        and content.isascii()
        and content.replace("\t", " ").isprintable()
    )


def flag_or_path(value: Value) -> bool | str:
    """SSL_VERIFY's: true, false, or the path of a file with authorities."""
    try:
        return flag(value)
    except Refused:
        found = text(value) if isinstance(value.scalar(), str) else None
        if found is None:
            raise expected("true, false or the path of a PEM file", value) from None
        return found
