"""Labeled pairs against the labels of the history, with a horizon and columns that exclude."""

import pandas as pd

from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.contradicted_pairs import contradicted_pairs
from project.summary.live_labels import COMPARED, CONTRADICTED
from tests.feature_sets.ingestion.folders import MODELS, Folder, add_day, forget_all, states
from tests.feature_sets.ingestion.histories import SCHEMA


def test_pairs_are_held_against_what_the_history_says_of_them(project, local_stack, tmp_path):
    forget_all()
    folder = Folder(tmp_path / "files")
    folder.static(MODELS)
    add_day(folder, 1)
    folder.ingest()
    labels = TelemetryHistory.of(SCHEMA).labels
    rows = states(local_stack.info.redis_url)[1].table.to_pandas().reset_index()
    known = rows[rows[SCHEMA.target].notna() & (rows["repair"] != "true")]
    assert len(known) > 20 and len(known) < len(rows)
    pairs = rows[[DEVICE, "timestamp"]].assign(**{SCHEMA.target: rows[SCHEMA.target].fillna(1).astype(int)})
    pairs = pairs.assign(labeled_at=pd.Timestamp.now(tz="UTC"))
    pairs.loc[known.index[:3], SCHEMA.target] = 1 - pairs.loc[known.index[:3], SCHEMA.target]
    elsewhere = pairs.head(2).assign(**{DEVICE: "dev-9"})
    batches = tmp_path / "pairs"
    batches.mkdir()
    pairs.iloc[:10].to_parquet(batches / "1.parquet", index=False)
    pd.concat([pairs.iloc[10:], elsewhere]).to_parquet(batches / "2.parquet", index=False)
    pairs.drop(columns=SCHEMA.target).to_parquet(batches / "0.parquet", index=False)  # Of another schema.
    assert contradicted_pairs(batches, labels, SCHEMA) == {COMPARED: len(known), CONTRADICTED: 3}
    # With a calendar that the history does not have yet, nobody knows which labels count.
    planned = TelemetrySchema.from_dict({**SCHEMA.to_dict(), "maintenance": {}})
    assert contradicted_pairs(batches, labels, planned) == {COMPARED: 0, CONTRADICTED: 0}
