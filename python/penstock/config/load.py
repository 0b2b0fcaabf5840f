"""LiteLLM's config.yaml in, a Config and all complaints out.

`load` reads files, `loads` takes text or a mapping; both are total: whatever is in the file, they return. A Config
is made when there is no error. What wins when a setting is given in several places, from the weakest: the default,
the environment, litellm_settings, router_settings and general_settings, penstock_settings.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from penstock.config import environment as env
from penstock.config import known
from penstock.config.complaint import Complaint
from penstock.config.credentials import read_credentials
from penstock.config.deployment import PARAMS, read_deployments
from penstock.config.fallbacks import KINDS, check_fallbacks, is_known, without_unknown
from penstock.config.fields import Field, check_keys, names_of, read_fields
from penstock.config.general import FIELDS as GENERAL
from penstock.config.general import read_general
from penstock.config.include import INCLUDE, Sources, Unreadable, read_tree
from penstock.config.keys import master_key
from penstock.config.kinds import any_text, guarded, mapping
from penstock.config.litellm_settings import CALLBACKS, read_litellm
from penstock.config.litellm_settings import FIELDS as LITELLM
from penstock.config.models import (
    Config,
    Deployment,
    GeneralSettings,
    JournalSettings,
    Key,
    RouterSettings,
    UpstreamSettings,
)
from penstock.config.node import DocumentError, Node, mapping_node, node_of
from penstock.config.penstock_settings import read_penstock
from penstock.config.router import FIELDS as ROUTER
from penstock.config.router import finish_aliases, read_router
from penstock.config.value import Reading, Value, nearest

SECTIONS = (
    "model_list",
    "litellm_settings",
    "router_settings",
    "general_settings",
    "environment_variables",
    "credential_list",
    "callback_settings",
    "penstock_settings",
    INCLUDE,
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of a load. `config` is None when one of the complaints is an error.

    sources      the files that were read or wanted, also of a load that failed
    is_readable  False when the first file could not even be opened
    """

    config: Config | None
    complaints: tuple[Complaint, ...] = ()
    sources: tuple[str, ...] = ()
    is_readable: bool = True

    @property
    def errors(self) -> tuple[Complaint, ...]:
        return tuple(each for each in self.complaints if each.is_error)


def load(path: str | os.PathLike[str], *, environ: Mapping[str, str] = os.environ) -> Loaded:
    """The configuration in this file and those it includes. Raises nothing."""
    reading = Reading(environ)
    sources = Sources(Path(path), reading)
    try:
        tree = sources.read()
    except (Unreadable, ValueError) as err:
        reading.complaints.append(Complaint("", f"cannot be read: {err}", None, True, str(path)))
        return Loaded(None, tuple(reading.complaints), tuple(sources.paths), is_readable=False)
    return _loaded(tree, reading, tuple(sources.paths))


def loads(document: str | Mapping[str, Any], *, environ: Mapping[str, str] = os.environ) -> Loaded:
    """The same from YAML text, or from a mapping as a YAML reader makes it. `include` needs a file: it is an error."""
    reading = Reading(environ)
    if isinstance(document, str):
        tree = read_tree(document, None, reading)
    else:
        try:
            tree = node_of(document)
        except DocumentError as err:
            reading.complaints.append(Complaint("", err.message))
            tree = None
    if tree is not None and not (include := Value(tree, "", reading).entry(INCLUDE)).is_null:
        include.error("needs a file: load() reads includes")
    return _loaded(tree, reading, ())


def _loaded(tree: Node | None, reading: Reading, sources: tuple[str, ...]) -> Loaded:
    config = None if tree is None else _config(Value(tree, "", reading), reading, sources)
    order = {file: index for index, file in enumerate(sources)}
    complaints = tuple(sorted(dict.fromkeys(reading.complaints), key=lambda each: _rank(each, order)))
    return Loaded(None if any(each.is_error for each in complaints) else config, complaints, sources)


def _rank(complaint: Complaint, order: Mapping[str, int]) -> tuple[int, int]:
    """As one reads: file by file, from top to bottom, and what has no line last."""
    return order.get(complaint.file or "", len(order)), complaint.line or 1 << 62


def _config(root: Value, reading: Reading, sources: tuple[str, ...]) -> Config:
    check_keys(root, SECTIONS, unsupported=known.TOP_UNSUPPORTED, elsewhere=_homes(""))
    variables = _variables(_section(root, "environment_variables"), reading)
    reading.environ = {**reading.environ, **variables}
    found = _settings(root, reading)
    deployments, groups = read_deployments(
        root.entry("model_list"),
        read_credentials(root.entry("credential_list")),
        skip_missing=found.pop("missing_env", "error") == "skip",
    )
    if not deployments and not any(each.is_error for each in reading.complaints):
        root.entry("model_list").warn("there is no deployment: every request is refused")
    names = [*sorted(groups), *(each.id for each in deployments)]
    router = _router(root, found, names)
    names += router.aliases
    return Config(
        deployments=tuple(_completed(each, found) for each in deployments),
        router=router,
        upstream=UpstreamSettings(**_part(found, "upstream")),
        general=GeneralSettings(**_part(found, "general"), keys=_keys(root, found, names)),
        journal=JournalSettings(**_part(found, "journal")),
        sources=sources,
        environment=variables,
    )


