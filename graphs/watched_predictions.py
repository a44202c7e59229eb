"""The predictions of a request that say how well the model does: its own, of the devices it is made for."""

from __future__ import annotations

from collections.abc import Sequence

from feature_sets.windows import event_status
from graphs.protocol.records import TelemetryRecord
from graphs.protocol.telemetry_columns import columns_of
from graphs.state.population import Population


def watched_predictions(
    telemetry: Sequence[TelemetryRecord], version: str, population: Population | None
) -> list[tuple[float, int]]:
    """Probability and prediction of each new reading that counts, in their order.

    :param telemetry: of a request, maybe as columns.
    :param version: of the model that is watched.
    :param population: devices that it is made for; None for all.
    """
    columns = columns_of(telemetry)
    if columns is not None:
        made = columns.made
        if made is None or made.version != version:
            return []
        said = list(zip(made.probability.tolist(), made.decided.tolist(), strict=True))
        if population is None:
            return said
        devices, times = columns.plain.devices, columns.plain.times
        both = zip(made.events.tolist(), said, strict=True)
        return [each for at, each in both if population.has(devices[at], times[at])]
    return [
        (record.prediction.probability, record.prediction.prediction)
        for record in telemetry
        if record.prediction is not None
        and record.prediction.version == version
        and record.maintenance is None
        and record.status in event_status.COUNTED
        and (population is None or population.has(record.event.device, record.event.time))
    ]
