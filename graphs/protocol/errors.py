"""The error that answers a bad request, as an object in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from feature_sets.checks import InputError
from feature_sets.telemetry.events import brief

_RETRY_SECONDS = 2


class ApiError(InputError):
    """A request, or one event of it, that is answered with an error object.

    :param status: HTTP status.
    :param field: the field that breaks a rule.
    :param rule: the rule, for people.
    :param got: the value given; made JSON-able and cut to a readable length.
    :param headers: of the answer, beside those of any; a 503 says by itself when to come again.
    :param reason: why the state has no room for it, if that is so: answers are counted by it.
    """

    def __init__(
        self,
        status: int,
        field: str,
        rule: str,
        got: object = None,
        headers: Mapping[str, str] | None = None,
        reason: str = "",
    ) -> None:
        super().__init__(field, rule, brief(got))
        self.status = status
        self.headers = dict(headers or {})
        if status == 503:
            self.headers.setdefault("Retry-After", str(_RETRY_SECONDS))
        self.reason = reason


def error_object(error: InputError) -> dict[str, Any]:
    """Error object of an answer; half characters (lone surrogates), which JSON cannot carry, become ``?``.

    :param error: whose ``got`` JSON can carry.
    """
    content = {"field": error.where, "rule": error.rule, "got": error.got}
    return {
        name: value.encode(errors="replace").decode() if isinstance(value, str) else value
        for name, value in content.items()
    }


def is_text(value: str) -> bool:
    """Whether text has whole characters only; Python's JSON decoder lets lone surrogates in."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
