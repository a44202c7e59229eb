"""What steps after the report put on its page."""

from __future__ import annotations

from collections.abc import Callable

import mlrun

from training.report_page.page import Section, with_gate, with_section


def add_section(context: mlrun.MLClientCtx, report: mlrun.DataItem | None, section: Section) -> None:
    """Put a section on the page of a run; that this fails is an error of the log.

    :param report: the page; None without one.
    """
    _change(context, report, lambda page: with_section(page, section), f"has no section '{section.title}'")


def tell_gate(context: mlrun.MLClientCtx, report: mlrun.DataItem | None, gate: str) -> None:
    """Have the page of a run say what became of its model; that this fails is an error of the log.

    :param report: the page; None without one.
    :param gate: see ``Page``.
    """
    _change(context, report, lambda page: with_gate(page, gate), f"does not say '{gate}'")


def _change(
    context: mlrun.MLClientCtx, report: mlrun.DataItem | None, change: Callable[[str], str], lacks: str
) -> None:
    if report is None:
        return
    try:
        report.put(change(report.get(encoding="utf-8")))
    except (OSError, ValueError, mlrun.errors.MLRunBaseError) as error:
        context.logger.error(f"the report {lacks}: {error}")
