"""What steps after the report put on its page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlrun
from mlrun.utils import logger

from project.model_addresses import REPORT_ARTIFACT
from project.run_artifacts import written_beside
from training.report_page.page import Section, with_gate, with_section


def add_section(context: mlrun.MLClientCtx, report: mlrun.DataItem | None, section: Section) -> None:
    """Put a section on the page of a run; that this fails is an error of the log.

    :param report: the page; None without one.
    """
    _change(
        lambda told: context.logger.error(told),
        report,
        lambda page: with_section(page, section),
        f"has no section '{section.title}'",
    )


def tell_gate(context: mlrun.MLClientCtx, report: mlrun.DataItem | None, gate: str) -> None:
    """Have the page of a run say what became of its model; that this fails is an error of the log.

    :param report: the page; None without one.
    :param gate: see ``Page``.
    """
    _change(
        lambda told: context.logger.error(told),
        report,
        lambda page: with_gate(page, gate),
        f"does not say '{gate}'",
    )


def tell_gate_of(project: str, model: Any, gate: str) -> None:
    """Have the page of the run that made a model of the primary horizon say what became of it.

    :param gate: see ``Page``.
    """
    _change(
        logger.error, page_of(project, model), lambda page: with_gate(page, gate), f"does not say '{gate}'"
    )


def page_of(project: str, model: Any) -> mlrun.DataItem | None:
    """The page of the run that made a model of the primary horizon; None if there is none, or none any more.

    That it cannot be looked for is an error of the log.
    """
    try:
        return written_beside(project, model, REPORT_ARTIFACT)
    except mlrun.errors.MLRunBaseError as error:
        logger.error(f"the report cannot be looked for: {error}")
        return None


def _change(
    log: Callable[[str], Any], report: mlrun.DataItem | None, change: Callable[[str], str], lacks: str
) -> None:
    if report is None:
        return
    try:
        report.put(change(report.get(encoding="utf-8")))
    except (OSError, ValueError, mlrun.errors.MLRunBaseError) as error:
        log(f"the report {lacks}: {error}")
