"""What live traffic is compared with: the rows that the model that is served was evaluated on."""

from __future__ import annotations

from typing import NamedTuple

import mlrun
import pandas as pd

from feature_sets.rows.stored_rows import utc_times
from project.errors import NetopsError
from project.function_names import MODEL
from project.http_json import get_json
from project.registered_versions import evaluated_model


class BaseRows(NamedTuple):
    """Rows that a model was evaluated on, with what it said of them.

    :param rows: label, ``prediction`` and ``probability``; none was learned from.
    :param version: of the model.
    :param instead: why they are others than those of its own evaluation, in words; empty if they are those.
    """

    rows: pd.DataFrame
    version: str
    instead: str = ""

    def end(self, time: str) -> pd.Timestamp | None:
        """When they end; None without rows. What is live and later is none of them.

        :param time: name of the time column.
        """
        return None if self.rows.empty else utc_times(self.rows[time]).max()


def base_of_served(project: str, address: str, test_set: mlrun.DataItem) -> BaseRows:
    """The base of the model that an endpoint serves.

    Where the gate has kept a new model out, the rows that the run has evaluated are those of the new one:
    they are live rows in part, and hold the change that is looked for.

    :param address: of the endpoint.
    :param test_set: rows of this run, for a model whose evaluation is gone.
    """
    version = str(get_json(f"{address}/v2/models/{MODEL}")["versions"][-1])
    try:
        return BaseRows(evaluated_model(project, version)[1], version)
    except NetopsError as error:
        return BaseRows(test_set.as_df(), version, f"the base is the test rows of this run, as {error}")
