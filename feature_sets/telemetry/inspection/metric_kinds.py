"""What each metric of a folder is: a gauge, a counter, or how long its device has been running."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
import pyarrow as pa

from feature_sets.listed import listed
from feature_sets.telemetry.inspection.choices import Proposal
from feature_sets.telemetry.inspection.counter_shape import (
    CounterShape,
    counter_shape,
    counts_something,
    has_lost_units,
    repeated_snapshots,
    uptime_unit,
)
from feature_sets.telemetry.inspection.device_shape import has_uneven_levels
from feature_sets.telemetry.inspection.far_values import tell_far_values
from feature_sets.telemetry.inspection.table_profile import TableProfile
from feature_sets.telemetry.inspection.text_numbers import may_be_thousands
from feature_sets.telemetry.inspection.word_metrics import WordMetric, word_metric

_NAMED = 5


class MetricRole(NamedTuple):
    """What a metric is in the schema: its role, the reason, and what it could be instead."""

    role: str
    why: str
    instead: str = ""


class MetricKinds:
    """Metrics of a schema while they are found.

    :param proposal: that they are for.
    :param table: that they are in.
    :param readings: ``device`` and ``time`` of each row that was looked at; None if nobody knows.
    """

    def __init__(self, proposal: Proposal, table: TableProfile, readings: pd.DataFrame | None) -> None:
        self._proposal, self._decimal = proposal, table.decimal
        self._readings = None if readings is None else readings.assign(run=table.runs())
        self._counters: dict[str, CounterShape | None] = {}
        self._uptimes: dict[str, str] = {}
        self._words: dict[str, WordMetric] = {}
        self._uneven: list[str] = []

    def add(self, name: str, column: pa.ChunkedArray, rows: pd.Index | None = None) -> None:
        """Look at the numbers of a metric.

        :param name: in the files.
        :param column: its numbers.
        :param rows: of the readings that these are in; all of them by default.
        """
        if told := may_be_thousands(column, name, self._decimal):
            self._proposal.decide.append(told)
        if self._readings is None:
            self._counters[name] = None
            return
        readings = self._readings if rows is None else self._readings.loc[rows]
        unit = uptime_unit(column, readings, name, self._decimal)
        if unit is not None:
            self._uptimes[name] = unit
            return
        self._counters[name] = counter_shape(column, readings, name, self._decimal)
        if self._counters[name] is None and has_uneven_levels(column, readings, self._decimal):
            self._uneven.append(name)
        if self._counters[name] is None and (told := tell_far_values(column, name, self._decimal)):
            self._proposal.decide.append(told)
        if self._counters[name] is None and has_lost_units(column, name, self._decimal):
            self._proposal.decide.append(
                f"'{name}' seems to be a counter, but some of its numbers are floats of 2^53 or more, which "
                "lost units: as whole numbers its rate could be read (kind: counter)."
            )

    def __contains__(self, name: str) -> bool:
        """Whether a column is a metric."""
        return name in self._counters

    def words_of(self, column: pa.ChunkedArray, rows: pd.Index | None = None) -> WordMetric | None:
        """Words of a column that change; see ``add``."""
        readings = self._readings
        if readings is not None:
            readings = (readings if rows is None else readings.loc[rows])[["device", "time"]]
        return word_metric(column, readings)

    def add_words(self, name: str, column: pa.ChunkedArray, rows: pd.Index | None = None) -> bool:
        """Look at a metric in words; what nobody can give numbers to is asked.

        :param name: in the files.
        :param column: its cells.
        :param rows: see ``add``.
        :returns: whether it has words that change.
        """
        found = self.words_of(column, rows)
        if found is None:
            return False
        if found.numbers or not found.words:
            self._words[name], self._counters[name] = found, None
        else:
            self._proposal.decide.append(found.question(self._proposal.named(name)))
        return True

    def propose(self) -> dict[str, MetricRole]:
        """Note what was found in the proposal.

        :returns: what each is, by its name in the files.
        """
        proposal = self._proposal
        proposal.fields["metrics"] = {
            proposal.named(name): None if shape is None else shape.fields
            for name, shape in self._counters.items()
        }
        for name, words in self._words.items():
            proposal.fields["metrics"][proposal.named(name)] = words.fields()
            proposal.metric_reasons[proposal.named(name)] = words.reason
        proposal.uneven = list(self._uneven)
        counters = [name for name, shape in self._counters.items() if shape is not None]
        roles: dict[str, MetricRole] = {}
        for name, shape in self._counters.items():
            if name in self._words:
                roles[name] = MetricRole("metrics", self._words[name].reason, self._words[name].instead)
                continue
            if shape is None:
                called = "a counter (kind: counter), as its name may say" if counts_something(name) else ""
                roles[name] = MetricRole("metrics", "numbers", called)
                continue
            roles[name] = MetricRole("metrics", shape.why, "a gauge, as it is")
            proposal.metric_reasons[proposal.named(name)] = shape.why
        for place, (name, unit) in enumerate(self._uptimes.items()):
            why = f"how long the device has been running, in {unit}"
            role = "uptime" if counters and not place else "none"
            instead = "" if role == "uptime" else "uptime, with counters"
            roles[name] = MetricRole(role, why, instead)
            if role == "uptime":
                proposal.fields["uptime"] = {"column": proposal.named(name), "unit": unit}
        if counters:
            self._tell_counters(counters)
        told = [words.told(proposal.named(name)) for name, words in self._words.items() if words.numbers]
        if told:
            proposal.decide.append(
                f"Words stand for numbers (values in metrics): {listed(told, _NAMED)}. Look whether they "
                "mean that to you: of a health, 0 is well and more is worse. A row with a further word is "
                "left out."
            )
        return roles

    def _tell_counters(self, counters: list[str]) -> None:
        proposal = self._proposal
        names = listed([f"'{name}'" for name in counters], _NAMED)
        what = "looks like a counter, so the metric is its rate"
        if len(counters) > 1:
            what = "look like counters, so the metrics are their rates"
        proposal.decide.append(
            f"{names} {what} (kind: counter); max_rate, the fastest that it can count, tells a wrap "
            "from a reset."
        )
        seconds = proposal.cadence.seconds if proposal.cadence else None
        again = None if self._readings is None else repeated_snapshots(self._readings, seconds)
        if again is not None:
            proposal.fields["counters"] = {"min_interval": again}
            proposal.decide.append(
                f"Some readings come less than {again} after another: counters have no rate between the two."
            )
