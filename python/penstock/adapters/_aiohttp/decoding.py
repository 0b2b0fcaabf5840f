"""Content codings, as far as the installed aiohttp decodes them, by its own decompressors."""

from __future__ import annotations

from typing import Any

from aiohttp import compression_utils, hdrs
from aiohttp.http_exceptions import ContentEncodingError
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
    """Feeds `out`; when its library is not installed, every feeding raises, as in aiohttp."""
    try:
        return DeflateBuffer(out, encoding)
    except ContentEncodingError as err:
        return Undecodable(err)


class Undecodable:
    """In the place of a decompressor that is not installed."""

    def __init__(self, err: ContentEncodingError) -> None:
        self._err = err

    def feed_data(self, chunk: bytes, size: int) -> bool:
        raise self._err

    def feed_eof(self) -> None:
        raise self._err
