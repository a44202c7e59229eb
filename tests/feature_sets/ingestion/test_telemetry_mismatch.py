"""A history is added to by what fits it: other schemas, types, sources and engines are refused."""

from __future__ import annotations

import mlrun.feature_store as fstore
import pandas as pd
import pytest
import yaml

from feature_sets.checks import InputError
from feature_sets.ingestion import sources, telemetry_ingest
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from tests.feature_sets.ingestion.folders import SETS, add_day, run
from tests.feature_sets.ingestion.histories import SCHEMA


def states_of_paths() -> dict[str, str]:
    return {name: fstore.get_feature_set(name).get_target_path("parquet") for name in (*SETS, "devices")}


def test_another_schema_is_refused_and_nothing_is_written(folder):
    add_day(folder, 1)
    folder.ingest()
    content = SCHEMA.to_dict()
    content["metrics"]["cpu"] |= {"unit": "percent", "optional": True}
    add_day(folder, 2)
    folder.schema.write_text(yaml.safe_dump(content))
    assert (
        folder.ingest()["rows_new"] == 40
    )  # The first unit may be named, and no row of before lacks a metric.
    before = states_of_paths()
    folder.schema.write_text(yaml.safe_dump({**content, "horizon": "5m"}))
    add_day(folder, 3)
    with pytest.raises(
        InputError, match=r"telemetry schema: must be that of the history: .*'90s'.*--replace.*'5m'"
    ):
        folder.ingest()
    assert states_of_paths() == before


def test_another_unit_is_refused_as_cells_with_a_unit_would_become_other_numbers(folder):
    content = SCHEMA.to_dict()

    def with_unit(unit: str) -> None:
        changed = {**content, "metrics": {**content["metrics"], "latency": {"unit": unit}}}
        folder.schema.write_text(yaml.safe_dump(changed))

    add_day(folder, 1)
    with_unit("ms")
    folder.ingest()
    before = states_of_paths()
    add_day(folder, 2)
    rule = r"telemetry schema, unit of latency: must be 'ms', in which the history has its .*--replace.*'s'"
    with_unit("s")
    with pytest.raises(InputError, match=rule):
        folder.ingest()
    assert states_of_paths() == before
    for same in ("msec", ""):  # The same unit in another word, and none.
        with_unit(same)
        assert folder.ingest()["rows_new"] == (40 if same else 0)
    with_unit("s")  # What was named before the schema named none still holds.
    with pytest.raises(InputError, match="must be 'ms', in which the history"):
        folder.ingest()
    assert folder.ingest(replace=True)["rows_new"] == 80


def test_a_history_of_another_type_is_refused_before_anything_is_written(folder, monkeypatch):
    """As one that an older version left, which kept the types of the files."""
    add_day(folder, 1)
    with monkeypatch.context() as patched:
        patched.setattr(
            telemetry_ingest,
            "plain_integers",
            lambda labels: labels.assign(repair=labels["repair"] == "true"),
        )
        folder.ingest()
    before = states_of_paths()
    add_day(folder, 2)
    with pytest.raises(InputError, match="column 'repair': must be of type bool, as in the history"):
        folder.ingest()
    assert states_of_paths() == before


def test_the_simulated_network_goes_on_where_it_was_and_is_not_mixed(folder, tmp_path, monkeypatch):
    first = run(devices=3, ticks=200, seed=5)
    assert (first["rows_read"], first["rows_new"], first["rows_ingested"]) == (600, 600, 600)
    again = run(devices=3, ticks=200, seed=5)
    assert (again["rows_read"], again["rows_known"], again["rows_new"], again["rows_ingested"]) == (
        600,
        600,
        0,
        600,
    )
    fewer = run(devices=3, ticks=50, seed=5)
    assert (fewer["rows_read"], fewer["rows_known"], fewer["rows_ingested"]) == (150, 150, 600)
    more = run(devices=3, ticks=300, seed=5)
    assert (more["rows_read"], more["rows_known"], more["rows_new"], more["rows_ingested"]) == (
        900,
        600,
        300,
        900,
    )
    found = fstore.get_feature_set("device_metrics").to_dataframe()
    for other in ({"devices": 4, "seed": 5}, {"devices": 3, "seed": 6}):
        with pytest.raises(
            InputError, match=r"which is of simulated network of devices=3, seed=5.*--replace"
        ):
            run(ticks=300, **other)
    content = {**TelemetrySchema.load().to_dict()}
    add_day(folder, 1)
    folder.schema.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match="source of telemetry: must fit the history, which is of simulated"):
        folder.ingest()
    whole = run(devices=3, ticks=300, seed=5, replace=True)
    assert whole["rows_ingested"] == 900
    order = ["timestamp", DEVICE]
    one, other = (
        frame.reset_index().sort_values(order, ignore_index=True)
        for frame in (found, fstore.get_feature_set("device_metrics").to_dataframe())
    )
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert whole["watermark"] == {"source": "simulated network", "metrics": 300, "labels": 300, "static": 300}
    assert run(devices=2, ticks=100, seed=1, replace=True)["rows_ingested"] == 200


def test_the_simulated_network_is_not_mixed_into_a_users_own_telemetry(folder):
    add_day(folder, 1)
    folder.ingest()
    with pytest.raises(InputError, match=r"must fit the history, which is of folder .*telemetry.*--project"):
        sources.SimulatedSource(3, 100, 1).check(TelemetryHistory.of(SCHEMA))


def test_storey_replaces_only(folder, project):
    schema = SCHEMA.to_dict()
    schema["windows"]["operations"] = ["avg", "stddev"]
    schema["derived"] = {}
    folder.schema.write_text(yaml.safe_dump(schema))
    add_day(folder, 1)
    folder.ingest()
    with pytest.raises(
        InputError, match="engine: must be vectorized to add to a history; storey only replaces"
    ):
        folder.ingest(engine="storey")
    assert folder.ingest(engine="storey", replace=True)["rows_ingested"] == 40
    with pytest.raises(InputError, match="history: must be of the vectorized engine of this version"):
        folder.ingest()
    assert folder.ingest(replace=True)["rows_ingested"] == 40
