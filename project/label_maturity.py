"""Up to which event time healthy readings are known as errors are.

Of incidents and positives, errors are told at once; healthy is what nothing was told of for long. So later
than some time there are errors alone, and a share of errors of such rows says nothing. There is one rule: a
row counts if a healthy reading at its time would be known by now. The endpoint knows its newest event, and so
which readings can be healthy by now. Its newest healthy row would be the wrong one to ask: while all devices
fail there is none, and the outage would be left out.

A trial in shadow has another question: of both versions the same rows count, once no label can come any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from feature_sets.telemetry.label_form import ROWS
from feature_sets.telemetry.schema import TelemetrySchema


def mature_until(labeled: Mapping[str, Any], schema: TelemetrySchema) -> pd.Timestamp | None:
    """Event time up to which the rows of a live endpoint count, as detectors see them.

    :param labeled: answer of ``GET /labeled``.
    :returns: None where labels say both, or there is no event yet: then all count.
    """
    if schema.labels.form == ROWS or labeled["newest_event_time"] is None:
        return None
    healthy = schema.labels.healthy_seconds
    after = healthy + 2 * schema.horizon_seconds if healthy else labeled["deadline_seconds"]
    return pd.Timestamp(labeled["newest_event_time"]) - pd.Timedelta(seconds=after)
