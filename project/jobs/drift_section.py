"""The section of a report on drift: what detectors say, and the alerts, at the end of the run."""

from __future__ import annotations

import mlrun

from project.endpoints import endpoint_address
from project.errors import NetopsError
from project.function_names import SERVING
from project.http_json import get_json
from project.summary.alerts import alert_texts
from training.report_page.page import Section

_TITLE, _TIMEOUT = "Drift at the end of the run", 5.0


def drift_section(project: str) -> Section:
    """What the endpoint of a project tells by now: its summary, then open and cleared alerts, one each.

    :param project: name of the project. That its endpoint does not answer is said in the section.
    """
    try:
        drift = get_json(f"{endpoint_address(project, SERVING)}/drift", _TIMEOUT)
    except (NetopsError, mlrun.errors.MLRunBaseError) as error:
        return Section(_TITLE, (f"Not known: {error}",))
    alerts = [f"Alert {text}" for text in alert_texts(drift)]
    return Section(_TITLE, (str(drift["summary"]), *(alerts or ["No alert is open, and none is over."])))
