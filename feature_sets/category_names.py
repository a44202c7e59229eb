"""Names for the values of a static column, which features are called by: letters, digits, underscores.

A name depends on its value alone, so that it stays when devices with other values join. Different values have
different names: a dash becomes an underscore, an underscore two. A value with anything else in it, or a long
one, ends with a digest of itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

_PLAIN = re.compile(r"^[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*$")
_LONGEST = 40


def category_name(value: str, digits: int = 4) -> str:
    """Name of one value.

    >>> category_name("edge-200"), category_name("edge_200"), category_name("v1.10")
    ('edge_200', 'edge__200', 'v1_10_18a7')

    :param digits: of the digest, where there is one.
    """
    if _PLAIN.match(value) and len(value) <= _LONGEST:
        return value.replace("_", "__").replace("-", "_")
    plain = re.sub(r"[^A-Za-z0-9]+", "_", value)[:_LONGEST].strip("_")
    digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
    return f"{plain}_{digest}" if plain else digest


def category_names(values: Iterable[str]) -> dict[str, str]:
    """Name of each of these values, no two alike."""
    given = sorted(set(values))
    for digits in range(4, 65):
        names = {value: category_name(value, digits) for value in given}
        if len(set(names.values())) == len(names):
            return names
    raise ValueError(f"values must have different digests, got {given}")
