"""Tables and figures of a run."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

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


FIGURE = go.Figure(go.Bar(x=[1], y=[2]))


def script_beside(file):
    """The script that a page opened from its file loads."""
    link = re.search(r'<script charset="utf-8" src="([^"]+)">', Path(file).read_text())[1]
    return (Path(file).parent / link).resolve(strict=True)


def test_figures_are_pages_that_open_without_network(context):
    log_figures(context, {"plot": FIGURE})
    file = files(context)["plot"]
    page = Path(file).read_text()
    assert "Plotly.newPlot" in page and loaded_from_network(page) == []
    assert script_beside(file).read_text(encoding="utf-8") == get_plotlyjs()
    assert len(page) < 20_000


def test_a_figure_is_written_out_once_however_often_mlrun_asks_for_its_page(context, monkeypatch):
    written = []
    to_html = go.Figure.to_html
    monkeypatch.setattr(go.Figure, "to_html", lambda *args, **kw: written.append(1) or to_html(*args, **kw))
    log_figures(context, {"first": FIGURE, "second": FIGURE})
    assert len(written) == 2


def test_the_plots_of_all_runs_of_a_project_share_one_copy_of_plotly(run_db, tmp_path):
    runs = [make_context(run_db, tmp_path, uid=uid) for uid in ("a1", "b2")]
    for run in runs:
        log_figures(run, {"first": FIGURE, "second": FIGURE})
    plots = [files(run)[key] for run in runs for key in ("first", "second")]
    assert len(set(plots)) == 4
    (script,) = {script_beside(file) for file in plots}
    assert list(tmp_path.rglob("*.js*")) == [script]
    # Data of a run is deleted by its records, and by folders of it that are empty: this is neither.
    assert not {"a1", "b2"} & set(script.parts)
    assert str(script) not in [path for run in runs for path in files(run).values()]


def test_a_plot_shown_by_mlruns_ui_asks_the_api_for_the_script(context):
    log_figures(context, {"plot": FIGURE})
    page = Path(files(context)["plot"]).read_text()
    asked = re.search(r"self\.origin \+ '([^']+)\"", page)[1]
    address = urlsplit(asked)
    assert address.path == "/api/v1/projects/test-network/files"
    assert parse_qs(address.query) == {"path": [str(script_beside(files(context)["plot"]))]}


def test_equal_figures_are_equal_pages(run_db, tmp_path):
    pages = []
    for name in ("one", "two"):
        run = make_context(run_db, tmp_path / name)
        log_figures(run, {"plot": FIGURE})
        page = Path(files(run)["plot"]).read_text()
        pages.append(page.replace(quote(str(tmp_path / name), safe=""), ""))
    assert pages[0] == pages[1]


def test_without_figures_no_script_is_written(context, tmp_path):
    log_figures(context, {})
    assert list(tmp_path.rglob("*")) == []


def test_two_runs_do_not_share_files(run_db, tmp_path):
    tables = [pd.DataFrame({"rows": [number]}) for number in (1, 2)]
    runs = [make_context(run_db, tmp_path, uid=uid) for uid in ("a", "b")]
    for run, table in zip(runs, tables, strict=True):
        log_tables(run, {"table": table})
    for run, table in zip(runs, tables, strict=True):
        pd.testing.assert_frame_equal(pd.read_parquet(files(run)["table"]), table)
