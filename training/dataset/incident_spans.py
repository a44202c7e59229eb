"""When devices were in error by their incidents, whatever they sent meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.labels.covered import FOREVER, device_incidents, excluded_incidents
from feature_sets.telemetry.incidents_that_count import incidents_that_count
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.dataset.device_times import DeviceTimes, Moments, Positions, moments_of

_LONGEST = FOREVER // 1000


@dataclass(frozen=True, eq=False)
class IncidentSpans:
    """Spans of time in which a device was in an incident, or in one right after the other.

    Label rows are made at readings. Where a device is silent in the middle of an incident, its rows do not
    say whether that was one incident or two; these do. The spans of a device neither overlap nor touch.

    :param keys: key of the device of each span, shape (n,); sorted by it, then by start.
    :param start: first moment that is in it, nanoseconds since the Unix epoch.
    :param end: first moment after it.
    """

    keys: npt.NDArray[np.object_]
    start: Moments
    end: Moments

    @classmethod
    def of(
        cls,
        incidents: pd.DataFrame,
        keys: Iterable[str],
        attributes: pd.DataFrame | None,
        schema: TelemetrySchema,
    ) -> IncidentSpans:
        """Spans of incidents that ``exclude_labels`` does not leave out.

        :param incidents: rows of all sources, see ``incident_types``.
        :param keys: of the devices.
        :param attributes: of devices, see ``device_incidents``.
        """
        counting, names = incidents_that_count(incidents, schema), sorted(set(keys))
        if not len(counting):
            return NO_INCIDENTS
        found = device_incidents(counting, names, attributes, schema)
        found = found.take(np.flatnonzero(~excluded_incidents(counting, schema)[found.row]))
        found = found.take(np.lexsort((found.start, found.codes)))
        if not len(found.codes):
            return NO_INCIDENTS
        starts, ends = (np.clip(bound, -_LONGEST, _LONGEST) * 1000 for bound in (found.start, found.end))
        ends = pd.Series(ends).groupby(found.codes).cummax().to_numpy()
        begins = np.diff(found.codes, prepend=-1) != 0
        begins[1:] |= starts[1:] > ends[:-1]
        first = np.flatnonzero(begins)
        last = np.append(first[1:], len(begins)) - 1
        return cls(np.array(names, dtype=object)[found.codes[first]], starts[first], ends[last])

    def numbers(self, rows: pd.DataFrame, time: str) -> Positions:
        """Number of the span that each row lies in, -1 for none, shape (n,).

        :param rows: device and time; a naive time counts as UTC.
        """
        names = pd.Index(self.keys).unique()
        own, of_row = names.get_indexer(pd.Index(self.keys)), names.get_indexer(pd.Index(rows[DEVICE]))
        moments = moments_of(rows[time])
        if not len(own) or not len(of_row):
            return np.full(len(of_row), -1, dtype=np.intp)
        place = DeviceTimes(own, self.start).first_after(of_row, moments) - 1
        inside = (place >= 0) & (own[place] == of_row) & (moments < self.end[place])
        return np.where(inside, place, -1)


NO_INCIDENTS = IncidentSpans(np.empty(0, dtype=object), *(np.empty(0, dtype=np.int64) for _ in range(2)))
"""Where labels are no incidents."""
