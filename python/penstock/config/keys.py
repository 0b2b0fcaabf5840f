"""Who may call: the master key, and the static keys of `penstock_settings`. Only SHA-256 is kept."""

from __future__ import annotations

import hashlib

from penstock.config.fields import Field, check_keys, names_of, read_fields
from penstock.config.kinds import Refused, guarded, secret, text, texts
from penstock.config.models import Key
from penstock.config.value import Value
from penstock.secret import Secret

START = "sk-"  # LiteLLM wants it of a master key


def digest(key: Secret) -> bytes:
    return hashlib.sha256(key.reveal().encode()).digest()


def master_key(value: Value) -> Key | None:
    """The Key of general_settings.master_key or LITELLM_MASTER_KEY; an error when its variable is not set."""
    found = guarded(secret, value)
    if found is None:
        return None
    if not found.reveal().startswith(START):
        value.warn(f"should start with {START}: LiteLLM and its clients expect it")
    return Key(name="master", sha256=digest(found), is_master=True)


def sha256(value: Value) -> bytes:
    """64 hexadecimal digits."""
    found = text(value)
    try:
        raw = bytes.fromhex(found)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise Refused("must be 64 hexadecimal digits (sha256sum of the key)")
    return raw


FIELDS = (
    Field("name", "name", text),
    Field("key", "key", secret, is_needed=True),
    Field("sha256", "sha256", sha256, is_needed=True),
    Field("models", "models", texts),
)


def keys(value: Value) -> tuple[Key, ...]:
    """penstock_settings.keys: [{name, key or sha256, models}]."""
    if not value.is_list:
        raise Refused(f"must be a list of {{name, key or sha256, models}}, not {value.kind}")
    found: list[Key] = []
    for item in value.items():
        key = _key(item)
        if key is None:
            continue
        if any(each.name == key.name or each.sha256 == key.sha256 for each in found):
            item.error("has the name or the key of an earlier one: both are unique")
        found.append(key)
    return tuple(found)


def _key(item: Value) -> Key | None:
    if not item.is_mapping:
        item.error(f"must be a mapping of name, key or sha256, models; not {item.kind}")
        return None
    check_keys(item, names_of(FIELDS))
    read = read_fields(item, FIELDS)
    given = [name for name in ("key", "sha256") if not item.entry(name).is_null]
    if item.entry("name").is_null:
        item.error("name is missing: it stands in logs and metrics")
    if len(given) != 1:
        item.error("needs one of key and sha256")
    if "name" not in read or len(given) != 1 or given[0] not in read:
        return None
    value = digest(read["key"]) if "key" in read else read["sha256"]
    return Key(name=read["name"], sha256=value, models=read.get("models", ()))
