"""Where each device has its row in arrays of state."""

from __future__ import annotations

from collections.abc import Iterable

Key = str | int


class DevicePlaces:
    """A row for each device, from 0 on; that of a device that was given up is given to the next new one.

    :param keys: devices that have the first rows, in order.
    """

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._places: dict[Key, int] = {key: place for place, key in enumerate(keys)}
        self._unused: list[int] = []
        self.used = len(self._places)
        """Rows that were ever given."""

    def __contains__(self, key: Key) -> bool:
        return key in self._places

    @property
    def keys(self) -> list[Key]:
        """The devices that have a row, in the order of ``rows``."""
        return list(self._places)

    @property
    def rows(self) -> list[int]:
        """The row of each device."""
        return list(self._places.values())

    def get(self, key: Key) -> int | None:
        """The row of a device; None if it has none."""
        return self._places.get(key)

    def add(self, key: Key) -> int:
        """Give a row to a device that has none."""
        if self._unused:
            place = self._unused.pop()
        else:
            place, self.used = self.used, self.used + 1
        self._places[key] = place
        return place

    def give_up(self, key: Key) -> int | None:
        """Take the row of a device back; None if it has none."""
        place = self._places.pop(key, None)
        if place is not None:
            self._unused.append(place)
        return place
