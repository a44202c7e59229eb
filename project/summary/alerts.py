"""The alerts of drift of an endpoint as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from drift.missed_alert import alert_in_words
from drift.share_text import percent
from drift.wrong_devices import FEW_EPISODES, devices_in_words
from project.function_names import attaches_detectors
from project.http_json import UnreachableError, get_json
from training.evaluation.usable import is_usable

_TIMEOUT = 5.0


def alert_texts(drift: Mapping[str, Any]) -> list[str]:
    """The alert that is open, of all devices and of each group; where none is, the newest that is over.

    Then the same of missed incidents. Last that the model is of no use on the newest labels, if it is so.

    :param drift: answer of the endpoint's ``/drift``.
    """
    found = []
    for group, watched in _watched(drift):
        of_group = f" of group {group}" if group else ""
        alert, cleared = watched.get("alert"), watched.get("cleared_alert")
        if alert:
            found.append(
                f"open{of_group}, {alert['severity']}: raised {_minute(alert['raised'])} by "
                f"{alert['source']}, {_rates(alert, watched.get('newest'))}{_merged(alert)}"
            )
        elif cleared:
            found.append(
                f"cleared{of_group} {_minute(cleared['cleared'])}: was {cleared['severity']}, raised "
                f"{_minute(cleared['raised'])} by {cleared['source']}, {_rates(cleared)}"
            )
    return [*found, *missed_incidents(drift), *not_usable(drift), *_not_seen(drift)]


class ToldOfDrift(NamedTuple):
    """What an endpoint tells of drift, as text.

    :param summary: the sentence of ``/drift``, and what is known of missed incidents that it does not say;
        none of an endpoint that does not answer.
    :param alerts: see ``alert_texts``; of an endpoint that does not answer, that it does not.
    """

    summary: list[str]
    alerts: list[str]


def told_of_drift(address: str, project: str) -> ToldOfDrift:
    """Ask an endpoint.

    :param address: of the endpoint of a project.
    """
    try:
        drift = get_json(f"{address}/drift", _TIMEOUT)
    except UnreachableError as error:
        return ToldOfDrift([], [f"not known: {error}"])
    summary = str(drift["summary"])
    if not drift.get("attached", True):
        summary = f"{summary}; {attaches_detectors(project)}"
    return ToldOfDrift([summary, *_incidents(drift)], alert_texts(drift))


def _incidents(drift: Mapping[str, Any]) -> list[str]:
    """What is known of missed incidents, or why nothing is: not with an alert, or switched off."""
    watched = drift.get("missed_incidents") or {"state": "off"}
    return [] if watched["state"] in ("drift", "off") else [f"missed incidents: {watched['summary']}"]


def missed_incidents(drift: Mapping[str, Any]) -> list[str]:
    """That the model catches fewer incidents than on its test data, or that this is over, if it is so.

    :param drift: answer of the endpoint's ``/drift``; one of before it was watched tells nothing of it.
    """
    watched = drift.get("missed_incidents") or {}
    alert, cleared = watched.get("alert"), watched.get("cleared_alert")
    if alert:
        return [f"open, {alert['severity']}: raised {_minute(alert['raised'])}, {alert_in_words(alert)}"]
    if cleared:
        raised = f"was {cleared['severity']}, raised {_minute(cleared['raised'])}"
        return [f"cleared {_minute(cleared['cleared'])}: {raised}, {alert_in_words(cleared)}"]
    return []


def not_usable(drift: Mapping[str, Any]) -> list[str]:
    """That the model in production knows nothing more of the newest labels than their share, if it is so.

    Labels of fewer than ``FEW_EPISODES`` error episodes say too little; an earlier endpoint does not tell.
    """
    realized = (drift.get("performance") or {}).get("realized") or {}
    precision = realized.get("average_precision")
    if precision is None:  # Too few labels, or no base.
        return []
    guessing = realized["errors"] / realized["rows"]
    if is_usable(precision, guessing) or realized.get("error_episodes", FEW_EPISODES) < FEW_EPISODES:
        return []
    return [
        f"THE MODEL IN PRODUCTION IS NOT USABLE: average precision {precision:.3f} on the newest "
        f"{realized['rows']:,} labels, where guessing has {guessing:.3f}"
    ]


def _not_seen(drift: Mapping[str, Any]) -> list[str]:
    """That the newest errors were ranked no better than by guessing, of too few episodes for a verdict."""
    realized = (drift.get("performance") or {}).get("realized") or {}
    precision, episodes = realized.get("average_precision"), realized.get("error_episodes", FEW_EPISODES)
    if precision is None or not 0 < episodes < FEW_EPISODES:
        return []
    guessing = realized["errors"] / realized["rows"]
    if is_usable(precision, guessing):
        return []
    plural = "s" if episodes > 1 else ""
    return [
        f"average precision is {precision:.3f} on the newest {realized['rows']:,} labels, where guessing has "
        f"{guessing:.3f}; that rests on {episodes} error episode{plural}, and a verdict takes {FEW_EPISODES}"
    ]


def _watched(drift: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "", drift
    yield from sorted((drift.get("groups") or {}).items())


def _rates(alert: Mapping[str, Any], newest: Mapping[str, Any] | None = None) -> str:
    """How often the model was wrong at the worst that was told, and before, and now, and on which devices.

    :param newest: of the labels since, see ``NewestLabels.to_dict``: then the devices are those of now.
    """
    before, where = alert["rate_before"], devices_in_words(alert.get("devices"))
    now = ""
    if newest:
        now = (
            f"of the newest {newest['labels']:,}, since {_minute(newest['since'])}, {percent(newest['rate'])}"
        )
        where = devices_in_words(newest["devices"]) or (where and f"when it was told last, {where}")
    worst = f"{percent(alert['rate'])} of the labels predicted wrong"
    return "; ".join(
        filter(None, (worst + ("" if before is None else f", {percent(before)} before"), now, where))
    )


def _merged(alert: Mapping[str, Any]) -> str:
    return f"; found {alert['merged']}× more since" if alert["merged"] else ""


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")
