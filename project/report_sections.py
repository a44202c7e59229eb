"""Sections that steps after the report put on its page."""

from __future__ import annotations

import mlrun

from training.report_page.page import Section, with_section


def add_section(context: mlrun.MLClientCtx, report: mlrun.DataItem | None, section: Section) -> None:
    """Put a section on the page of a run; that this fails is an error of the log.

    :param report: the page; None without one.
    """
    if report is None:
        return
    try:
        report.put(with_section(report.get(encoding="utf-8"), section))
    except (OSError, ValueError, mlrun.errors.MLRunBaseError) as error:
        context.logger.error(f"the report has no section '{section.title}': {error}")
