"""A schema with one metric more or less: what arrived live is read anew by it, and nothing is lost."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from feature_sets.feature_vector import all_features
from feature_sets.model_package.package import fetch_model_package
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.state.accepted_entries import requests_by_columns
from project import audit as audits
from project.audit import audit
from project.live_history import take_live
from project.schema_change_text import expected
from tests.feature_sets.ingestion.folders import forget_all, run, states
from tests.feature_sets.ingestion.histories import assert_same_rows
from tests.graphs.conftest import write_package
from tests.project.live_network import (
    ARRIVING,
    INPUTS,
    PLAIN,
    START,
    TICK,
    Endpoint,
    Past,
    at_once,
    conversation,
    offline_rows,
    open_endpoint,
)

MANY = "3650d"


def with_metrics(schema: TelemetrySchema, metrics: dict[str, Any]) -> TelemetrySchema:
    # In the order in which the file of a schema has them here.
    return TelemetrySchema.from_dict({**schema.to_dict(), "metrics": dict(sorted(metrics.items()))})


def wider(schema: TelemetrySchema) -> TelemetrySchema:
    return with_metrics(schema, {**schema.to_dict()["metrics"], "jitter": {"range": [0, None]}})


def narrower(schema: TelemetrySchema) -> TelemetrySchema:
    return with_metrics(schema, {"cpu": schema.to_dict()["metrics"]["cpu"]})


def files_of(past: Past, path: Any, schema: TelemetrySchema) -> Any:
    """The same files; a metric that nobody measured is an empty column, one that is no more is unused."""
    rows = past.rows.assign(jitter=np.nan) if "jitter" in schema.metric_names else past.rows
    return Past(rows, past.labels).folder(path, schema)


def anew(past: Past, path: Any, schema: TelemetrySchema, endpoint: Endpoint) -> dict[str, Any]:
    """As ``netops ingest --replace``."""
    forget_all()
    files_of(past, path, schema).ingest()
    return take_live(endpoint.journal, schema)


@pytest.mark.parametrize("schema", [PLAIN, ARRIVING], ids=["no arrival", "arrival"])
def test_a_metric_more_or_less_or_back_is_as_if_it_had_been_in_files(project, local_stack, tmp_path, schema):
    url = local_stack.info.redis_url
    forget_all()
    generator = np.random.default_rng(21)
    past = Past.random(generator)
    past.folder(tmp_path / "files", schema).ingest()
    endpoint = open_endpoint(tmp_path, project, url, schema)
    endpoint.start()
    requests = conversation(generator, 30)
    for path, body in requests:
        assert endpoint.send(path, body).status == 200
    first = take_live(endpoint.journal, schema)
    assert first["readings_read_anew"] == 0 and first["metrics_lacking"] == {}
    endpoint.client.shut_down()
    before = states(url)
    archived = sorted((path.name, path.stat().st_size) for path in endpoint.archive.iterdir())
    changes = [wider(schema), narrower(schema), wider(schema), schema]
    lacking = [{"jitter": first["readings"]}, {}, {"jitter": first["readings"]}, {}]
    for number, (changed, lacks) in enumerate(zip(changes, lacking, strict=True)):
        found = anew(past, tmp_path / f"files-{number}", changed, endpoint)
        assert found["readings_of_other_schema"] == 0 and found["metrics_lacking"] == lacks
        assert found["readings_read_anew"] == (first["readings"] if changed != schema else 0)
        same = ("readings", "readings_new", "readings_too_late", "readings_quarantined")
        labels = ("labels", "labels_new", "labels_known")
        assert [found[name] for name in same + labels] == [first[name] for name in same + labels]
        mine = states(url)
        again = take_live(endpoint.journal, changed)
        assert again["readings"] == again["labels"] == 0
        if changed == schema:
            assert_same_rows(mine, before)
        else:
            path = tmp_path / f"at-once-{number}"
            assert_same_rows(mine, at_once(files_of(past, path, changed), changed, endpoint, requests))
    assert sorted((path.name, path.stat().st_size) for path in endpoint.archive.iterdir()) == archived
    forget_all()


def test_the_report_and_the_question_name_what_is_missing(project, local_stack, tmp_path):
    forget_all()
    past = Past.random(np.random.default_rng(22))
    past.folder(tmp_path / "files", PLAIN).ingest()
    endpoint = open_endpoint(tmp_path, project, local_stack.info.redis_url, PLAIN)
    endpoint.start()
    times = [(START + pd.Timedelta(seconds=TICK * tick)).isoformat() for tick in range(4)]
    for at, cpu in zip(times, (40.0, 60.0, None, 41.0), strict=True):
        body = {"device": "dev-1", "timestamp": at, "cpu": cpu, "latency": 1.0}
        assert endpoint.send("/telemetry", body).status == 200
    endpoint.client.shut_down()
    metrics = {"cpu": {"range": [0, 50]}, "jitter": {}}
    changed = with_metrics(PLAIN, metrics)
    journal = endpoint.journal
    requests = requests_by_columns(journal.url, journal.key, journal.archive)
    assert expected(requests, changed) == (
        "What arrived live, in 4 requests, is read anew by the new schema: 4 without jitter, which was not "
        "in the schema then; 4 with latency, which is ignored."
    )
    assert expected(requests, PLAIN).endswith("; all of it has its metrics.")
    assert expected(requests, with_metrics(PLAIN, {"fan": {}})).endswith(
        ": 4 with none of its metrics, which are left out."
    )
    assert expected(Counter(), PLAIN) == ""
    found = anew(past, tmp_path / "files-again", changed, endpoint)
    assert found["metrics_lacking"] == {"cpu": 1, "jitter": 4}
    report = "\n".join(found["report_lines"])
    for line in (
        "  4 readings of a schema with other metrics are read by this one",
        "    1 without cpu: outside of the range of now",
        "    4 without jitter: was not in the schema then",
        "    4 with latency, which is ignored",
    ):
        assert line in report
    forget_all()


def test_devices_with_fewer_columns_than_the_entity_are_left_out_and_counted(project, local_stack, tmp_path):
    forget_all()
    past = Past.random(np.random.default_rng(23))
    endpoint = open_endpoint(tmp_path, project, local_stack.info.redis_url, PLAIN)
    past.folder(tmp_path / "files", PLAIN).ingest()
    endpoint.start()
    body = {"device": "dev-1", "timestamp": START.isoformat(), "cpu": 1.0, "latency": 1.0}
    assert endpoint.send("/telemetry", body).status == 200
    label = {"device": "dev-1", "timestamp": START.isoformat(), "is_error": 1}
    assert endpoint.send("/labels", label).status == 200
    endpoint.client.shut_down()
    changed = TelemetrySchema.from_dict({**PLAIN.to_dict(), "entity": ["site", "box"]})
    rows = pd.DataFrame(
        {"site": ["oslo"], "box": ["r1"], "timestamp": [START], "cpu": [1.0], "latency": [1.0]}
    )
    folder = tmp_path / "sites"
    folder.mkdir()
    rows.to_parquet(folder / "metrics.parquet")
    rows[["site", "box", "timestamp"]].assign(is_error=0, repair=None).to_parquet(folder / "labels.parquet")
    rows[["site", "box"]].assign(model="m1").to_parquet(folder / "static.parquet")
    (tmp_path / "sites.yaml").write_text(yaml.safe_dump(changed.to_dict()))
    forget_all()
    run(folder, tmp_path / "sites.yaml")
    found = take_live(endpoint.journal, changed)
    assert (found["readings"], found["readings_new"], found["readings_of_other_entity"]) == (1, 0, 1)
    assert (found["labels"], found["labels_new"], found["labels_of_other_entity"]) == (1, 0, 1)
    assert "  1 readings left out: their device has fewer columns than the entity" in found["report_lines"]
    forget_all()


@pytest.mark.parametrize("killed", [False, True], ids=["goes on", "killed"])
def test_an_endpoint_of_the_new_schema_goes_on_with_the_windows_of_the_old_one(
    project, local_stack, tmp_path, monkeypatch, killed
):
    """What the old one accepted after the last ingestion is in the windows of the new one, too."""
    url = local_stack.info.redis_url
    forget_all()
    generator = np.random.default_rng(24)
    past = Past.random(generator)
    past.folder(tmp_path / "files", ARRIVING).ingest()
    all_features(ARRIVING).save()
    pairs = tmp_path / "pairs"
    old = open_endpoint(tmp_path, project, url, ARRIVING, labeled_directory=str(pairs))
    old.most = 100_000  # A journal that is cut replays to the same bits once what was cut is history.
    old.start()
    requests = conversation(generator, 60)
    for path, body in requests[:60]:
        assert old.send(path, body).status == 200
    changed = wider(ARRIVING)
    anew(past, tmp_path / "files-wider", changed, old)
    all_features(changed).save()
    for path, body in requests[
        60:80
    ]:  # The old endpoint goes on meanwhile, and is ingested from by the new schema.
        assert old.send(path, body).status == 200
    old.client.shut_down()
    place = tmp_path / "new"
    place.mkdir()
    inputs = (*INPUTS, "jitter", "jitter_avg_1m")
    new = open_endpoint(place, project, url, changed, inputs, labeled_directory=str(pairs))
    new.key, new.archive, new.most = old.key, old.archive, old.most
    write_package(place / "model", changed, 4, inputs)
    new.start()
    for number, (path, body) in enumerate(requests[80:]):
        if killed and number == 20:
            new.start()
        sent = [{**each, "jitter": float(generator.random())} for each in body] if "tele" in path else body
        assert new.send(path, sent).status == 200
    assert new.served
    new.client.shut_down()
    take_live(new.journal, changed)
    names = list(changed.live_features)
    stored = offline_rows(states(url)[0].table, new.served)[names].to_numpy(dtype=np.float64)
    made = np.array([[row[name] for name in names] for row in new.served.values()], dtype=np.float64)
    same = (made == stored) | (np.isnan(made) & np.isnan(stored))
    assert same.all(), [name for name, alike in zip(names, same.all(axis=0), strict=True) if not alike]
    packages = {"v3": fetch_model_package(str(old.package)), "v4": fetch_model_package(str(new.package))}
    monkeypatch.setattr(audits, "model_of", lambda _, version: packages[version])
    found = audit(project, pairs, new.journal, changed, 1_000_000, MANY)
    assert set(pd.concat(map(pd.read_parquet, pairs.glob("*.parquet")))["version"]) == {"v3", "v4"}
    assert (found.compared, found.mismatches) == (found.pairs, 0), "\n".join(found.lines())

    bounded = with_metrics(changed, {**changed.to_dict()["metrics"], "cpu": {"range": [0, 50]}})
    anew(past, tmp_path / "files-bounded", bounded, new)
    all_features(bounded).save()
    found = audit(project, pairs, new.journal, bounded, 1_000_000, MANY)
    assert (found.compared, found.mismatches, found.of_other_schema) == (0, 0, found.pairs)
    assert any("makes other features of the same readings" in line for line in found.lines())
    forget_all()
