"""The section of the report on the data."""

from __future__ import annotations

import pandas as pd

from feature_sets.telemetry.schema import TelemetrySchema
from training.exploration.plots import histogram_figure, strongest_features
from training.report_page.page import Section, Table


def data_section(
    balance: pd.DataFrame, histograms: pd.DataFrame, correlations: pd.DataFrame, schema: TelemetrySchema
) -> Section:
    """What the rows look like, healthy and in error."""
    maintenance = " Rows of devices in maintenance are left out." if schema.maintenance is not None else ""
    strongest = strongest_features(correlations.set_index("feature"), schema.target, most=6)
    return Section(
        "Data",
        (
            f"Windows of {', '.join(schema.windows.lengths)} over {len(schema.metrics)} metrics. Plots and "
            f"shares are of a sample of the rows that keeps the classes in proportion.{maintenance}",
        ),
        (Table(balance, f"Rows by {schema.target}"),),
        (histogram_figure(histograms, strongest),),
    )
