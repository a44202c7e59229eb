"""Tables and figures of a run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import plotly.graph_objects as go

from tests.training.conftest import make_context
from tests.training.pages import loaded_from_network
from training.job.run_artifacts import log_figures, log_tables


def files(run):
    return {artifact["metadata"]["key"]: artifact["spec"]["target_path"] for artifact in run.artifacts}


def test_tables_come_back_as_they_were_without_an_index(context):
    table = pd.DataFrame({"device": ["b", "a"], "rows": [3, 4]}, index=[7, 9])
    log_tables(context, {"first": table, "second": table.head(1)})
    assert list(files(context)) == ["first", "second"]
    for key, rows in (("first", 2), ("second", 1)):
        written = pd.read_parquet(files(context)[key])
        pd.testing.assert_frame_equal(written, table.head(rows).reset_index(drop=True))


def test_figures_are_pages_that_open_without_network(context):
    log_figures(context, {"plot": go.Figure(go.Bar(x=[1], y=[2]))})
    page = Path(files(context)["plot"]).read_text()
    assert "Plotly.newPlot" in page and loaded_from_network(page) == []


def test_two_runs_do_not_share_files(run_db, tmp_path):
    tables = [pd.DataFrame({"rows": [number]}) for number in (1, 2)]
    runs = [make_context(run_db, tmp_path, uid=uid) for uid in ("a", "b")]
    for run, table in zip(runs, tables, strict=True):
        log_tables(run, {"table": table})
    for run, table in zip(runs, tables, strict=True):
        pd.testing.assert_frame_equal(pd.read_parquet(files(run)["table"]), table)
