"""`credential_list`: named sets of api_key, api_base, ... named by a row's litellm_credential_name."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.config.fields import check_keys
from penstock.config.value import Value

KEYS = ("credential_name", "credential_values", "credential_info")


def read_credentials(section: Value) -> Mapping[str, Mapping[str, Value]]:
    """Name -> values, unresolved: only what is used must be set."""
    found: dict[str, Mapping[str, Value]] = {}
    if not section.is_null and not section.is_list:
        section.error(f"must be a list of credentials, not {section.kind}")
    for row in section.items():
        if not row.is_mapping:
            row.error(f"must be a mapping with credential_name and credential_values, not {row.kind}")
            continue
        check_keys(row, KEYS)
        name, values = row.entry("credential_name"), row.entry("credential_values")
        spelt = name.scalar()
        if not isinstance(spelt, str) or not spelt:
            row.error("credential_name is missing, or no text")
        elif not values.is_mapping:
            row.error("credential_values is missing, or no mapping")
        elif spelt in found:
            name.error("is the name of another credential: names are unique")
        else:
            found[spelt] = values.entries()
    return found
