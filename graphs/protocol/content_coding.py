"""Bodies that were compressed on the way (RFC 9110, section 8.4: ``Content-Encoding``)."""

from __future__ import annotations

import zlib

from graphs.protocol.errors import ApiError

CONTENT_ENCODING = "content-encoding"
"""The header, as HTTP/2 writes it."""

CODINGS = ("gzip", "deflate", "identity")
_WINDOW = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


def decompressed(body: bytes, coding: str, most: int) -> bytes:
    """A body as it was before it was compressed; no more of it than the limit is ever in memory.

    :param coding: value of the header ``Content-Encoding``; empty and ``identity`` are not compressed.
    :param most: bytes that it may have.
    :raises ApiError: 415 if the coding is another, 413 if the body is longer, 400 if it is damaged or goes on
        behind its end.
    """
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return body
    if coding not in _WINDOW:
        raise ApiError(415, CONTENT_ENCODING, f"must be one of {', '.join(CODINGS)}", coding)
    found, rest = b"", body
    while True:
        reader = zlib.decompressobj(_WINDOW[coding])
        try:
            found += reader.decompress(rest, most + 1 - len(found))
        except zlib.error as error:
            raise _damaged(coding, str(error)) from None
        if len(found) > most:
            got = f"more than {most} bytes of {coding}"
            raise ApiError(413, "body", f"must be at most {most} bytes", got)
        if not reader.eof:
            raise _damaged(coding, "a part of it")
        rest = reader.unused_data
        if not rest:
            return found
        if coding == "deflate":  # A body of gzip may have several members (RFC 1952, section 2.2).
            raise _damaged(coding, "bytes behind its end")


def _damaged(coding: str, got: str) -> ApiError:
    return ApiError(400, "body", f"must be {coding}, as content-encoding says", got)
