"""The section of a report on drift: what detectors say by then, and the alerts.

Nothing here imports MLRun, which would take longer than all else that ``netops run`` does after its workflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from project.local.atomic_write import write_atomically
from project.summary.alerts import alert_texts
from training.report_page.page import Section, with_section

_TITLE = "Drift by the end of the run"


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
    write_atomically(page, html)
