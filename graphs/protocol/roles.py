"""What the holder of a token may do."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """From the least to the most; each may do what those before it may.

    ``READ`` asks what is known. ``WRITE`` sends data: telemetry, labels and incidents. ``ADMIN`` changes how
    the endpoint answers.
    """

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        """Whether this role may do what takes another one."""
        return _ORDER.index(self) >= _ORDER.index(needed)


_ORDER = list(Role)

NOBODY = "none"
ANONYMOUS = (NOBODY, Role.READ.value, Role.WRITE.value)
"""Roles that somebody without a token may have; nobody administers without one."""


def anonymous_role(name: str) -> Role | None:
    """Role of somebody without a token, by its name in the settings."""
    return None if name == NOBODY else Role(name)
