"""A recording with incidents or positives: each prediction is labeled as the history says, however early."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.jobs.rehearse import _first
from project.replay.recording import read_recording
from project.replay.timeline import timeline
from tests.feature_sets.ingestion.folders import MODELS, Folder, forget_all, states
from tests.feature_sets.ingestion.histories import SCHEMA
from tests.graphs.conftest import make_client, write_package
from tests.project.live_network import INPUTS

START = pd.Timestamp("2024-01-03T06:00:00Z")
INCIDENTS = {"form": "incidents", "kind": "cause"}
FORMS: dict[str, dict[str, Any]] = {
    "short": {"labels": {**INCIDENTS, "healthy_after": "30s"}},
    "late": {"labels": {**INCIDENTS, "healthy_after": "2m", "tolerance": "7s"}},
    "deadline": {"labels": INCIDENTS},
    "scope": {"labels": {**INCIDENTS, "healthy_after": "30s", "scope": ["device", "model"]}},
    "arrival": {"labels": {**INCIDENTS, "healthy_after": "5m"}, "arrival": "received"},
    "ahead": {"labels": {**INCIDENTS, "healthy_after": "30s"}, "horizon": "60s"},
    "positives": {"labels": {"form": "positives", "watched": "readings", "healthy_after": "30s"}},
}


def metrics(generator: np.random.Generator) -> pd.DataFrame:
    """Readings every 5 s or so, with gaps of minutes in which incidents begin."""
    steps = generator.choice([5, 5, 5, 5, 40, 200], 150)
    times = START + pd.to_timedelta(np.cumsum(steps), unit="s")
    frame = pd.DataFrame({DEVICE: np.tile(list(MODELS), len(times)), "timestamp": times.repeat(len(MODELS))})
    delay = generator.choice([0, 1, 30], len(frame))
    received = frame["timestamp"] + pd.to_timedelta(delay, unit="s")
    return frame.assign(cpu=generator.normal(50, 10, len(frame)), latency=1.0, received=received)


def incidents(generator: np.random.Generator, last: float, scope: bool) -> pd.DataFrame:
    rows = []
    for number in range(40):
        start = float(generator.uniform(-100, last))
        end = start + float(generator.choice([3, 20, 90, 700]))
        known = start + float(generator.choice([-30, 0, 20, 3000]))
        whom = f"dev-{number % 4}" if not scope or number % 3 else None
        model = f"m{number % 2}" if scope and whom is None else None
        open_ = number in (3, 7) and start > 0.9 * last
        rows.append(
            (
                f"I{number}",
                whom,
                model,
                start,
                None if open_ else end,
                known,
                "test" if number % 5 == 4 else "link",
            )
        )
    frame = pd.DataFrame(rows, columns=["id", "device", "model", "start", "end", "known", "cause"])
    for name in ("start", "end", "known"):
        frame[name] = START + pd.to_timedelta(frame[name].round(3), unit="s")
    return frame if scope else frame.drop(columns="model")


@pytest.mark.parametrize(("form", "labels_every"), zip(FORMS, [60, 0] * 4, strict=False))
def test_what_is_played_is_labeled_as_history_is(project, local_stack, tmp_path, form, labels_every):
    more = FORMS[form]
    excluded = {"exclude_labels": {"cause": "test"}}
    schema = TelemetrySchema.from_dict({**SCHEMA.to_dict(), "horizon": "0s", **excluded, **more})
    generator = np.random.default_rng(len(form))
    forget_all()
    folder = Folder(tmp_path / "files", schema)
    folder.static(MODELS)
    rows = metrics(generator)
    folder.add("metrics", "all", rows if schema.arrival else rows.drop(columns="received"))
    if form == "positives":
        errors = rows[[DEVICE, "timestamp"]].sample(60, random_state=1).assign(cause="link")
        folder.add("labels", "all", errors)
    else:
        (folder.path / "labels").rmdir()
        last = (rows["timestamp"].max() - START).total_seconds()
        given = incidents(generator, last, form == "scope")
        given.to_parquet(folder.path / "incidents.parquet", index=False)
    folder.ingest()
    found = played(schema, project, tmp_path, labels_every)
    history = states(local_stack.info.redis_url)[1].table.to_pandas()
    history = history[(history["cause"] != "test") & history[schema.target].notna()]
    expected = keyed(history, schema)
    assert {key: expected.get(key) for key in found} == found
    assert len(found) > 0.6 * len(expected) and sum(found.values()) > 2
    forget_all()


def played(schema: TelemetrySchema, project: str, tmp_path: Path, labels_every: int) -> dict[Any, int]:
    """Labels of the pairs that a staging endpoint joins."""
    start, end = START + pd.Timedelta("10m"), START + pd.Timedelta(days=1)
    (tmp_path / "model").mkdir()
    store, pairs = f"store://feature-sets/{project}", tmp_path / "pairs"
    client = make_client(
        write_package(tmp_path / "model", schema, inputs=INPUTS),
        devices=f"{store}/devices",
        history=f"{store}/device_metrics",
        labels=f"{store}/device_labels",
        tells_labels=False,
        clock="arrival",
        labeled_directory=str(pairs),
        batch_seconds=3600,
    )
    recording = _first(read_recording(schema, start, end), 500, schema.time)
    told = 0
    for batch in timeline(recording, schema, labels_every=labels_every):
        for path, body in (
            ("/telemetry", batch.telemetry),
            ("/labels", batch.incidents),
            ("/labels", batch.labels),
        ):
            if body:
                answered = client.post(path, body)
                assert answered.status == 200, answered.json
                if body is batch.incidents:
                    assert {answer["status"] for answer in answered.json} == {"opened"}
                    told += len(body)
    client.shut_down()
    assert bool(told) == schema.labels.has_incidents
    frame = pd.concat([pd.read_parquet(file) for file in sorted(pairs.glob("*.parquet"))])
    return keyed(frame, schema)


def keyed(frame: pd.DataFrame, schema: TelemetrySchema) -> dict[Any, int]:
    times = pd.to_datetime(frame["timestamp"], utc=True)
    return dict(zip(zip(frame[DEVICE], times, strict=True), frame[schema.target].astype(int), strict=True))
