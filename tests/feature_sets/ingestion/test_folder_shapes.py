"""A look at a folder of any shape proposes a schema that the ingest job takes."""

from __future__ import annotations

from pathlib import Path

import mlrun.feature_store as fstore
import pytest

from feature_sets.telemetry.inspection.folder_check import check_folder
from tests.feature_sets.ingestion.folder_shapes import (
    COUNTERS,
    READINGS,
    SHAPES,
    Shape,
    counter_rows,
    counters_in_rows,
    counters_of_telegraf,
    readings,
)
from tests.feature_sets.ingestion.folders import forget_all, run


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_the_schema_that_is_proposed_is_taken(tmp_path: Path, project: str, shape: Shape) -> None:
    folder, path = tmp_path / "lab", tmp_path / "lab.yaml"
    folder.mkdir()
    shape(folder)
    found = check_folder(folder)
    text = found.schema_text()
    assert text is not None, found.lines()
    path.write_text(text, encoding="utf-8")
    forget_all()
    done = run(folder, path)
    assert (done["rows_rejected"], done["rows_ingested"], done["devices"]) == (0, READINGS, 4)
    assert done["label_rows"] == READINGS
    frame = fstore.get_feature_set("device_metrics").to_dataframe()
    metrics = list(found.proposal.fields["metrics"])
    if set(metrics) == set(COUNTERS):
        assert any("look like counters" in one for one in found.proposal.decide)
        return
    if shape in (counters_in_rows, counters_of_telegraf):
        assert [fields["kind"] for fields in found.proposal.fields["metrics"].values()] == ["counter"] * 2
        assert found.proposal.fields["uptime"]["unit"] == "timeticks"
        octets = next(name for name in frame.columns if name.endswith("ifHCInOctets_counter"))
        assert set(frame[octets]) == set(counter_rows()["ifHCInOctets"])
        return
    cpu = next(name for name in metrics if "cpu" in name)
    assert sorted(frame[cpu].tolist()) == sorted(readings()["cpu"].tolist())
    assert len(metrics) == 2
