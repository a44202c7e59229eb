"""What the table of routes makes of the OpenAPI document."""

from __future__ import annotations

from typing import Any

from graphs.protocol.roles import Role
from graphs.protocol.routes import ROUTES

_STATUS = {
    "NotJson": "400",
    "NoToken": "401",
    "WrongRole": "403",
    "TooSlow": "408",
    "TooLarge": "413",
    "NotDecoded": "415",
    "TooMany": "429",
    "HeadTooLong": "431",
}
"""Answers that are none of the operation's own."""


def add_access(document: dict[str, Any], anonymous: Role | None) -> None:
    """Say which role each operation takes, and how requests are answered that no step gets to see.

    :param document: changed in place.
    :param anonymous: role of those who send no token; an operation that it covers takes one, and needs none.
    """
    for route in ROUTES:
        operation = document["paths"][route.path][route.method.lower()]
        answers = ["TooSlow", "HeadTooLong"]
        if route.has_body:
            answers += ["NotJson", "TooLarge", "NotDecoded"]
        if route.has_body or route.role is not None:
            answers.append("TooMany")
        if route.role is not None:
            operation["security"] = [{"token": [route.role.value]}]
            if anonymous is not None and anonymous.covers(route.role):
                operation["security"].append({})
            else:
                answers += ["NoToken", "WrongRole"]
        given = {_STATUS[name]: {"$ref": f"#/components/responses/{name}"} for name in answers}
        operation["responses"] = dict(sorted({**operation["responses"], **given}.items()))
