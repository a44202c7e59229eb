"""Readings without a zone, beside others: whether that of the schema is true of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from feature_sets.ingestion.fit_notes import fit_notes, outside_in_folder
from feature_sets.telemetry.ingest_report import FileReport
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema


def schema(zone: str, **content: object) -> TelemetrySchema:
    fields = {"name": "lab", "entity": ["box"], "time": "at", "metrics": {"load": {}}, "label": "bad"}
    incidents = {"labels": {"form": "incidents"}, "assume_timezone": zone}
    return TelemetrySchema.from_dict({**fields, **incidents, **content})


def metrics(folder: Path, begin: str, hours: int, step: str = "5min", every: bool = False) -> pd.DataFrame:
    """Readings of three boxes, of which the third one's are written as clocks in Berlin show them.

    :param every: whether those of the others have no zone either.
    """
    utc = pd.date_range(begin, periods=pd.Timedelta(hours=hours) // pd.Timedelta(step), freq=step, tz="UTC")
    (folder / "metrics").mkdir()
    random = np.random.default_rng(1)
    rows = []
    for box in ("a", "b", "c"):
        clock = utc.tz_convert("Europe/Berlin") if box == "c" else utc
        form = "%Y-%m-%d %H:%M:%S" if box == "c" or every else "%Y-%m-%dT%H:%M:%SZ"
        load = random.normal(50, 1, len(utc))
        rows.append(pd.DataFrame({"box": box, "utc": utc, "at": clock.strftime(form), "load": load}))
        rows[-1].drop(columns="utc").to_csv(folder / "metrics" / f"{box}.csv", index=False)
    return pd.concat(rows, ignore_index=True)


def read(folder: Path, given: TelemetrySchema) -> tuple[FileReport, list[str]]:
    rows, report = read_telemetry(folder, given)
    found = fit_notes(rows, outside_in_folder(rows, given), given, report.metrics.local_devices)
    return report.metrics, [note.sentence for note in found]


def no_incidents(folder: Path) -> None:
    (folder / "incidents.csv").write_text(
        "box,start,end\na,2026-10-25T03:00:00Z,2026-10-25T03:10:00Z\n", encoding="utf-8"
    )


@pytest.mark.parametrize(
    ("zone", "told"),
    [("UTC", True), ("Etc/GMT-1", True), ("America/New_York", True), ("Europe/Paris", False)],
)
def test_an_hour_that_is_there_twice_contradicts_another_zone(tmp_path: Path, zone: str, told: bool) -> None:
    metrics(tmp_path, "2026-10-24T20:00", 10)
    no_incidents(tmp_path)
    report, _ = read(tmp_path, schema(zone))
    assert len(report.warnings) == told
    if told:
        assert report.warnings[0].startswith(
            "The hour from 2026-10-25 02:00 is there twice, as where clocks are set back, so times without a "
            f"zone are local: assume_timezone says {zone}, and is hardly true of them; Europe/Berlin sets"
        )
    assert report.local_devices == {"c"}


def test_times_without_a_zone_beside_others_are_told_with_their_span(tmp_path: Path) -> None:
    metrics(tmp_path, "2026-06-01T00:00", 2)
    no_incidents(tmp_path)
    assert read(tmp_path, schema("UTC"))[0].notes[0] == (
        "24 rows have times without a zone: with assume_timezone UTC they are of "
        "2026-06-01T02:00:00+00:00 to 2026-06-01T03:55:00+00:00; the other 48 are of "
        "2026-06-01T00:00:00+00:00 to 2026-06-01T01:55:00+00:00"
    )


def test_times_that_all_have_none_and_times_of_long_layout(tmp_path: Path) -> None:
    metrics(tmp_path, "2026-10-24T20:00", 10, every=True)
    no_incidents(tmp_path)
    report, _ = read(tmp_path, schema("UTC"))
    assert len(report.warnings) == 1  # In the one file alone.
    assert not any("without a zone" in note for note in report.notes)
    for path in (tmp_path / "metrics").iterdir():
        rows = pd.read_csv(path).assign(jitter=1.0)
        long = rows.melt(["box", "at"], var_name="name").sort_values("at", kind="stable")
        long.to_csv(path, index=False)
    files = {"layout": "long", "metric": "name", "value": "value"}
    two = schema("UTC", metrics={"load": {}, "jitter": {}}, files=files)
    assert len(read(tmp_path, two)[0].warnings) == 1


@pytest.mark.parametrize(("zone", "hours"), [("UTC", 2), ("Europe/Berlin", 0)])
@pytest.mark.parametrize("count", [4, 14])
def test_a_few_incidents_tell_the_zone_of_those_without(
    tmp_path: Path, zone: str, hours: int, count: int
) -> None:
    """Among those of the other boxes they do not show."""
    rows = metrics(tmp_path, "2026-06-01T00:00", 7 * 24)
    tickets = []
    for box, number in (("a", 40), ("b", 40), ("c", count)):
        begins = pd.date_range("2026-06-01T15:00", periods=number, freq=f"{140 // number}h", tz="UTC")
        for start in begins:
            end = start + pd.Timedelta("50min")
            inside = (rows["box"] == box) & (rows["utc"] >= start) & (rows["utc"] < end)
            rows.loc[inside, "load"] += 8
            tickets.append((box, start.isoformat(), end.isoformat()))
    for box, own in rows.groupby("box"):
        own.drop(columns="utc").to_csv(tmp_path / "metrics" / f"{box}.csv", index=False)
    pd.DataFrame(tickets, columns=["box", "start", "end"]).to_csv(tmp_path / "incidents.csv", index=False)
    _, notes = read(tmp_path, schema(zone))
    told = [note for note in notes if "much better" in note]
    assert len(told) == bool(hours)
    if told:
        assert told[0].startswith("Of 'c', whose times have no zone: Incidents would fit")
        assert "2 hours later" in told[0]
        assert told[0].endswith("Or assume_timezone, UTC, is not true of these times.")
