"""Seams: places of LiteLLM, checked before they are replaced, told in `status()`, and put back.

A place that has none of the forms known is not touched: LiteLLM works as before there, and `status()` says why. All
seams are Python attributes. Thread: whoever installs; not two at once.
"""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from penstock.adapters.litellm import clients
from penstock.adapters.litellm.places import PLACES, Form, Place, left_alone

NOT_IMPORTED = "is not imported"


@dataclass(frozen=True, slots=True)
class Seam:
    """name     module and attribute
    is_live  penstock stands there
    why      it does not
    """

    name: str
    is_live: bool
    why: str = ""


_before: dict[Place, Any] = {}  # what stood there, as it stood in its owner's __dict__
_why_not: dict[Place, str] = {}


def put_in() -> list[Seam]:
    """Replace what can be; the seams that could have been and were not."""
    for place in PLACES:
        if place in _before:
            continue
        owner = owner_of(place)
        form = form_of(place, owner)
        if isinstance(form, str):
            _why_not[place] = form
            continue
        _before[place] = vars(owner)[place.attribute]
        ours = form.make(getattr(owner, place.attribute))
        setattr(owner, place.attribute, staticmethod(ours) if form.is_static else ours)
        _why_not.pop(place, None)
    clients.renew_clients()
    return [seam for seam in status() if not seam.is_live and not seam.why.endswith(NOT_IMPORTED)]


def take_out() -> None:
    for place, found in _before.items():
        setattr(owner_of(place), place.attribute, found)
    _before.clear()
    _why_not.clear()
    left_alone.clear()
    clients.renew_clients()


def status() -> list[Seam]:
    """The places, the clients that LiteLLM keeps, and what was left alone client by client."""
    places = [place for place in PLACES if place in _before or not is_absent_alias(place)]
    seams = [Seam(place.name, place in _before, why(place)) for place in places]
    if _before:
        seams += [Seam(name, not reason, reason) for name, reason in clients.module_level()]
    return seams + [Seam(f"{count} of LiteLLM's clients", False, reason) for reason, count in left_alone.items()]


def is_absent_alias(place: Place) -> bool:
    owner = owner_of(place)
    return place.is_alias and (owner is None or place.attribute not in vars(owner))


def why(place: Place) -> str:
    return "" if place in _before else _why_not.get(place, "install() was not called")


def owner_of(place: Place) -> Any:
    """The module or class; None when it is not there, or not there yet."""
    if not place.is_imported_by_us and place.module not in sys.modules:
        return None
    try:
        module: ModuleType = import_module(place.module)
    except ImportError:
        return None
    return getattr(module, place.owner, None) if place.owner else module


def form_of(place: Place, owner: Any) -> Form | str:
    """How the place looks; a text that says why it cannot be used."""
    if owner is None:
        is_late = not place.is_imported_by_us
        return f"{place.module} {NOT_IMPORTED}" if is_late else f"there is no {place.module}.{place.owner}"
    found = vars(owner).get(place.attribute)
    if found is None:
        return "this version of LiteLLM does not have it"
    is_static = isinstance(found, staticmethod)
    function = found.__func__ if is_static else found
    try:
        parameters = tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return "it is not a function any more"
    for form in place.forms:
        if (form.parameters, form.is_static) == (parameters, is_static):
            return form
    known = " or ".join(f"({', '.join(form.parameters)})" for form in place.forms)
    return f"its parameters are ({', '.join(parameters)}), not {known}"
