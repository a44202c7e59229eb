"""A recording out of a stored history, and what a graph makes of it, beside what the history holds."""

from pathlib import Path

import mlrun
import mlrun.feature_store as fstore
import pandas as pd
import pytest

from feature_sets import device_metrics
from feature_sets.ingestion.telemetry_ingest import ingest_telemetry
from feature_sets.rows.stored_rows import in_utc
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.initializer import shut_down
from graphs.serving_graph import build_serving_graph
from project.errors import NetopsError
from project.replay.instance import GraphInstance
from project.replay.recording import KNOWN, read_recording
from project.replay.timeline import timeline
from tests.graphs.conftest import write_package
from tests.integration.made_networks import START, write_network

INPUTS = ("metric_0", "metric_0_avg_1m", "metric_0_avg_5m", "metric_0_stddev_5m", "metric_1_max_5m")


@pytest.fixture(scope="module")
def history(project, tmp_path_factory):
    """A project with a history of readings of which some arrive up to ten minutes late; its schema."""
    folder = tmp_path_factory.mktemp("telemetry") / "late"
    schema = TelemetrySchema.from_yaml(
        write_network(
            folder, devices=3, metrics=2, ticks=240, tick_seconds=10, errors="shown", late_share=0.2
        )
    )
    ingest_telemetry(read_telemetry(folder, schema)[0], schema)
    return project, schema


def stored(name):
    """Rows of the history with their windows."""
    found = fstore.get_feature_set(f"store://feature-sets/{name}/{device_metrics.NAME}").to_dataframe()
    return in_utc(in_utc(found.reset_index(), "at"), "received")


def after(seconds):
    return START + pd.Timedelta(seconds=seconds)


def test_from_is_in_it_and_to_is_not_by_what_was_known(history):
    name, schema = history
    rows = stored(name)
    recording = read_recording(schema, after(600), after(1200), label_delay_seconds=60)
    expected = rows[(rows["received"] >= after(600)) & (rows["received"] < after(1200))]
    assert len(recording.metrics) == len(expected)
    assert (expected["received"] == after(600)).any()
    assert (rows["received"] == after(1200)).any()
    assert (expected["at"] < after(600)).any()
    labels = recording.labels
    assert (labels[KNOWN].min(), labels[KNOWN].max()) == (after(600), after(1190))
    assert (labels[KNOWN] - labels["at"] == pd.Timedelta(seconds=60)).all()
    assert recording.label_history["at"].max() == after(1130)
    assert recording.label_history["at"].min() == START


def test_without_a_reading_the_error_says_what_there_is(history):
    _, schema = history
    with pytest.raises(NetopsError, match=r"must hold readings from 2030.* got those of 2024-05-01T00:00:00"):
        read_recording(schema, pd.Timestamp("2030-01-01", tz="UTC"), pd.Timestamp("2031-01-01", tz="UTC"))


def test_a_replay_gives_each_reading_the_features_that_the_history_has_of_it(history, tmp_path):
    """The history has them as known at each arrival; the windows start in the middle of it."""
    name, schema = history
    function = mlrun.new_function("serving", kind="serving", image="mlrun/mlrun", project=name)
    build_serving_graph(
        function,
        model_path=str(write_package(tmp_path, schema, inputs=INPUTS)),
        history=f"store://feature-sets/{name}/{device_metrics.NAME}",
        clock="arrival",
        labeled_directory=str(tmp_path / "pairs"),
        label_deadline_seconds=1e6,
    )
    recording = read_recording(schema, after(600), after(2000))
    instance = GraphInstance(function)
    played = instance.play(timeline(recording, schema), schema.time)
    shut_down(instance._server.context)
    pairs = pd.concat(map(pd.read_parquet, sorted(Path(tmp_path / "pairs").glob("*.parquet"))))
    both = pairs.merge(stored(name), on=[DEVICE, "at"], suffixes=("", "_stored"))
    assert {each[2] for each in played.readings} == {"accepted", "late"}
    assert not played.rejected and not played.rejected_labels
    assert len(both) == len(pairs) == played.joined > 350
    for feature in INPUTS:
        pd.testing.assert_series_equal(
            both[feature], both[f"{feature}_stored"], check_names=False, rtol=1e-9, atol=1e-9
        )
