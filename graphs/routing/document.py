"""The routing document: the versions of the model that an endpoint has loaded, and what each is for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import cached_property
from typing import Any

from feature_sets.checks import InputError, check_choice, check_mapping, check_number

CHAMPION, SHADOW, CANARY = "champion", "shadow", "canary"
ROLES = (CHAMPION, SHADOW, CANARY)
MOST_VERSIONS = 8
SALT = "netops"

_SHA256 = re.compile(r"[0-9a-f]{64}")
_HALF = re.compile("[\ud800-\udfff]")
"""Half a character, which no text that is kept may have."""
_LONGEST = 1000
_OF_VERSION = ("version", "role", "model_path", "sha256", "share", "until")
_REQUIRED = _OF_VERSION[:4]


@dataclass(frozen=True)
class RoutedVersion:
    """One version and its role.

    :param version: of the model, as its package has it.
    :param role: ``champion`` answers, ``canary`` answers a share of the devices, ``shadow`` never answers.
    :param model_path: address of its package.
    :param sha256: SHA-256 of its ``model.json``, which has those of its other files.
    :param share: of the devices that a canary answers, above 0 and at most 1; 0 for the other roles.
    :param until: wall clock after which a shadow ends by itself, ISO 8601 with a zone; empty for never.
    """

    version: str
    role: str
    model_path: str
    sha256: str
    share: float = 0.0
    until: str = ""

    def __post_init__(self) -> None:
        for name in ("version", "model_path", "sha256"):
            check_text(name, getattr(self, name))
        where = f"version '{self.version}'"
        check_choice(f"{where}: role", self.role, ROLES)
        if not _SHA256.fullmatch(self.sha256):
            raise InputError(
                f"{where}: sha256", "must be 64 hexadecimal digits of its model.json", self.sha256
            )
        if self.role == CANARY:
            check_number(f"{where}: share", self.share, above=0, at_most=1)
        elif check_number(f"{where}: share", self.share):
            raise InputError(f"{where}: share", "must be given for a canary alone", self.share)
        if self.until:
            if self.role != SHADOW:
                raise InputError(f"{where}: until", "must be given for a shadow alone", self.until)
            _seconds(f"{where}: until", self.until)

    def is_over(self, now: float) -> bool:
        """Whether it is a shadow whose time is over.

        :param now: wall clock, epoch seconds.
        """
        return bool(self.until) and now > _seconds("until", self.until)

    def to_dict(self) -> dict[str, Any]:
        """Plain form; the share of a canary alone is in it, and the end of a shadow that has one."""
        plain: dict[str, Any] = {
            "version": self.version,
            "role": self.role,
            "model_path": self.model_path,
            "sha256": self.sha256,
        }
        if self.until:
            plain["until"] = self.until
        return {**plain, "share": self.share} if self.role == CANARY else plain


@dataclass(frozen=True)
class RoutingDocument:
    """All versions of an endpoint: one champion, and what is tried beside it.

    :param versions: each version once. Canaries take their devices in this order.
    :param salt: makes which devices are the first to get a canary. Another salt is another order.
    """

    versions: tuple[RoutedVersion, ...]
    salt: str = SALT

    def __post_init__(self) -> None:
        check_text("salt", self.salt)
        if not 1 <= len(self.versions) <= MOST_VERSIONS:
            raise InputError("versions", f"must be 1 to {MOST_VERSIONS} versions", len(self.versions))
        names = [each.version for each in self.versions]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError("versions", "must have each version once", twice)
        champions = [each.version for each in self.versions if each.role == CHAMPION]
        if len(champions) != 1:
            raise InputError("versions", "must have one champion", champions)
        total = sum(self.shares, Fraction(0))
        if total > 1:
            raise InputError("versions", "must have shares of at most 1 in all", float(total))

    @cached_property
    def champion(self) -> RoutedVersion:
        """The version that answers all devices that no canary answers."""
        return next(each for each in self.versions if each.role == CHAMPION)

    @cached_property
    def canaries(self) -> tuple[RoutedVersion, ...]:
        """Versions that answer a share of the devices, in order."""
        return tuple(each for each in self.versions if each.role == CANARY)

    @cached_property
    def shadows(self) -> tuple[RoutedVersion, ...]:
        """Versions that are scored and never answer."""
        return tuple(each for each in self.versions if each.role == SHADOW)

    @property
    def shares(self) -> tuple[Fraction, ...]:
        """Share of each canary, as it is written in decimals."""
        return tuple(Fraction(repr(float(each.share))) for each in self.canaries)

    def to_dict(self) -> dict[str, Any]:
        """Plain form; ``from_dict`` reads it."""
        return {"salt": self.salt, "versions": [each.to_dict() for each in self.versions]}

    @classmethod
    def from_dict(cls, content: object, where: str = "routing") -> RoutingDocument:
        """Read what was given from outside.

        :raises InputError: naming the first field that breaks a rule.
        """
        given = check_mapping(where, content, ("versions", "salt"))
        _require(where, given, ("versions",))
        versions = given["versions"]
        if not isinstance(versions, list | tuple):
            raise InputError("versions", "must be a list", versions)
        salt = given.get("salt", SALT)
        return cls(tuple(_version(place, each) for place, each in enumerate(versions)), salt)


def _seconds(where: str, text: object) -> float:
    """Epoch seconds of a time with a zone."""
    rule = "must be ISO 8601 text with a time zone"
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InputError(where, rule, text)
    return moment.timestamp()


def _version(place: int, content: object) -> RoutedVersion:
    where = f"versions[{place}]"
    given = check_mapping(where, content, _OF_VERSION)
    _require(where, given, _REQUIRED)
    if given["role"] == CANARY:
        _require(where, given, (*_REQUIRED, "share"))
    return RoutedVersion(**given)


def _require(where: str, given: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        if name not in given:
            raise InputError(f"{where}: {name}", "is required", None)


def check_text(where: str, value: object) -> str:
    """Raise InputError unless a value is text that can be kept, not blank and not too long."""
    is_text = isinstance(value, str) and 0 < len(value.strip()) <= len(value) <= _LONGEST
    if not isinstance(value, str) or not is_text or _HALF.search(value):
        raise InputError(where, f"must be text of 1 to {_LONGEST} characters", value)
    return value
