"""Errors of the control plane, each with the HTTP status that MLRun's client expects for it."""

from __future__ import annotations


class ApiError(Exception):
    """An answer other than success.

    :param status: HTTP status code.
    :param detail: what is wrong, in words; the client prints it after its own message.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class NotFoundError(ApiError):
    """The thing asked for is not there (404)."""

    def __init__(self, detail: str) -> None:
        super().__init__(404, detail)


class InvalidError(ApiError):
    """The request breaks a rule (400)."""

    def __init__(self, detail: str) -> None:
        super().__init__(400, detail)


class ConflictError(ApiError):
    """The thing to create is already there, or is still in use (409 or 412).

    :param status: 409, or 412 where MLRun speaks of a failed precondition.
    """

    def __init__(self, detail: str, status: int = 409) -> None:
        super().__init__(status, detail)
