"""Content codings, as far as the installed aiohttp decodes them, by its own decompressors."""

from __future__ import annotations

from typing import Any

from aiohttp import compression_utils, hdrs
from aiohttp.http_parser import DeflateBuffer
from aiohttp.streams import StreamReader

ENCODINGS = frozenset(("gzip", "deflate", "br")) | (
    {"zstd"} if hasattr(compression_utils, "ZSTDDecompressor") else frozenset()
)


def encoding_of(headers: Any) -> str:
    """The coding to undo; "" for none, and for one that nobody knows.

    >>> encoding_of({"Content-Encoding": "GZIP"}), encoding_of({"Content-Encoding": "identity"})
    ('gzip', '')
    """
    encoding = headers.get(hdrs.CONTENT_ENCODING, "").lower()
    return encoding if encoding in ENCODINGS else ""


def decoder(out: StreamReader, encoding: str) -> Any:
    """Feeds `out`. ContentEncodingError when the library it needs is not installed."""
    return DeflateBuffer(out, encoding)
