"""A routing document applied to the devices of an endpoint: each device has one version that answers it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from graphs.routing.document import RoutedVersion, RoutingDocument

_BYTES = 7
_ALL = 1 << (8 * _BYTES)


@dataclass(frozen=True)
class FurtherVersion:
    """The model of a further horizon.

    :param horizon: as the schema has it.
    :param version: of the model.
    :param model_path: address of exactly this package.
    :param sha256: SHA-256 of its ``model.json``.
    :param threshold: probability from which on it predicts 1.
    """

    horizon: str
    version: str
    model_path: str
    sha256: str
    threshold: float


@dataclass(frozen=True)
class Routing:
    """Who answers, decided once: a device keeps its version while other devices join or leave.

    :param document: the declaration.
    :param ends: of each canary, the place in the order of all possible devices up to which it answers.
    :param devices: of each canary, how many of the devices that were known then it answers; empty where none
        were known.
    :param thresholds: version -> probability from which on it predicts 1.
    :param further: the models of further horizons, as far as there are any; None with one horizon, and where
        an earlier version did not note them.
    """

    document: RoutingDocument
    ends: tuple[int, ...] = ()
    devices: tuple[int, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    further: tuple[FurtherVersion, ...] | None = None

    @classmethod
    def of(
        cls,
        document: RoutingDocument,
        known: Collection[str] | None,
        thresholds: Mapping[str, float],
        further: tuple[FurtherVersion, ...] | None = None,
    ) -> Routing:
        """Decide who answers whom.

        Of n known devices, a share s is the smallest whole number that is at least n * s: these devices, and
        no others. A larger share has all devices of a smaller one, as far as the salt is the same.

        :param known: registered devices; None where every device is accepted.
        :param further: the models of further horizons.
        """
        up_to, total = [], Fraction(0)
        for share in document.shares:
            total += share
            up_to.append(total)
        if known is None:
            return cls(document, tuple(math.ceil(share * _ALL) for share in up_to), (), thresholds, further)
        if not up_to:
            return cls(document, (), (), thresholds, further)
        places = [*sorted(place_of(device, document.salt) for device in known), _ALL]
        counts = [math.ceil(share * len(known)) for share in up_to]
        devices = tuple(count - before for count, before in zip(counts, [0, *counts], strict=False))
        # A device that registers later is a canary's by its share, as near to it as the known ones allow.
        ends = [
            min(max(math.ceil(share * _ALL), places[count - 1] + 1 if count else 0), places[count])
            for share, count in zip(up_to, counts, strict=True)
        ]
        return cls(document, tuple(ends), devices, thresholds, further)

    def answers(self, device: str) -> RoutedVersion:
        """The version that answers a device."""
        if self.ends:
            place = place_of(device, self.document.salt)
            for canary, end in zip(self.document.canaries, self.ends, strict=True):
                if place < end:
                    return canary
        return self.document.champion

    def to_dict(self) -> dict[str, Any]:
        """Plain form; ``from_dict`` reads it."""
        plain = {
            "document": self.document.to_dict(),
            "ends": list(self.ends),
            "devices": list(self.devices),
            "thresholds": dict(self.thresholds),
        }
        if self.further is None:
            return plain
        return {**plain, "further": [dict(vars(each)) for each in self.further]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Routing:
        """Inverse of ``to_dict``."""
        further = content.get("further")
        return cls(
            RoutingDocument.from_dict(content["document"]),
            tuple(content["ends"]),
            tuple(content["devices"]),
            dict(content["thresholds"]),
            None if further is None else tuple(FurtherVersion(**each) for each in further),
        )


def place_of(device: str, salt: str) -> int:
    """Place of a device in an order of all possible devices that nobody chose."""
    digest = hashlib.sha256(f"{salt}\0{device}".encode()).digest()
    return int.from_bytes(digest[:_BYTES], "big")
