"""The section of the report on the data."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from feature_sets.telemetry.schema import TelemetrySchema
from training.exploration.plots import histogram_figure, strongest_features
from training.report_page.page import Section, Table

_SHOWN = 40
"""Lines of the report of the ingestion that are shown."""


def quality_table(told: Sequence[str]) -> Table:
    """What became of the rows that were read, with samples of those left out.

    :param told: lines such as ``metrics: 5 rows read``, and below each, indented, what is worth knowing.
    """
    rows: list[tuple[str, str]] = []
    table = ""
    for line in told:
        if not line.startswith(" "):
            table, _, line = line.partition(": ")
        rows.append((table, line.strip()))
    if len(rows) > _SHOWN:
        rest = len(rows) - _SHOWN
        rows = [*rows[:_SHOWN], ("", f"{rest:,} more lines in the artifact ingest_report")]
    return Table(pd.DataFrame(rows, columns=["table", "what_was_found"]), "What was read, left out and noted")


def data_section(
    balance: pd.DataFrame,
    histograms: pd.DataFrame,
    correlations: pd.DataFrame,
    schema: TelemetrySchema,
    told: Sequence[str] = (),
) -> Section:
    """What was read, and what the rows look like, healthy and in error.

    :param told: lines of the report of the ingestion.
    """
    maintenance = " Rows of devices in maintenance are left out." if schema.maintenance is not None else ""
    strongest = strongest_features(correlations.set_index("feature"), schema.target, most=6)
    return Section(
        "Data",
        (
            f"Windows of {', '.join(schema.windows.lengths)} over {len(schema.metrics)} metrics. Plots and "
            f"shares are of a sample of the rows that keeps the classes in proportion.{maintenance}",
        ),
        (*([quality_table(told)] if told else []), Table(balance, f"Rows by {schema.target}")),
        (histogram_figure(histograms, strongest),),
    )
