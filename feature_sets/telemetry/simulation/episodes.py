"""Episodes that build up, last and fade: errors, and harmless surges of load."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feature_sets.telemetry.simulation.counter_random import counter_random

_WEAKEST = 0.3
_STRONGEST = 1.5


@dataclass(frozen=True)
class Episodes:
    """Episodes of one kind on every device.

    Time is cut into slots, for each device at a phase of its own; each slot holds one whole episode at a
    random place and of a random severity, so that in the long run the share of ticks at the height of an
    episode is the rate.

    :param seed: same seed, same episodes.
    :param stream: ``errors`` or ``surges``.
    :param devices: how many devices.
    :param rate: share of ticks at the height of an episode, above 0, at most 0.3.
    :param length: ticks at the height.
    """

    seed: int
    stream: str
    devices: int
    rate: float
    length: int

    @property
    def ramp(self) -> int:
        """Ticks in which an episode builds up, and in which it fades."""
        return max(1, self.length // 4)

    @property
    def slot(self) -> int:
        """Ticks that hold one episode."""
        return max(round(self.length / self.rate), self.length + 2 * self.ramp)

    def heights(self, ticks: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """How strong the episode is at each tick, and whether the tick is at its height.

        :param ticks: consecutive numbers of ticks, shape (n,), n at least 1.
        :returns: severity times build-up (0 is no episode), and truth; both of shape (devices, n).
        """
        phase = counter_random(self.seed, self.stream, -1).integers(self.slot, size=self.devices)
        shifted = ticks[None, :] + phase[:, None]
        numbers = shifted // self.slot
        first, last = int(numbers.min()), int(numbers.max())
        draws = np.stack(
            [
                counter_random(self.seed, self.stream, number).random((self.devices, 2))
                for number in range(first, last + 1)
            ]
        )
        chosen = draws[numbers - first, np.arange(self.devices)[:, None]]
        whole = self.length + 2 * self.ramp
        begin = np.floor(chosen[:, :, 0] * (self.slot - whole + 1))
        severity = _WEAKEST + (_STRONGEST - _WEAKEST) * chosen[:, :, 1]
        step = shifted - numbers * self.slot - begin
        rise, fall = (step + 1) / (self.ramp + 1), (whole - step) / (self.ramp + 1)
        height = np.clip(np.minimum(rise, fall), 0.0, 1.0) * severity
        return height, (step >= self.ramp) & (step < self.ramp + self.length)
