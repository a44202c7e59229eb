"""What was labeled since a change: rows, what the gate can compare on, and the time they span."""

import numpy as np
import pandas as pd

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.retraining.evidence import LabeledErrors, LabeledRows, no_spans
from project.retraining.next_run import Evidence
from training.dataset.incident_spans import IncidentSpans

SCHEMA = TelemetrySchema.load()
ONSET = "2024-05-01T12:00:00+00:00"
NEEDED = 2 * SCHEMA.embargo_seconds / 0.7


def write(folder, name, device, labels, start="2024-05-01T12:00:00Z"):
    times = pd.date_range(start, periods=len(labels), freq="10s").as_unit("us")
    frame = pd.DataFrame({DEVICE: device, SCHEMA.time: times, SCHEMA.target: labels, "more": 1})
    frame.to_parquet(folder / f"{name}.parquet", index=False)


def test_without_files_there_is_nothing(tmp_path):
    assert LabeledRows(tmp_path / "none").since(ONSET, SCHEMA, 0.3) == Evidence(0, 0, 0.0, NEEDED)


def test_rows_are_counted_across_files_once_each(tmp_path):
    rows = LabeledRows(tmp_path)
    write(tmp_path, "0001", "a", [1, 1, 0, 0, 1])
    write(tmp_path, "0002", "b", [1, 0, 1])
    assert rows.since(ONSET, SCHEMA, 0.3) == Evidence(8, 1, 40.0, NEEDED, 1)
    write(tmp_path, "0003", "a", [1, 1, 0, 1], "2024-05-01T12:00:40Z")  # The first row is there already.
    assert rows.since(ONSET, SCHEMA, 0.3) == Evidence(11, 1, 70.0, NEEDED, 1)


def test_units_are_those_that_the_gate_would_compare_on(tmp_path):
    rows = LabeledRows(tmp_path)
    write(tmp_path, "0001", "a", [1] + 999 * [0])
    assert rows.since(ONSET, SCHEMA, 0.3).units == 0  # The only error is in the earlier part.
    # Errors of two devices within the shortest window are one; the next is half an hour later.
    for name, device, start in (("2", "b", "14:10"), ("3", "c", "14:11"), ("4", "b", "14:40")):
        write(tmp_path, f"000{name}", device, [0, 1, 1, 0], f"2024-05-01T{start}:00Z")
    assert rows.since(ONSET, SCHEMA, 0.3).units == 2
    slots = ("14:50", "15:00", "15:10", "15:20")
    for number in range(1, 13):
        for place, slot in enumerate(slots):
            if number >> place & 1:  # Each fails in other ones of four episodes.
                write(tmp_path, f"001{number:x}{place}", f"d{number}", [0, 1], f"2024-05-01T{slot}:00Z")
    # Fourteen devices that fail apart are enough now, and may be too few when more rows have moved the cut.
    assert rows.since(ONSET, SCHEMA, 0.3).units == 6
    write(tmp_path, "0020", "e", [0, 1], "2024-05-01T15:20:00Z")
    assert rows.since(ONSET, SCHEMA, 0.3).units == 6  # So did d8.
    write(tmp_path, "0021", "e", [0, 1], "2024-05-01T15:10:00Z")
    assert rows.since(ONSET, SCHEMA, 0.3).units == 6  # As d12 did.
    write(tmp_path, "0022", "e", [0, 1], "2024-05-01T15:00:00Z")
    assert rows.since(ONSET, SCHEMA, 0.3).units == 15


def test_rows_before_the_onset_do_not_count(tmp_path):
    rows = LabeledRows(tmp_path)
    write(tmp_path, "0001", "a", [1, 0, 1, 0], "2024-05-01T11:59:40Z")
    assert rows.since(ONSET, SCHEMA, 0.3).rows == 2
    assert rows.since("2024-05-01T13:59:50+02:00", SCHEMA, 0.3).rows == 3


def test_an_incident_in_whose_middle_its_device_is_silent_is_one_episode(tmp_path):
    for name, start in (("1", "13:00"), ("2", "18:00"), ("3", "23:00")):
        write(tmp_path, f"000{name}", "a", [0, 1, 1, 0], f"2024-05-01T{start}:00Z")
    bounds = (np.array([pd.Timestamp(f"2024-05-01T{at}:00Z").value]) for at in ("13:00", "18:01"))
    ticket = IncidentSpans(np.array(["a"], dtype=object), *bounds)
    counted = [LabeledRows(tmp_path, of).since(ONSET, SCHEMA, 0.3) for of in (no_spans, lambda *_: ticket)]
    assert [each.episodes for each in counted] == [3, 2]
    errors = [LabeledErrors(tmp_path, of).since(ONSET, SCHEMA)[0] for of in (no_spans, lambda *_: ticket)]
    assert errors == [3, 2]
