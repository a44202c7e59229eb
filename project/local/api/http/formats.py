"""How much of a document a query wants to see."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from project.local.api.documents import Document, keep
from project.local.api.errors import InvalidError
from project.local.api.http.calls import Call


def formatter(call: Call, minimal: Sequence[str]) -> Callable[[Document], Document]:
    """Shapes a document by the query's ``format``: ``full`` (default) or ``minimal``.

    :param minimal: dotted paths that the minimal form keeps.
    :raises InvalidError: if the format is another.
    """
    form = call.value("format", default="full")
    if form == "full":
        return lambda document: document
    if form == "minimal":
        return lambda document: keep(document, minimal)
    raise InvalidError(f"format must be 'full' or 'minimal', got {form!r}")
