"""An incident that was sent live without an end is closed by a file that has a later one."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_sets.ingestion.incident_changes import told_again
from feature_sets.ingestion.label_state import LabelState, no_statements
from feature_sets.labels.contradicted import contradicted
from feature_sets.labels.derived_labels import Told, derived_labels
from feature_sets.labels.withdrawn import withdrawn
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.frames import Telemetry
from feature_sets.telemetry.incident_rows import IncidentPart, joined_incidents
from feature_sets.telemetry.incidents_that_count import LIVE, incidents_that_count
from feature_sets.telemetry.schema import DEVICE
from tests.feature_sets.labels.forms import incident_frame, schema

BEGIN = pd.Timestamp("2024-01-01", tz="UTC")
OF = schema(form="incidents")
Row = tuple[str | None, int, int | None, int | None, bool]
"""Id, start, end, when it was known, whether it was none; seconds."""


def moments(seconds: pd.Series) -> pd.Series:
    return BEGIN + pd.to_timedelta(seconds.astype("float"), unit="s")


def rows(source: str, *given: Row) -> pd.DataFrame:
    frame = pd.DataFrame(given, columns=["id", "start", "end", "known", "cancelled"])
    times = {name: moments(frame[name]) for name in ("start", "end", "known")}
    whole = frame.assign(**{DEVICE: "osl/a", "kind": "link"}, **times)
    return incident_frame(whole, OF, source)


def spans(*parts: pd.DataFrame) -> list[tuple[float, float | None]]:
    found = incidents_that_count(joined_incidents(list(parts), OF), OF)
    return sorted(
        (
            (one.start - BEGIN).total_seconds(),
            None if pd.isna(one.end) else (one.end - BEGIN).total_seconds(),
        )
        for one in found.itertuples()
    )


def open_live(known: int, start: int = 10, reopened: int | None = None) -> pd.DataFrame:
    """One that was sent without an end, and opened again after it had one."""
    again = pd.NaT if reopened is None else BEGIN + pd.Timedelta(seconds=reopened)
    sent = rows(LIVE, ("A", start, None, known, False))
    return sent.assign(reopened=pd.Series([again], dtype=sent["reopened"].dtype))


@pytest.mark.parametrize(
    ("ends", "reopened", "end"),
    [
        ([50], None, 50),
        ([50], 49, 50),
        ([50], 50, None),
        ([50], 60, None),
        # The last row of files says it, an open one too.
        ([50, 70], None, 70),
        ([50, None], None, None),
        ([], None, None),
    ],
)
@pytest.mark.parametrize("known", [12, 50, 90])
def test_what_was_sent_live_as_open_is_ended_by_a_file_whenever_it_arrived(
    ends: list[int | None], reopened: int | None, end: int | None, known: int
) -> None:
    given: list[Row] = [("A", 11, one, None, False) for one in ends]
    # The rest of it is as it was sent.
    assert spans(open_live(known, reopened=reopened), rows("folder|a.csv", *given)) == [(10, end)]


def test_a_file_that_cancels_or_ends_before_the_start_closes_nothing() -> None:
    cancelled = rows("folder|a.csv", ("A", 10, 50, None, False), ("A", 10, 70, None, True))
    assert spans(open_live(12), cancelled) == [(10, None)]
    ahead = open_live(15, start=20)  # Of a start ahead of the clock.
    assert spans(ahead, rows("folder|a.csv", ("A", 10, 18, None, False))) == [(20, None)]


def test_a_live_end_a_cancelled_one_and_a_row_that_was_known_later_count_as_ever() -> None:
    file = rows("folder|a.csv", ("A", 10, 50, None, False))
    assert spans(rows(LIVE, ("A", 10, 30, 31, False)), file) == [(10, 30)]
    assert spans(rows(LIVE, ("A", 10, None, 31, True)), file) == []
    known = rows("folder|a.csv", ("A", 10, 25, 40, False))
    assert spans(open_live(31), known) == [(10, 25)]
    # Planned before it was sent live.
    assert spans(open_live(41), rows("folder|a.csv", ("A", 10, 45, 40, False))) == [(10, 45)]
    assert spans(
        rows(LIVE, (None, 10, None, 31, False)), rows("folder|a.csv", (None, 10, 20, None, False))
    ) == [(10, 20)]


def test_only_an_end_before_it_was_opened_again_contradicts() -> None:
    nothing = rows("folder|a.csv")
    for again, count in ((None, 0), (49, 0), (50, 1), (60, 1)):
        both = joined_incidents(
            [open_live(60, reopened=again), rows("folder|a.csv", ("A", 10, 50, None, False))], OF
        )
        found = contradicted(both, nothing, OF)
        assert (found.count, [sample["key"] for sample in found.samples]) == (count, ["A"] * count)


@pytest.mark.parametrize("others", [0, 1])
def test_a_file_that_has_no_more_what_closed_it_is_told(others: int) -> None:
    file, closing = "folder|a.csv", ("A", 10, 50, None, False)
    before = joined_incidents([open_live(12), rows(file, closing, *[("B", 5, 8, None, False)][:others])], OF)
    part = IncidentPart(rows(file, ("C", 60, 70, None, False)), (file,))
    now = joined_incidents([open_live(12), part.frame], OF)
    found = withdrawn(before, now, None, None, part, OF)
    assert (found.count, found.clears, found.files) == (1 + others, 1, ("a.csv",))
    which, healthy = ("1 of them", ". Errors that rest") if others else ("It", ". If a file was begun")
    told = (
        f"{which} ended what was sent live without an end: what nothing else ends goes on, and later readings"
    )
    assert f"{told} are errors now{healthy}" in found.warning()
    moved = joined_incidents([now, rows("folder|b.csv", closing, ("B", 5, 8, None, False))], OF)
    assert withdrawn(before, moved, None, None, part, OF).count == 0
    assert withdrawn(now, moved, None, None, part, OF).count == 0


def random_part(generator: np.random.Generator, source: str) -> IncidentPart:
    """A few incidents; of those that are sent live each id once, and when."""
    is_live = source == LIVE
    names = generator.permutation(["A", "B", "C"])[: generator.integers(0, 4)]
    given: list[Any] = []
    for name in names:
        start = int(generator.integers(0, 60))
        end = (
            None if generator.random() < (0.7 if is_live else 0.2) else start + int(generator.integers(0, 60))
        )
        known = start + int(generator.integers(0, 60)) if is_live else None
        given.append((str(name), start, end, known, bool(generator.random() < 0.1)))
    frame = rows(source, *given)
    if is_live:
        frame["reopened"] = frame["known"].where(generator.random(len(frame)) < 0.5)
    return IncidentPart(frame, (source,))


def slow_errors(parts: dict[str, IncidentPart], moment: int) -> bool:
    """Whether a moment is in an incident: the slow and obvious way."""
    live = {one.id: one for one in parts[LIVE].frame.itertuples()} if LIVE in parts else {}
    files: dict[str, Any] = {}
    for source in sorted(parts):
        if source != LIVE:
            files |= {one.id: one for one in parts[source].frame.itertuples()}
    now = BEGIN + pd.Timedelta(seconds=moment)
    for name in {*live, *files}:
        one, filed = live.get(name, files.get(name)), files.get(name)
        end = one.end
        closes = name in live and pd.isna(end) and filed is not None and not filed.cancelled
        if closes and filed.end >= one.start and (pd.isna(one.reopened) or filed.end > one.reopened):
            end = filed.end
        if not one.cancelled and one.start <= now and not end <= now:
            return True
    return False


@pytest.mark.parametrize("seed", range(8))
def test_files_and_live_parts_in_any_order_come_to_what_all_at_once_come_to(seed: int) -> None:
    generator = np.random.default_rng(seed)
    parts = {name: random_part(generator, name) for name in ("folder|a.csv", "folder|b.csv", LIVE)}
    seconds = np.arange(0, 130)
    times = pd.Series(BEGIN + pd.to_timedelta(seconds, unit="s"))
    readings = KeyedRows.of(pd.DataFrame({DEVICE: "osl/a", "timestamp": times}), DEVICE, "timestamp")
    attributes = pd.DataFrame({DEVICE: ["osl/a"], "valid_from": [BEGIN], "model": ["m"]})

    def labels(state: LabelState) -> list[bool]:
        told = Told(state.statements, state.incidents, attributes)
        made = derived_labels(readings, told, OF, int(column_micros(times).max()))
        return made.sort_values("timestamp")["is_error"].astype(bool).tolist()

    ends = []
    for order in permutations(parts):
        state, given = LabelState.of(None, OF), {}
        for name in order:
            before = state
            nothing = no_statements(OF)
            state = state.told(Telemetry(nothing, nothing, nothing, incidents=parts[name]), OF)
            given[name] = parts[name]
            expected = [slow_errors(given, int(second)) for second in seconds]
            assert labels(state) == expected
            changed = np.array(labels(before)) != np.array(expected)
            again = told_again(state.incidents, before.incidents, OF).have(column_micros(times))
            assert not (changed & ~again).any()  # Labels that are others are among those made anew.
        ends.append(state.incidents)
    for one in ends[1:]:
        pd.testing.assert_frame_equal(one, ends[0])


def test_what_is_open_is_told_as_no_value() -> None:
    both = joined_incidents(
        [open_live(60, reopened=60), rows("folder|a.csv", ("A", 10, 50, None, False))], OF
    )
    (_, line) = contradicted(both, rows("folder|a.csv"), OF).lines()
    assert line == ("  A of 2024-01-01T00:00:10+00:00: end is none, given '2024-01-01T00:00:50+00:00'")
