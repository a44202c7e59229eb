"""What a run leaves behind beside its results: where its artifacts are, its tables and its figures."""

from __future__ import annotations

from collections.abc import Mapping

import mlrun
import pandas as pd
import plotly.graph_objects as go

from training.job.plot_page import PlotPage, lay_plotly


def artifact_path(context: mlrun.MLClientCtx) -> str:
    """Artifact folder of one run.

    MLRun's default path repeats from run to run, so a second training would overwrite the files of the
    model that is being served.
    """
    return str(context.artifact_subpath(context.uid))


def log_tables(context: mlrun.MLClientCtx, tables: Mapping[str, pd.DataFrame]) -> None:
    """Log tables as data sets in the folder of the run: Parquet, without index and statistics.

    :param tables: artifact key -> table, in the order they are logged.
    """
    path = artifact_path(context)
    for key, table in tables.items():
        context.log_dataset(key, df=table, format="parquet", index=False, stats=False, artifact_path=path)


def log_figures(context: mlrun.MLClientCtx, figures: Mapping[str, go.Figure]) -> None:
    """Log figures as pages in the folder of the run, see ``PlotPage``; each opens without a network.

    :param figures: artifact key -> figure, in the order they are logged.
    """
    if not figures:
        return
    path = artifact_path(context)
    script = lay_plotly(context, path)
    for key, figure in figures.items():
        context.log_artifact(PlotPage(key, figure, path, script, context.project), artifact_path=path)
