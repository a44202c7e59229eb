"""The sections of the report on a model that was made without labels."""

from __future__ import annotations

import pandas as pd

from feature_sets.model_package.schema import ModelSchema
from feature_sets.telemetry.schema import DEVICE
from training.evaluation.evaluation_plots import alarms_figure
from training.report_page.long_tables import SHOWN_ROWS, how_many_of
from training.report_page.page import Section, Table


def unlabeled_candidates_section(model: ModelSchema) -> Section:
    """That nothing was searched for, and what the model is."""
    text = (
        f"There are no labels, so nothing was searched for. The model is the root mean square of "
        f"{len(model.inputs)} features, each in spreads of the device itself. An alarm is a row from "
        f"{model.validation['limit']:.3g} spreads on ({model.threshold_rule} of the healthy rows)."
    )
    return Section("Candidates", (text,))


def unlabeled_evaluation_section(
    devices: pd.DataFrame,
    episodes: pd.DataFrame,
    alarms: pd.DataFrame,
    predictions: pd.DataFrame,
    model: ModelSchema,
    split: str = "",
) -> Section:
    """The alarms on the later rows. Nobody knows which of them are right.

    :param devices: see ``device_scores``.
    :param episodes: see ``EpisodeView``; there is none.
    :param alarms: its false alarms.
    :param predictions: see ``UnlabeledReport``.
    :param split: how rows were split, in a sentence.
    """
    times = predictions[model.telemetry.time]
    noisy = devices[devices["false_alarms"] > 0].sort_values(
        "false_alarms_per_day", ascending=False, kind="stable"
    )
    shown = noisy[[DEVICE, "rows", "alarms", "false_alarms", "false_alarms_per_day"]]
    shown = shown.rename(columns={"alarms": "rows in alarm", "false_alarms": "alarms"})
    shown = shown.rename(columns={"false_alarms_per_day": "alarms per day"})
    longest = alarms.sort_values("seconds", ascending=False, kind="stable")
    return Section(
        "Evaluation",
        (
            f"{len(predictions):,} rows of {predictions[DEVICE].nunique():,} devices, "
            f"{times.min():%Y-%m-%d %H:%M} to {times.max():%Y-%m-%d %H:%M} UTC, none of them trained on. "
            "There are no labels: which of the alarms are right is not known.",
            *([split] if split else []),
        ),
        (
            Table(longest.head(SHOWN_ROWS), f"Alarms, the longest first, {how_many_of(longest)}"),
            Table(shown.head(SHOWN_ROWS), f"Devices with alarms, most per day first, {how_many_of(shown)}"),
        ),
        (alarms_figure(episodes, alarms, (times.min(), times.max())),),
    )
