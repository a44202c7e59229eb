"""A history that is told something else of an incident makes all the labels anew that this may change."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from feature_sets.ingestion.incident_changes import END_OF_TIME, told_again
from feature_sets.telemetry.incident_rows import joined_incidents, no_incidents
from feature_sets.telemetry.schema import DEVICE
from tests.feature_sets.labels.forms import incident_frame, schema

BEGIN = pd.Timestamp("2024-01-01", tz="UTC")


def rows(source: str, *given: tuple[str | None, int, int | None], whom: str = "osl/a") -> pd.DataFrame:
    frame = pd.DataFrame(given, columns=["id", "start", "end"])
    times = {
        name: BEGIN + pd.to_timedelta(frame[name].astype("float"), unit="s") for name in ("start", "end")
    }
    return incident_frame(
        frame.assign(**{DEVICE: whom, "kind": "link"}, **times), schema(form="incidents")
    ).assign(source=source)


def seconds(now: pd.DataFrame, before: pd.DataFrame, **labels: Any) -> list[tuple[float, float | None]]:
    found = told_again(now, before, schema(form="incidents", **labels)).pairs
    begin = BEGIN.value // 1000
    return [
        ((first - begin) / 1e6, None if last == END_OF_TIME else (last - begin) / 1e6)
        for first, last in found
    ]


@pytest.mark.parametrize("name", ["INC1", None])
def test_an_end_that_is_told_live_takes_back_what_an_open_row_of_a_file_said(name: str | None) -> None:
    of = schema(form="incidents")
    before = rows("file.csv", (name, 10, None), ("INC2", 5, 8))
    now = joined_incidents([before, rows("live", (name, 10, 20))], of)
    assert seconds(now, before) == [(10, None)]
    assert seconds(before, before) == []
    assert seconds(before, no_incidents(of)) == [(5, 8), (10, None)]


def test_where_the_first_source_counts_what_overlaps_is_made_anew_as_well() -> None:
    before = rows("alerts.csv", ("A", 10, 50), ("B", 45, 60), ("C", 70, 80))
    others = rows("alerts.csv", ("D", 10, 90), whom="osl/b")
    tickets = rows("tickets.csv", ("T", 0, 20))
    of = schema(form="incidents")
    told = joined_incidents([before, others, tickets], of), joined_incidents([before, others], of)
    first = {"sources": ["tickets", "alerts"], "conflict": "first"}
    assert seconds(*told) == [(0, 20)]
    assert seconds(*told, **first) == [(0, 60)]  # Those of the other device are not in the chain.
