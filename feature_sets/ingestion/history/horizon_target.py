"""What is predicted with a label horizon, in a history that grows: what was unknown becomes known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from feature_sets.ingestion.history.computed import AnyArrival, Ranges, Recomputed
from feature_sets.labels.horizon import with_target
from feature_sets.rows.keyed_rows import Bools, KeyedRows
from feature_sets.telemetry.each_horizon import ahead_targets, longest_horizon_seconds
from feature_sets.telemetry.schema import TelemetrySchema


@dataclass(frozen=True)
class HorizonTarget(AnyArrival):
    """What is predicted ahead, a column for each horizon; H is the longest of them.

    A label at s says something of rows after s − H: an error that starts within H of them, or an excluded
    row. And it may close a silence that begins before s, in which a row up to H earlier saw an end of what
    is known: so of all rows in (s − 2H, s]. What is true of a row at t is said by rows up to t + 2H.

    :param schema: of the labels; one of its horizons is ahead.
    """

    schema: TelemetrySchema
    again: Ranges = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The targets, in the order of the horizons."""
        return ahead_targets(self.schema)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The label, and what excludes rows."""
        excluding = [name for name in self.schema.exclude_labels if name != self.schema.label]
        return tuple(dict.fromkeys([self.schema.label, *excluding]))

    @property
    def behind(self) -> int:
        """Twice the longest horizon."""
        return 2 * longest_horizon_seconds(self.schema) * 1_000_000

    @property
    def ahead(self) -> int:
        """Twice the longest horizon."""
        return self.behind

    def recompute(self, rows: KeyedRows, added: Bools, is_whole: bool = False) -> Recomputed:
        """Targets of the added rows and of those up to twice the horizon before one of them."""
        order = np.lexsort((rows.micros, rows.codes))
        micros, codes = rows.micros[order], rows.codes[order]
        following = np.where(added[order], np.arange(len(order)), len(order))
        following = np.minimum.accumulate(following[::-1])[::-1]
        exists = following < len(order)
        following[~exists] = 0
        changed = np.zeros(len(order), dtype=np.bool_)
        changed[order] = (
            exists & (codes[following] == codes) & (micros[following] - micros < max(self.behind, 1))
        )
        found = with_target(rows.frame, self.schema)
        targets = {name: found[name].to_numpy(dtype=np.float64)[changed] for name in self.names}
        return Recomputed(changed, targets, np.zeros_like(changed))
