"""The curve of lead time: how well errors are predicted, the further ahead the harder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from feature_sets.checks import duration_seconds
from training.evaluation.baselines import MAJORITY_CLASS
from training.evaluation.episode_view import lag_column

NOT_TRAINED = "not trained"
"""Outcome of a horizon for which there is no new model."""
SCORES = ("average_precision", "average_precision_low", "average_precision_high", "f1", "precision", "recall")
COLUMNS = (
    "horizon",
    *SCORES,
    "base_rate",
    "episodes",
    "episodes_caught",
    "median_lead_seconds",
    "promotion",
    "promotion_reason",
    "version",
)


@dataclass(frozen=True)
class LeadTime:
    """What became of one horizon.

    :param horizon: as the schema has it.
    :param promotion: what the gate decided, or ``NOT_TRAINED``.
    :param reason: why.
    :param version: of the model; empty without one.
    :param figures: of the test rows, by ``COLUMNS``; what is not known is absent.
    """

    horizon: str
    promotion: str
    reason: str
    version: str = ""
    figures: dict[str, float] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """Everything by ``COLUMNS``; what is not known is absent."""
        told = {"promotion": self.promotion, "promotion_reason": self.reason, "version": self.version}
        return {"horizon": self.horizon, **self.figures, **told}


def figures_of(horizon: str, scores: pd.DataFrame, episodes: pd.DataFrame) -> dict[str, float]:
    """Figures of one horizon, from the tables of its evaluation.

    :param scores: ``test_scores_table``, the model first.
    :param episodes: ``test_episodes``.
    """
    found = {name: float(scores[name].iloc[0]) for name in SCORES if name in scores.columns}
    guess = scores.loc[scores["scorer"] == MAJORITY_CLASS, SCORES[0]]
    found |= {"base_rate": float(guess.iloc[0])} if len(guess) else {}
    counted = episodes[episodes["counted"].astype(bool)]
    caught = counted[counted["caught"].astype(bool)]
    found |= {"episodes": float(len(counted)), "episodes_caught": float(len(caught))}
    seconds = duration_seconds(horizon)
    lag = lag_column(seconds)
    if len(caught):
        # Of errors now the alarm follows the onset: a lead below 0.
        median = float(caught[lag].median())
        found["median_lead_seconds"] = median if seconds else 0.0 - median
    return {name: value for name, value in found.items() if not np.isnan(value)}


def lead_time_table(leads: Sequence[LeadTime]) -> pd.DataFrame:
    """A row a horizon, in their order, with ``COLUMNS``."""
    return pd.DataFrame([lead.describe() for lead in leads], columns=list(COLUMNS))


def lead_time_figure(table: pd.DataFrame) -> go.Figure:
    """Average precision and the share of episodes caught over the horizons.

    :param table: see ``lead_time_table``.
    """
    figure = make_subplots(rows=1, cols=2, subplot_titles=("Average precision", "Episodes caught"))
    horizons = table["horizon"]
    score, low, high = (table[name] for name in SCORES[:3])
    bars = {"type": "data", "array": high - score, "arrayminus": score - low, "color": "#7f7f7f"}
    figure.add_scatter(x=horizons, y=score, error_y=bars, mode="lines+markers", row=1, col=1)
    share = table["episodes_caught"] / table["episodes"].where(table["episodes"] > 0)
    figure.add_scatter(x=horizons, y=share, mode="lines+markers", row=1, col=2)
    figure.update_xaxes(title="horizon", type="category")
    figure.update_yaxes(range=[0, 1.02])
    figure.update_layout(title="Lead time: how far ahead errors are predicted", showlegend=False)
    return figure
