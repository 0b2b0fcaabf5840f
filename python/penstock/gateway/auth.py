"""Who is calling: the one door for keys. Today the master key and static keys; what replaces it keeps `check()`.

Keys are kept as SHA-256 and compared in constant time; every key is compared, so that time does not tell which one
was close. A digest that was seen before is looked up (bounded), so that a known key costs one hash.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from penstock.config.models import Key
from penstock.gateway.inbound import Inbound

BEARER = "bearer "


class Unauthorized(Exception):
    """No key, or one that nobody was given."""


class Auth:
    """Callers' keys. Without any, everybody is `anonymous` and may use everything."""

    anonymous = Key(name="anonymous", sha256=b"", is_master=True)

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = tuple(keys)

    def __repr__(self) -> str:
        return f"<Auth {len(self._keys)} keys>"

    @property
    def is_open(self) -> bool:
        """Nobody needs a key."""
        return not self._keys

    def check(self, inbound: Inbound) -> Key:
        """The caller's key; Unauthorized says what to send. Spellings: Authorization: Bearer (OpenAI), x-api-key
        (Anthropic), api-key (Azure), x-litellm-api-key."""
        if not self._keys:
            return self.anonymous
        token = token_of(inbound)
        if token is None:
            raise Unauthorized("no API key: send it as 'Authorization: Bearer KEY', 'x-api-key: KEY' or 'api-key: KEY'")
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        found: Key | None = None
        for key in self._keys:
            if hmac.compare_digest(key.sha256, digest):
                found = key
        if found is None:
            raise Unauthorized("the API key is not known here")
        return found


def token_of(inbound: Inbound) -> str | None:
    """The caller's key as it was sent, in the first of the four places that has one."""
    for name in ("x-litellm-api-key", "authorization", "x-api-key", "api-key"):
        value = inbound.header(name)
        if value:
            token = value[len(BEARER) :] if value[: len(BEARER)].lower() == BEARER else value
            if token := token.strip():
                return token
    return None


def may_use(key: Key, group: str) -> bool:
    """Is this group among those the key was given? `*` at the end of a name stands for any rest."""
    if not key.models:
        return True
    return any(group == each or (each.endswith("*") and group.startswith(each[:-1])) for each in key.models)
