"""Pairs whose incident was cancelled when their device had fallen silent: no label of them will ever come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from feature_sets.feature_vector import all_features
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.model_package.package import fetch_model_package
from feature_sets.telemetry.schema import TelemetrySchema
from project import audit as audits
from project.contradicted_pairs import contradicted_pairs
from project.live_history import labels_taken_until, take_live
from project.summary.live_labels import COMPARED, CONTRADICTED
from tests.feature_sets.ingestion.folders import forget_all
from tests.feature_sets.ingestion.histories import SCHEMA
from tests.project.test_told_incidents import at, past_of, serve, write

AHEAD = TelemetrySchema.from_dict(
    {
        **SCHEMA.to_dict(),
        "horizon": "30s",
        "exclude_labels": {},
        "labels": {"form": "incidents", "healthy_after": "10s"},
    }
)


def reading(device: str, second: float) -> dict[str, Any]:
    return {"device": device, "timestamp": at(second), "cpu": 50.0, "latency": 5.0}


def test_a_pair_whose_incident_was_cancelled_is_not_waited_for(
    project: str, local_stack: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    forget_all()
    folder = past_of(tmp_path, AHEAD)
    write(folder)
    folder.ingest()
    all_features(AHEAD).save()
    endpoint = serve(tmp_path, project, local_stack.info.redis_url, AHEAD, "endpoint")
    package, pairs = fetch_model_package(str(endpoint.package)), tmp_path / "endpoint" / "pairs"
    monkeypatch.setattr(audits, "model_of", lambda project, version: package)
    endpoint.start()

    def send(route: str, *events: dict[str, Any]) -> None:
        assert endpoint.send(route, list(events)).status == 200

    def contradicted() -> dict[str, int]:
        history = TelemetryHistory.of(AHEAD)
        taken = labels_taken_until(history, endpoint.journal)
        return contradicted_pairs(pairs, history.labels, AHEAD, metrics=history.metrics, labels_taken=taken)

    def look() -> audits.Audit:
        return audits.audit(project, pairs, endpoint.journal, AHEAD, since="3650d")

    for second in range(0, 30, 5):
        send("/telemetry", *(reading(name, second) for name in ("dev-0", "dev-1")))
    send("/incidents", {"id": "T1", "device": "dev-0", "start": at(40)})
    for second in range(30, 150, 5):
        send("/telemetry", reading("dev-1", second))
    endpoint.client.shut_down()
    endpoint.start()
    take_live(endpoint.journal, AHEAD)
    before = look()
    assert (before.without_label, before.label_not_in_history, before.mismatches) == (0, 0, 0), before.lines()
    assert before.compared == before.pairs > 20
    assert contradicted() == {COMPARED: before.pairs, CONTRADICTED: 0}

    send("/incidents", {"id": "T1", "device": "dev-0", "start": at(40), "cancelled": True})
    assert look().to_dict() == before.to_dict()
    assert contradicted() == {COMPARED: before.pairs, CONTRADICTED: 0}
    take_live(endpoint.journal, AHEAD)
    found = look()
    lost = before.compared - found.compared
    assert (found.pairs, found.without_label, found.label_not_in_history) == (before.pairs, lost, 0)
    assert lost > 0 and not found.mismatches, found.lines()
    # Four were errors by the incident; that the others were none is not told otherwise.
    assert lost == 6 and contradicted() == {COMPARED: before.pairs - 2, CONTRADICTED: 4}
    assert any(
        line.startswith(f"  {lost} not compared: the history knows no label of") for line in found.lines()
    )
    forget_all()
