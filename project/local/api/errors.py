"""Errors of the control plane, one class for each HTTP status that MLRun's client tells apart."""

from __future__ import annotations


class ApiError(Exception):
    """An answer other than success.

    :param detail: what is wrong, in words; the client prints it after its own message.
    :ivar status: HTTP status code.
    """

    status = 500

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class InvalidError(ApiError):
    """The request breaks a rule."""

    status = 400


class NotFoundError(ApiError):
    """The resource asked for does not exist."""

    status = 404


class ConflictError(ApiError):
    """The resource to create exists already, or is in a state that forbids the change."""

    status = 409


class PreconditionError(ApiError):
    """The resource is still in use, where MLRun speaks of a failed precondition."""

    status = 412


class UnsupportedError(ApiError):
    """A cluster can do this and a laptop can not."""

    status = 501
