"""``netops run --scenario``: a project's life in fast motion."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from feature_sets.checks import InputError, check_choice
from project.cli.arguments import parse_assignments
from project.errors import NetopsError
from project.retraining_policy import AUTO
from project.scenarios import ALONE, AT_ONCE
from project.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from project.session import Session

LOOP = ("drift", "worse-model", "failing-training", "kills")
"""Scenarios of the loop from drift to a new model: the drift is learned, or something is in the way."""

SCENARIOS = ("month", *LOOP, "chain")
_PARAMETERS = ("seed", "devices")
_DEVICES = {"month": 10, "chain": 6} | dict.fromkeys(LOOP, 20)
_SHORT = {"history": 1200, "stable": 150}
"""Of the networks on which the loop meets trouble, whose scores are nobody's business."""


def run_scenario(
    settings: Settings,
    scenario: str,
    project: str | None,
    assignments: Sequence[str] | None,
    keep: bool,
    as_json: bool,
) -> None:
    """Play a scenario in a project of its own and tell what became of it.

    :raises InputError: if the scenario is unknown, a parameter is not one of its own, or the project is not
        new.
    :raises NetopsError: if what is left differs from what it must be.
    """
    check_choice("--scenario", scenario, SCENARIOS)
    given = parse_assignments(assignments, _PARAMETERS)
    from rich.console import Console

    from project.api_reader import projects
    from project.cli.passing_session import passing_session

    name = project or f"netops-{scenario}"
    console = Console(stderr=as_json)
    own = {name, f"{name}{AT_ONCE}", f"{name}{ALONE}"}
    with passing_session(settings, keep, own) as session:
        # mlrun takes the address of its API when it is imported, from the session.
        from project.scenarios.drift import POLICY as DRIFT_POLICY
        from project.scenarios.injected_faults import FailingTraining, Kills, WorseModel

        known = own & set(projects(session.mlrun_dbpath))
        if known:
            rule = "must be a project without runs; name another one with --project"
            raise InputError("--scenario", rule, sorted(known))
        # Only now, so that a control plane that stays has the clock of the wall.
        os.environ["NETOPS_CLOCK"] = "arrival"
        policies = {
            "drift": DRIFT_POLICY,
            "worse-model": WorseModel.policy,
            "failing-training": FailingTraining.policy,
            "kills": Kills.policy,
        }
        if scenario in policies:
            os.environ.setdefault("NETOPS_RETRAIN_POLICY", policies[scenario])
        play = {"month": _month, "chain": _chain}.get(scenario, partial(_loop, scenario))
        parameters = {"devices": _DEVICES[scenario], **given}
        result, lines, check = play(Settings.from_environment(), session, name, parameters, console)
    if as_json:
        print(json.dumps(result, default=str))
    else:
        for line in lines:
            console.print(line, highlight=False, soft_wrap=True)
    check(result)


_Played = tuple[dict[str, Any], list[str], Callable[[dict[str, Any]], None]]


def _month(
    settings: Settings, session: Session, project: str, parameters: dict[str, Any], console: Console
) -> _Played:
    from project.cli.month import month_lines, run_month
    from project.scenarios.month_traffic import Month

    result = run_month(settings, session, project, Month(**parameters), console)
    return result, month_lines(result), _check_month


def _loop(
    scenario: str,
    settings: Settings,
    session: Session,
    project: str,
    parameters: dict[str, Any],
    console: Console,
) -> _Played:
    from project.cli import drift_scenario as play
    from project.cli.drift_scenario import drift_lines, run_drift
    from project.scenarios.drift_traffic import DriftingNetwork

    if settings.retrain != AUTO:
        raise InputError("NETOPS_RETRAIN", f"must be auto for the scenario {scenario}", settings.retrain)
    if scenario != "drift":
        parameters = {**_SHORT, **parameters, "unlearnable": scenario == "worse-model"}
    trouble = {
        "worse-model": play.worse_model,
        "failing-training": play.failing_training,
        "kills": play.kills,
    }.get(scenario, play.no_trouble)
    network = DriftingNetwork(**parameters)
    result = run_drift(settings, session, project, network, console, trouble=trouble)
    return result, drift_lines(result), _check_drift


def _chain(
    settings: Settings, session: Session, project: str, parameters: dict[str, Any], console: Console
) -> _Played:
    from feature_sets.telemetry.simulation.chain import ChainNetwork
    from project.cli.chain_scenario import chain_lines, run_chain

    result = run_chain(settings, session, project, ChainNetwork(**parameters), console)
    return result, chain_lines(result), _check_chain


def _check_chain(result: dict[str, Any]) -> None:
    from project.cli.chain_scenario import LEAST

    found = result["with_neighbors"]["average_precision"]
    if found < LEAST:
        raise NetopsError(f"average precision with neighbors must be at least {LEAST:g}, got {found:.3f}")


def _check_drift(result: dict[str, Any]) -> None:
    if result["shortcomings"]:
        raise NetopsError(f"the loop did not hold: {'; '.join(result['shortcomings'])}")


def _check_month(result: dict[str, Any]) -> None:
    apart = {name: result[f"differing_{name}"]["differing"] for name in ("pairs", "answers")}
    differing = {**result["differing_rows"], **apart}
    wrong = {name: count for name, count in differing.items() if count}
    if wrong:
        raise NetopsError(f"a month must leave what one ingestion of it leaves, got differences: {wrong}")
