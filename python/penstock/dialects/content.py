"""Images and documents in a message, both ways."""

from __future__ import annotations

import re
from typing import Any

from penstock.dialects.call import BadRequest
from penstock.dialects.reading import Members, Refusals, list_at, members_at, text_at

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,]*)*(;base64)?,", re.ASCII)
_FILENAME = "document.pdf"


def block_of(part: object, where: str, refusals: Refusals) -> Members | None:
    """A part of a chat message as an Anthropic block; None when it is left out."""
    if isinstance(part, str):
        return {"type": "text", "text": part} if part else None
    part = members_at(part, where)
    kind = part.get("type")
    block: Members | None = None
    if kind == "text":
        text = text_at(part.get("text"), f"{where}.text")
        block = {"type": "text", "text": text} if text else None
    elif kind == "image_url":
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else image
        block = {"type": "image", "source": _source(text_at(url, f"{where}.image_url.url"), where)}
    elif kind == "file":
        block = _document(members_at(part.get("file"), f"{where}.file"), f"{where}.file", refusals)
    elif kind == "refusal":
        text = text_at(part.get("refusal"), f"{where}.refusal")
        block = {"type": "text", "text": text} if text else None
    elif kind in ("image", "document", "tool_result", "search_result"):
        block = part  # Anthropic's own block in a chat message, as LiteLLM's users write it
    else:
        refusals.cannot(f"{where}.type", f"Anthropic has no {kind!r} content")
    if block is not None and block is not part and part.get("cache_control") is not None:
        block["cache_control"] = part["cache_control"]
    return block


def _source(url: str, where: str) -> Members:
    """An image's or document's URL as a source."""
    found = _DATA_URL.match(url)
    if found is not None:
        if found[2] is None:
            raise BadRequest(f"{where}: a data URL must be base64", param=where)
        return {"type": "base64", "media_type": found[1] or "image/png", "data": url[found.end() :]}
    if url.startswith(("https://", "http://")):
        return {"type": "url", "url": url}
    raise BadRequest(f"{where}: an image is a data URL or an http(s) URL", param=where)


def _document(file: Members, where: str, refusals: Refusals) -> Members | None:
    data = file.get("file_data")
    if not isinstance(data, str):
        refusals.cannot(f"{where}.file_id", "files that were uploaded to one provider are not known to another")
        return None
    source = _source(data, where) if data.startswith(("data:", "http")) else None
    if source is None:
        source = {"type": "base64", "media_type": "application/pdf", "data": data}
    block: Members = {"type": "document", "source": source}
    if isinstance(file.get("filename"), str):
        block["title"] = file["filename"]
    return block


def part_of(block: Any, where: str, refusals: Refusals) -> list[Members]:
    """An Anthropic block of a user as parts of a chat message."""
    block = members_at(block, where)
    kind = block.get("type")
    if kind == "text":
        return [_kept(block, {"type": "text", "text": text_at(block.get("text"), f"{where}.text")})]
    if kind == "image":
        url = _url(members_at(block.get("source"), f"{where}.source"))
        if url is not None:
            return [_kept(block, {"type": "image_url", "image_url": {"url": url}})]
        refusals.cannot(f"{where}.source", "an uploaded file is not known to another provider")
        return []
    if kind == "document":
        return _parts_of_document(block, where, refusals)
    if kind == "search_result":
        texts = [text_at(each.get("text"), where) for each in _texts(block.get("content"), where)]
        return [{"type": "text", "text": "\n".join([*_titles(block), *texts])}]
    refusals.cannot(f"{where}.type", f"a chat message has no {kind!r} content")
    return []


def _parts_of_document(block: Members, where: str, refusals: Refusals) -> list[Members]:
    source = members_at(block.get("source"), f"{where}.source")
    kind = source.get("type")
    if kind == "text":
        text = text_at(source.get("data"), f"{where}.source.data")
        return [{"type": "text", "text": "\n".join([*_titles(block), text])}]
    if kind == "content":
        content = source.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list_at(content, where)
        return [part for each in blocks for part in part_of(each, f"{where}.source.content", refusals)]
    if kind == "base64":
        name = block.get("title")
        file = {"filename": name if isinstance(name, str) else _FILENAME, "file_data": _url(source)}
        return [_kept(block, {"type": "file", "file": file})]
    refusals.cannot(f"{where}.source", f"a chat message takes no document of source {kind!r}")
    return []


def _kept(block: Members, part: Members) -> Members:
    """The part with the caller's mark for the cache, which some providers of OpenAI's format read too."""
    if block.get("cache_control") is not None:
        part["cache_control"] = block["cache_control"]
    return part


def _titles(block: Members) -> list[str]:
    return [block[name] for name in ("title", "source") if isinstance(block.get(name), str)]


def _texts(content: object, where: str) -> list[Members]:
    return [members_at(each, where) for each in list_at(content, f"{where}.content")]


def _url(source: Members) -> str | None:
    kind = source.get("type")
    if kind == "url" and isinstance(source.get("url"), str):
        url: str = source["url"]
        return url
    if kind == "base64" and isinstance(source.get("data"), str):
        return f"data:{source.get('media_type') or 'image/png'};base64,{source['data']}"
    return None
