"""The section of a report on drift: what detectors say by then, and the alerts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlrun

from project.endpoints import endpoint_address
from project.errors import NetopsError
from project.function_names import SERVING
from project.http_json import get_json
from project.local.whole_files import write_whole
from project.summary.alerts import alert_texts
from training.report_page.page import Section, with_section

_TITLE, _TIMEOUT = "Drift by the end of the run", 5.0


def read_drift(project: str) -> tuple[dict[str, Any] | None, str]:
    """What the endpoint of a project tells of drift by now, and why it does not; one of both is empty.

    :param project: name of the project.
    """
    try:
        return get_json(f"{endpoint_address(project, SERVING)}/drift", _TIMEOUT), ""
    except (NetopsError, mlrun.errors.MLRunBaseError) as error:
        return None, str(error)


def drift_section(drift: Mapping[str, Any] | None, unknown: str = "") -> Section:
    """A summary of drift, then open and cleared alerts, one each.

    :param drift: answer of the endpoint's ``/drift``; None if it gave none.
    :param unknown: why it gave none.
    """
    if drift is None:
        return Section(_TITLE, (f"Not known: {unknown}",))
    alerts = [f"Alert {text}" for text in alert_texts(drift)]
    return Section(_TITLE, (str(drift["summary"]), *(alerts or ["No alert is open, and none is over."])))


def tell_drift(page: Path, drift: Mapping[str, Any]) -> None:
    """Put the section on a page, in place of the one that is there.

    :param drift: answer of the endpoint's ``/drift``.
    :raises ValueError: if the page is no report of ours.
    :raises OSError: if it cannot be written.
    """
    html = with_section(page.read_text(encoding="utf-8"), drift_section(drift))
    write_whole(page, html)
