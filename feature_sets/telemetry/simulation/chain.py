"""A chain of devices in which a fault shows on the next one alone: no reading of its own device tells it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
import pandas as pd

from feature_sets.checks import check_integer
from feature_sets.telemetry.frames import Telemetry
from feature_sets.telemetry.links import BEGINNING, OPEN, GivenLinks
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.simulation.counter_random import counter_random
from feature_sets.telemetry.simulation.episodes import Episodes

TICK_SECONDS = 10

_CONTENT = {
    "name": "chain",
    "entity": ["device"],
    "time": "timestamp",
    "metrics": {
        "latency": {"unit": "ms", "range": [0, None]},
        "packet_loss": {"unit": "%", "range": [0, 100]},
    },
    "label": "is_error",
    "windows": {"lengths": ["30s", "5m"], "period": "10s", "operations": ["avg", "max"]},
}
_OF_NEIGHBORS = {
    "topology": {"directed": True},
    "derived": {
        "neighbors": {
            "operations": ["avg", "max"],
            "windows": ["30s"],
            "statistics": ["max"],
            "directions": ["any", "upstream", "downstream"],
            "max_age": "1m",
        }
    },
}


@dataclass(frozen=True)
class ChainNetwork:
    """Devices one behind the other, of which one loses packets now and then.

    What a device loses is missed by the next one, which counts the loss and waits longer. The last device has
    no next one, and no faults. All devices have harmless surges of latency beside that.

    :param devices: in the chain, at least 2.
    :param ticks: readings of each.
    :param seed: same seed and settings, same rows.
    :param start: event time of the first tick.
    """

    devices: int = 6
    ticks: int = 3000
    seed: int = 1
    start: datetime = datetime(2024, 1, 1, tzinfo=UTC)

    def __post_init__(self) -> None:
        for name, least in (("devices", 2), ("ticks", 1), ("seed", 0)):
            object.__setattr__(self, name, check_integer(name, getattr(self, name), at_least=least))

    @staticmethod
    def schema(with_neighbors: bool = True) -> TelemetrySchema:
        """The schema that the rows follow, with features of neighbors or without."""
        return TelemetrySchema.from_dict({**_CONTENT, **(_OF_NEIGHBORS if with_neighbors else {})})

    @cached_property
    def names(self) -> list[str]:
        """Keys of the devices, from the first to the last."""
        return [f"hop-{number}" for number in range(1, self.devices + 1)]

    @property
    def links(self) -> GivenLinks:
        """Each device is upstream of the next one."""
        pairs = zip(self.names, self.names[1:], strict=False)
        return GivenLinks(dict.fromkeys(pairs, ((BEGINNING, OPEN),)), timed=False)

    def generate(self) -> Telemetry:
        """Readings, labels, devices and links."""
        ticks = np.arange(self.ticks)
        _, at_height = Episodes(self.seed, "chain errors", self.devices, 0.06, 20).heights(ticks)
        surge, _ = Episodes(self.seed, "chain surges", self.devices, 0.06, 20).heights(ticks)
        error = at_height.astype(np.float64)
        error[-1] = 0.0
        behind = np.vstack([np.zeros(self.ticks), error[:-1]])
        random = counter_random(self.seed, "chain", 0)
        latency = 20.0 + 6.0 * surge + 12.0 * behind + 3.0 * random.standard_normal(error.shape)
        loss = 0.5 + 2.0 * behind + 0.4 * random.standard_normal(error.shape)
        # Each reads at its own offset into the tick.
        offsets = random.random(self.devices) * TICK_SECONDS
        moments = pd.Timestamp(self.start) + pd.to_timedelta(
            np.round(ticks[None, :] * TICK_SECONDS + offsets[:, None], 3).ravel(), unit="s"
        )
        rows = pd.DataFrame(
            {
                DEVICE: np.repeat(self.names, self.ticks),
                "timestamp": moments.astype("datetime64[ns, UTC]"),
                "latency": np.round(np.clip(latency, 0.0, None), 2).ravel(),
                "packet_loss": np.round(np.clip(loss, 0.0, 100.0), 2).ravel(),
                "is_error": error.astype(np.int64).ravel(),
            }
        ).sort_values(["timestamp", DEVICE], ignore_index=True)
        return Telemetry(
            metrics=rows.drop(columns="is_error"),
            labels=rows[[DEVICE, "timestamp", "is_error"]],
            static=pd.DataFrame({DEVICE: self.names}),
            links=self.links,
        )