def _section(root: Value, name: str) -> Value:
    """A section that is a mapping; an empty one when it is not there, or complained of."""
    section = root.entry(name)
    if section.is_mapping:
        return section
    if not section.is_null:
        section.error(f"must be a mapping, not {section.kind}")
    return Value(mapping_node({}, section.node.file, section.node.line), section.path, section.reading)


def _variables(section: Value, reading: Reading) -> dict[str, str]:
    """environment_variables: each may refer to the real ones and to those before it."""
    found: dict[str, str] = {}
    for name, value in section.entries().items():
        reading.environ = {**reading.environ, **found}
        if value.missing is not None:
            value.warn(f"environment variable {value.missing} is not set: {name} is not set either")
        elif not value.is_null and (content := guarded(any_text, value)) is not None:
            found[name] = content
    return found


def _homes(here: str) -> dict[str, str]:
    """Key -> the section it belongs into, for keys that only other sections have."""
    tables: dict[str, set[str]] = {}
    if not here:
        tables["a row of model_list"] = names_of(PARAMS) | {"model_name", "litellm_params", "model_info"}
    tables |= {
        "litellm_settings": names_of(LITELLM) | names_of(CALLBACKS),
        "general_settings": names_of(GENERAL) | {"master_key"},
        "router_settings": names_of(ROUTER),
    }
    return {key: name for name, keys in tables.items() if name != here for key in keys}


def _settings(root: Value, reading: Reading) -> dict[str, Any]:
    """Dotted attribute -> value, from the weakest place to the strongest."""
    variables = env.section_of(reading)
    found = env.read_environment(variables)
    found.update(read_litellm(_section(root, "litellm_settings"), _homes("litellm_settings")))
    router = read_router(_section(root, "router_settings"), _homes("router_settings"))
    if "rows.timeout_s" in found and "router.timeout_s" not in router:
        found["router.timeout_s"] = found.pop("rows.timeout_s")  # LiteLLM: the router's timeout, else request_timeout
    found.update(router)
    found.update(read_general(_section(root, "general_settings"), _homes("general_settings")))
    found.update(env.read_verify(variables, found))
    found.update(read_penstock(_section(root, "penstock_settings")))
    settings = read_fields(root, (Field("callback_settings", "journal.callback_settings", mapping),))
    found.update(settings)
    if "general.master" not in found and root.entry("general_settings").entry("master_key").is_null:
        master = variables.entry(env.MASTER_KEY)
        if not master.is_null and (key := master_key(master)) is not None:
            found["general.master"] = key
    return found


def _part(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    own = {key.partition(".")[2]: value for key, value in found.items() if key.startswith(f"{name}.")}
    return {key: value for key, value in own.items() if key not in ("master", "more_keys")}


def _keys(root: Value, found: Mapping[str, Any], names: list[str]) -> tuple[Key, ...]:
    """The master key first; a warning when nobody is asked for one."""
    master: Key | None = found.get("general.master")
    more: tuple[Key, ...] = found.get("general.more_keys", ())
    section = root.entry("general_settings")
    is_given = not section.entry("master_key").is_null or not (section.is_null or section.is_mapping)
    if master is None and not more and not is_given:
        section.warn("there is no master_key: everybody may call")
    elif master is not None and any(each.sha256 == master.sha256 for each in more):
        root.entry("penstock_settings").entry("keys").error("holds the master key: it has a place of its own")
    place = root.entry("penstock_settings").entry("keys")
    for name in dict.fromkeys(name for key in more for name in key.models if not is_known(name, names)):
        place.warn(f"no group {name!r} in model_list", nearest(name, names))
    return (*(() if master is None else (master,)), *more)


def _router(root: Value, found: dict[str, Any], names: list[str]) -> RouterSettings:
    section = root.entry("router_settings")
    finish_aliases(section, found, names)
    names = [*names, *found["router.aliases"]]
    for kind in KINDS:
        if f"router.{kind}" in found:
            place = section.entry(kind)
            place = root.entry("litellm_settings").entry(kind) if place.is_null else place
            found[f"router.{kind}"] = without_unknown(place, found[f"router.{kind}"], names)
    for group in found.get("router.group_retry_policy", ()):
        if not is_known(group, names):
            place = section.entry("model_group_retry_policy").entry(group)
            place.warn("no such group in model_list", nearest(group, names))
    if defaults := found.get("router.default_fallbacks"):
        place = section.entry("default_fallbacks")
        place = root.entry("litellm_settings").entry("default_fallbacks") if place.is_null else place
        kept = without_unknown(place, {"*": defaults}, names)
        found["router.default_fallbacks"] = kept.get("*", ())
    router = RouterSettings(**_part(found, "router"))
    for sentence in check_fallbacks(router):
        root.entry("router_settings").warn(sentence)
    return router


def _completed(deployment: Deployment, found: Mapping[str, Any]) -> Deployment:
    """With the defaults for rows: request_timeout beside a router timeout, default_max_parallel_requests."""
    values = {
        name: found[f"rows.{name}"]
        for name in ("timeout_s", "max_parallel")
        if f"rows.{name}" in found and getattr(deployment, name) is None
    }
    return replace(deployment, **values) if values else deployment
