"""Devices whose names look alike are told, and none is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from feature_sets.telemetry.inspection.folder_check import check_folder
from feature_sets.telemetry.look_alikes import look_alikes_note
from feature_sets.telemetry.readers import read_telemetry
from tests.feature_sets.telemetry.test_lacking_metrics import SCHEMA

DECOMPOSED = "Zu\u0308rich"


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["Zürich", DECOMPOSED], "'Zu\\u0308rich', 'Zürich'"),
        (["sw 1", "sw\u00a01"], "'sw 1', 'sw\\xa01'"),
        (["sw1", "sw\u200b1"], "'sw1', 'sw\\u200b1'"),
        (["CORE", "core", "core2"], "'CORE', 'core'"),
    ],
)
def test_two_writings_of_one_name_are_told(names: list[str], told: str) -> None:
    assert look_alikes_note(names) == (
        f"1 name is there in several writings, each a device of its own: {told}. "
        "If these are one, write one name"
    )


def test_names_that_are_others_and_one_that_comes_again_are_not_told() -> None:
    assert look_alikes_note(["r1", "r1", "r11", "r-1", "r 1", "Zurich", "Zürich"]) == ""
    assert "; 'C', 'c' and 1 more. " in look_alikes_note([*"AaBbCcDd"])


def test_the_check_and_the_report_tell_it(tmp_path: Path) -> None:
    rows = [
        f"{name},2026-01-01T00:{minute:02}:00Z,{minute},2,0,5\n"
        for minute in range(30)
        for name in ("Zürich", DECOMPOSED, "r2")
    ]
    (tmp_path / "metrics.csv").write_text("device,at,cpu,mem,loss,rtt\n" + "".join(rows))
    (tmp_path / "incidents.csv").write_text("device,start,end\nr2,2026-01-01T00:00:00Z,\n")
    _, report = read_telemetry(tmp_path, SCHEMA)
    assert len([note for note in report.metrics.notes if "in several writings" in note]) == 1
    found = check_folder(tmp_path).proposal.decide
    assert (
        len([said for said in found if said.startswith("'device' of the metrics: 1 name is there in")]) == 1
    )
