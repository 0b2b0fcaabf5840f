"""What the gateway reads of a request body: once, and no more than it needs. msgspec checks the whole JSON on the way.

The body itself stays as it came; what goes to the provider is patched from these bytes, not written anew.
"""

from __future__ import annotations

import re

import msgspec

from penstock.dialects.call import BadRequest, CallFacts
from penstock.dialects.dialect import Dialect
from penstock.dialects.reading import UNREADABLE, unreadable
from penstock.gateway.clock import wall_s
from penstock.gateway.endpoints import Endpoint


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Body(msgspec.Struct):
    model: str | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    user: str | None = None


class Read(msgspec.Struct, frozen=True):
    """What was read beside the facts for dialects."""

    facts: CallFacts
    user: str | None


_decoder = msgspec.json.Decoder(_Body)
MODEL_CHARS = 512  # models and users are kept in the journal and told in errors: bounded
USER_CHARS = 512
_WHERE = re.compile(r" - at `\$\.?(?P<path>[^`]*)`")


def read_facts(
    endpoint: Endpoint,
    body: bytes,
    headers: tuple[tuple[str, str], ...],
    *,
    drop_params: bool = False,
    include_usage: bool = False,
) -> Read:
    """BadRequest for what is not a JSON object with a model, naming the field as the caller wrote it."""
    if not body:
        raise BadRequest("the request body is empty; send a JSON object")
    try:
        read = _decoder.decode(body)
    except msgspec.ValidationError as err:
        raise _wrong_type(err) from None
    except UNREADABLE as err:
        raise unreadable(err) from None
    model = endpoint.model or read.model
    if not model:
        raise BadRequest("you must provide a model", param="model")
    if len(model) > MODEL_CHARS:
        raise BadRequest(f"no model has a name of {len(model)} characters", param="model")
    options = read.stream_options
    return Read(
        CallFacts(
            dialect=endpoint.dialect,
            body=body,
            model=model,
            stream=bool(read.stream) and endpoint.dialect is not Dialect.EMBEDDINGS and not endpoint.counts_tokens,
            include_usage=include_usage or (options is not None and bool(options.include_usage)),
            headers=headers,
            counts_tokens=endpoint.counts_tokens,
            drop_params=drop_params,
            now_s=int(wall_s()),
        ),
        read.user[:USER_CHARS] if read.user else read.user,
    )


def _wrong_type(err: msgspec.ValidationError) -> BadRequest:
    text = str(err)
    where = _WHERE.search(text)
    path = where["path"] if where else ""
    said = text[: where.start()] if where else text
    if not path:
        return BadRequest(f"the request body must be a JSON object: {said}")
    return BadRequest(f"{path}: {said}", param=path)
