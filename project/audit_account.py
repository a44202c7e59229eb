"""What an audit found, for programs and for people."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from feature_sets.telemetry.schema import DEVICE

THEN = "history: with the next run, or 'netops ingest --live'"


@dataclass
class Audit:
    """What was found of the newest labeled pairs of an endpoint.

    :param pairs: looked at.
    :param compared: of these, those whose features and answer were recomputed.
    :param not_in_history: those whose reading is not in the history yet.
    :param label_not_in_history: those whose reading is in the history, and whose label is not: at its end the
        future that tells it was not known yet, and came live since.
    :param without_label: those whose reading is in the history, which knows no label of them though it has
        all that they were joined by: that was taken back, and their device sent nothing within the horizon.
    :param without_target: those of which the history has no target for good: by it they were in error
        already, as where the incident was told late, or are left out.
    :param out_of_history: those whose reading was looked at and is not in the history: by the arrival that
        files give other readings, it was too late.
    :param after_late: compared ones that look back on a late reading, which a schema without an arrival has
        in the history as if it had come in time. Their windows are made anew in the order of the journal.
    :param after_silence: compared ones with windows that are not those of the history, after a silence in
        which the endpoint may have forgotten their device. So are theirs, begun after the silence.
    :param beside_files: other ones with windows in which the history has readings of a file, later than live
        ones: it may have come after their answer. So are theirs, with them or without.
    :param rounded: ones in which a feature relative to the past of its device is not that of the history, but
        within ``RELATIVE_BOUND`` of ``project.audit``, as after a late reading; this is no mismatch.
    :param not_in_journal: ones with a late reading of which the journal has nothing any more.
    :param unknown_models: those of a model that is registered no more.
    :param of_other_schema: those of a model whose features are made otherwise than those of the history, of
        another schema by now: by other windows, or of a metric with another range.
    :param without_input: those of a model with an input that the history, of another schema by now, lacks.
    :param mismatches: compared ones in which a feature differs in a bit, the probability by more than the
        rounding of 32 bits, the prediction is not that of probability and threshold, or the label none that
        arrived.
    :param by_feature: feature, ``probability``, ``prediction`` or label -> compared ones in which it differs.
    :param examples: the first differences: device, event time, file, column, ``expected`` and ``found``.
    :param left_out: feature -> compared ones in which it is not looked at. One of other devices: without an
        arrival in the schema, the history does not know which of two devices was heard first. One that is
        relative to all that the device sent before: after a late reading, or a silence.
    :param partly: compared ones in which any feature is not looked at: whether that differs is unknown.
    :param absent: such an input -> pairs of models that take it.
    :param since: from when on answers were looked at, ISO 8601; None without pairs.
    :param first: event time of the earliest pair, ISO 8601; None without pairs.
    :param last: of the latest.
    """

    pairs: int = 0
    compared: int = 0
    not_in_history: int = 0
    label_not_in_history: int = 0
    without_label: int = 0
    without_target: int = 0
    out_of_history: int = 0
    after_late: int = 0
    after_silence: int = 0
    beside_files: int = 0
    rounded: int = 0
    not_in_journal: int = 0
    unknown_models: int = 0
    of_other_schema: int = 0
    without_input: int = 0
    mismatches: int = 0
    partly: int = 0
    by_feature: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    absent: Counter[str] = field(default_factory=Counter)
    examples: list[dict[str, Any]] = field(default_factory=list)
    since: str | None = None
    first: str | None = None
    last: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain form."""
        return {
            name: dict(value) if isinstance(value, Counter) else value for name, value in vars(self).items()
        }

    @property
    def _unknown(self) -> str:
        """How much of it was looked at only in part."""
        if not self.partly:
            return ""
        whole = 100 * (self.compared - self.partly) // self.compared
        return (
            f" in what was looked at: all features in {whole} %; of the other {self.partly:,} "
            f"up to {len(self.left_out)} features are unknown"
        )

    def lines(self) -> list[str]:
        """For people."""
        if not self.pairs:
            return [f"no labeled pairs yet: what is served is compared once it is labeled and {THEN}"]
        waiting = any(
            (self.not_in_history, self.label_not_in_history, self.without_label, self.without_target)
        )
        found = [
            f"{self.pairs:,} labeled pairs, {self.first} to {self.last}, answered since {self.since}",
            f"{self.compared:,} compared with the history, {self.mismatches:,} of them differ{self._unknown}"
            if self.compared or not (waiting or self.out_of_history)
            else "nothing to compare yet",
        ]
        reasons = (
            (self.not_in_history, f"are compared once their readings are {THEN}"),
            (self.label_not_in_history, f"are compared once their labels, which came live, are {THEN}"),
            (
                self.without_label,
                "not compared: the history knows no label of them any more, as where an incident was "
                "cancelled and their device sent nothing since",
            ),
            (
                self.without_target,
                "not compared: by the history they were in error already or are left out: it has no target",
            ),
            (
                self.out_of_history,
                "not compared: left out of the history, too late by the arrival of what files brought",
            ),
            (self.after_late, "in the order of the journal: a late reading may be in their windows"),
            (self.after_silence, "in the order of the journal: their device was begun anew after a silence"),
            (
                self.beside_files,
                "in the order of the journal: readings that came by file are in their windows in the history",
            ),
            (
                self.rounded,
                "within a thousandth in features relative to their device's past, as after a late reading",
            ),
            (
                self.not_in_journal,
                "not compared: a late reading is in their windows, and no journal has them",
            ),
            (self.unknown_models, "not compared: their model is registered no more"),
            (
                self.of_other_schema,
                "not compared: the schema of the history makes other features of the same readings by now",
            ),
            (
                self.without_input,
                f"not compared: the history has no {', '.join(sorted(self.absent))} any more",
            ),
        )
        found += [f"  {count:,} {text}" for count, text in reasons if count]
        found += [f"  {count:,} in {name}" for name, count in self.by_feature.most_common()]
        found += [
            f"    {each[DEVICE]} at {each['time']}, {each['file']}: {each['column']} must be "
            f"{each['expected']}, is {each['found']}"
            for each in self.examples
        ]
        if self.left_out:
            most, names = max(self.left_out.values()), ", ".join(sorted(self.left_out))
            found.append(f"  not looked at in {most:,}, as their order of arrival is not known: {names}")
        return found
