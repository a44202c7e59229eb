"""The facts of a run as text for people."""

from __future__ import annotations

import textwrap
from typing import Any

from drift.share_text import decimal
from graphs.protocol.label_status import LabelStatus
from project.summary.audit_text import audit_text
from project.summary.champion_text import champion_text
from project.summary.columns import INDENT, WIDTH, fact, ideas
from project.summary.drift_lines import drift_lines
from project.summary.live_labels import contradiction_lines, late_label_lines

_PARAMETERS_INDENT = 18
_ROW_COUNTS = (
    *("rows_read", "rows_rejected", "rows_too_late", "rows_quarantined", "rows_known", "rows_ingested"),
    *("rows_rewritten", "rows_dropped", "rows_conflicting", "devices"),
)


def summary_lines(facts: dict[str, Any]) -> list[str]:
    """The summary, a fact a line; what is long goes on in the lines below.

    :param facts: see ``collect_facts``.
    """
    return [*_data_lines(facts), *_model_lines(facts), *_live_lines(facts), *_place_lines(facts)]


def _data_lines(facts: dict[str, Any]) -> list[str]:
    ingested, selected = facts["ingest"], facts["selected"]
    report = ingested.get("report") or {}
    return [
        f"{'project':{INDENT}}{facts['project']}, workflow run {facts['run_id']}",
        *fact("rows", rows_text(ingested)),
        *(
            line
            for name, of_table in (("rejected", "metrics"), ("rejected labels", "labels"))
            for reason, count in (report.get(of_table, {}).get("rejected") or {}).items()
            if count
            for line in fact("", f"{name}: {count:,} {reason}")
        ),
        *_label_lines({**ingested, **_newest_count(facts.get("live_history") or {})}),
        *(
            line
            for table, told in (ingested.get("report") or {}).items()
            for warning in told.get("warnings") or []
            for line in fact("warning", f"{table}: {warning}")
        ),
        *_taken_lines(facts.get("live_history") or {}),
        *fact(
            "features",
            f"{selected.get('n_features_in', 0)} computed, "
            f"{selected.get('n_features_selected', 0)} selected by votes",
        ),
    ]


_OF_INCIDENTS = ("incidents_outside", "incidents_without_reading")
"""Results of the ingestion, and of the job that adds live readings, about incidents no model learns from."""


def _newest_count(taken: dict[str, Any]) -> dict[str, Any]:
    """What is said of incidents after live readings were added, if that was counted."""
    return {name: taken[name] for name in _OF_INCIDENTS if name in taken}


def _label_lines(ingested: dict[str, Any]) -> list[str]:
    """How many labels are in maintenance, and of which incidents no model learns, if any."""
    count = int(ingested.get("label_rows_in_maintenance") or 0)
    told = f"in maintenance: {count:,} labels, left out of training and evaluation" if count else ""
    tables = (ingested.get(name) or {} for name in _OF_INCIDENTS)
    of_incidents = [table["sentence"] for table in tables if table.get("sentence")]
    return [
        *(fact("", told) if told else []),
        *(line for each in of_incidents for line in fact("incidents", each)),
    ]


def _taken_lines(taken: dict[str, Any]) -> list[str]:
    """What arrived live and is history now, if anything; and why the endpoint does not know its devices.

    :param taken: results of the job that adds it.
    """
    failure = [line for told in contradiction_lines(taken) for line in fact("live labels", told)]
    failure += fact("devices", taken["reload_failure"]) if taken.get("reload_failure") else []
    if not any(taken.get(name) for name in ("readings", "labels", "incidents")):
        return failure
    text = (
        f"{taken['readings']:,} readings and {taken['labels']:,} labels arrived since the last time: "
        f"{taken['readings_new']:,} and {taken['labels_new']:,} are new in the history"
    )
    if "rows_ingested" in taken:  # The rows above are those before these came.
        text += f", which has {taken['rows_ingested']:,} readings now"
    if taken.get("incidents"):
        changed = int(taken.get("labels_changed") or 0)
        text += f"; {taken['incidents']:,} times an incident was told of, {changed:,} labels are others now"
    return [*fact("arrived live", text), *failure]


def rows_text(ingested: dict[str, Any]) -> str:
    """The account of an ingestion: what was read, what of it was new, what the history has now.

    :param ingested: results of the ingest job; counts that are absent are 0.
    """
    count = {name: int(ingested.get(name) or 0) for name in _ROW_COUNTS}
    read, rejected, known = count["rows_read"], count["rows_rejected"], count["rows_known"]
    left_out = count["rows_too_late"] + count["rows_quarantined"]
    total, new = count["rows_ingested"], int(ingested.get("rows_new", count["rows_ingested"]))
    devices = f"from {count['devices']:,} devices"
    known_as = "known already"
    if ingested.get("rows_not_read_again") and "rows_too_late" in ingested:
        known_as += ", or left out by arrival then"
    less = f"{read:,} read - {rejected:,} rejected"
    less += f" - {left_out:,} that arrived too late or from the future" if left_out else ""
    if not read and total:  # Such as a folder of tickets alone.
        told = (f"{int(ingested.get(name) or 0):,}" for name in ("label_rows_new", "labels_changed"))
        labels = "{} labels are new, {} others than before".format(*told)
        return f"no readings in it; {labels}; {total:,} in history, {devices}"
    if not known and new == total:
        return f"{less} = {total:,} ingested, {devices}"
    if read and read == known:
        text = f"{read:,} read, all {known_as}; {total:,} in history, {devices}"
    else:
        text = f"{less} - {known:,} {known_as} = {new:,} new; {total:,} in history, {devices}"
    if count["rows_rewritten"]:
        back = _minute(ingested.get("rewritten_from"))
        text += f"; {count['rows_rewritten']:,} earlier ones computed anew, back to {back}"
    if count["rows_dropped"]:
        text += f"; {count['rows_dropped']:,} earlier ones were too late and left out"
    # A warning of the ingestion tells it, with from when to when, an example and what to do.
    warned = ((ingested.get("report") or {}).get("metrics") or {}).get("warnings")
    if count["rows_conflicting"] and not warned:
        text += f"; {count['rows_conflicting']:,} say something else than the history, which stays"
    return text


def _model_lines(facts: dict[str, Any]) -> list[str]:
    trained, evaluated = facts["trained"], facts["test"]
    lines = []
    by_time = evaluated.get("split", "time") == "time"
    if trained:
        period = f"{_minute(trained.get('train_start'))} to {_minute(trained.get('train_end'))} UTC"
        lines += fact(
            "training",
            f"on {trained.get('train_rows', 0):,} of {trained.get('train_rows_available', 0):,} "
            f"{'earlier' if by_time else 'training'} rows, {period}",
        )
    if not by_time:
        lines += fact("split", evaluated.get("split_summary") or "")
    lines += candidate_lines(facts["candidates"])
    lines += fact(
        "evaluation",
        f"on all {evaluated.get('test_rows', 0):,} {'later' if by_time else 'test'} rows: "
        f"{_scores_text(evaluated)}",
    )
    lines += ideas("verdict", evaluated.get("verdict") or "")
    if evaluated.get("promotion"):
        lines += ideas(
            "gate", f"{evaluated['promotion']}: {evaluated['promotion_reason']}{_stays_text(evaluated)}"
        )
    for place, lead in enumerate(facts.get("horizons") or []):
        lines += fact("" if place else "horizons", _lead_text(lead))
    return lines


def _lead_text(lead: dict[str, Any]) -> str:
    """How well one horizon does, and what the gate says of it."""
    told = f"{lead['horizon']}: {lead['promotion']}: {lead['promotion_reason']}"
    if lead.get("average_precision") is None:
        return told
    caught = f"{lead.get('episodes_caught', 0):.0f} of {lead.get('episodes', 0):.0f} episodes caught"
    return f"{told}; average precision {_number(lead['average_precision'])}, {caught}"


def _scores_text(evaluated: dict[str, Any]) -> str:
    """The scores in short; without labels how many alarms there are."""
    if evaluated.get("unlabeled"):
        often = _number(evaluated.get("alarms_per_device_day"))
        return f"no labels; {often} alarms per device-day, {evaluated['alarm_share']:.1%} of the rows"
    return (
        f"average precision {_number(evaluated.get('average_precision'))}, F1 "
        f"{_number(evaluated.get('f1'))}, ROC AUC {_number(evaluated.get('roc_auc'))}; "
        f"base rate {_number(evaluated.get('base_rate'))}"
    )


def _stays_text(evaluated: dict[str, Any]) -> str:
    """What becomes of the model in production where the gate kept the new one out.

    :param evaluated: results of the evaluation.
    """
    if evaluated.get("passed", evaluated["promoted"]):
        return ""
    champion = evaluated.get("champion_version")
    if evaluated["production"]:
        return "; what is in production stays (--promote overrules)"
    if champion:
        return (
            f"; version {champion[:8]} stays in production and was not deployed again, as it cannot be "
            "scored on these rows (--promote overrules)"
        )
    return "; --promote overrules"


def _live_lines(facts: dict[str, Any]) -> list[str]:
    lines = []
    endpoint, tester = facts["endpoint"], facts["tester"]
    if endpoint is None or not endpoint["address"]:
        lines += fact("endpoint", f"none deployed{_why_none(facts)}")
    else:
        # The audit is the last step of what is done live; whoever deploys tests the answers before.
        same = "; left as it is, nothing that it is made of has changed"
        state = f"{endpoint['state']}, model version {endpoint['version']}"
        is_same = facts.get("audit") and not tester and not facts.get("champion_changed")
        state += same if is_same else ""
        lines.append(f"{'endpoint':{INDENT}}{endpoint['address']}  {state}")
        if facts.get("champion_changed"):
            lines += fact("", champion_text(facts["champion_changed"]))
    if tester:
        lines += fact(
            "tester",
            f"{tester['rows']:,} rows, {tester['mismatches']} mismatches with offline, "
            f"{tester['errors']} errors; one row p50 {tester['p50_ms']} ms, p99 {tester['p99_ms']} ms",
        )
    lines += _traffic_lines(facts)
    if facts.get("audit"):
        lines += ideas("audit", audit_text(facts["audit"]))
    return [*lines, *drift_lines(facts)]


def _why_none(facts: dict[str, Any]) -> str:
    """Why a run has no endpoint, if it is known."""
    if facts.get("deploy_streaming") is False:
        return ": deploy_streaming=False"
    evaluated = facts["test"]
    promoted = evaluated.get("passed", evaluated.get("promoted", True))
    kept_out = not promoted and not evaluated.get("production", False)
    return ": the gate kept the model out of production, see above" if kept_out else ""


def _traffic_lines(facts: dict[str, Any]) -> list[str]:
    """What was sent by this run: recorded rows to the rehearsal, or simulated ones to the endpoint."""
    stream, rehearsal, labeled = facts["stream"], facts["rehearsal"], facts["labeled"]
    lines = []
    if rehearsal and rehearsal["nothing_newer"]:
        lines += fact("rehearsal", f"nothing to play: {rehearsal['nothing_newer']}")
    elif rehearsal:
        lines += ideas(
            "rehearsal",
            f"{_sent(rehearsal)}; on a staging endpoint of its own, the live one saw none of them",
        )
        if rehearsal.get("older"):  # A run of an earlier release does not say.
            lines += fact("", rehearsal["older"])
        lines += ideas("labeled", f"{_pairs(rehearsal)}{_kept(rehearsal)}, in the rehearsal")
    if stream and stream["nothing_newer"]:
        lines += fact("streamed", f"nothing; the endpoint is up. {stream['nothing_newer']}")
    elif stream:
        lines += ideas("streamed", f"{_sent(stream)}; the simulated network is the endpoint's real traffic")
    if labeled and not rehearsal:
        counted = facts["labeled_this_run"]
        which = "by this run" if counted else "since the endpoint's first run; this run streamed nothing"
        kept = _kept(stream) if counted and stream else ""
        lines += ideas("labeled", f"{_pairs(counted or labeled)}{kept}, {which}")
    elif labeled:
        lines += fact("live", f"{_pairs(labeled)}, all of real traffic")
    for text in late_label_lines(labeled):
        lines += fact("", text)
    return lines


def _sent(account: dict[str, Any]) -> str:
    statuses = ", ".join(f"{count:,} {status}" for status, count in sorted(account["statuses"].items()))
    return (
        f"{account['events_sent']:,} events ({statuses}), {account['rejected']} rejected, "
        f"{account['predicted_errors']:,} predicted in error, request p50 {account['request_p50_ms']} ms"
    )


def _pairs(counted: dict[str, int]) -> str:
    return (
        f"{counted['joined']:,} pairs joined, {counted['waiting']:,} waiting, "
        f"{counted['expired']:,} expired, {counted['conflicting']:,} conflicting"
    )


def _kept(account: dict[str, Any]) -> str:
    """How many labels meet no prediction by design, if any: with them the pairs add up to the events."""
    count = int((account.get("labels") or {}).get(LabelStatus.KEPT) or 0)
    return f", {count:,} left out as in maintenance or excluded" if count else ""


def _place_lines(facts: dict[str, Any]) -> list[str]:
    places = {"artifacts": facts["artifacts"], "report": facts.get("latest_report") or facts["report"]}
    return [f"{label:{INDENT}}{place}" for label, place in places.items() if place]


def candidate_lines(entries: list[dict[str, Any]]) -> list[str]:
    """The combinations of the last rung, each with its parameters below, and how many fell out.

    :param entries: as ``candidates`` gives them.
    """
    last = max((int(entry.get("rung") or 0) for entry in entries), default=0)
    finalists = [entry for entry in entries if int(entry.get("rung") or 0) == last]
    lines = []
    for place, entry in enumerate(finalists):
        lines.append(
            f"{'' if place else 'candidates':{INDENT}}{'*' if entry['best'] else ' '} "
            f"{entry.get('family', '?'):24} average precision {_number(entry.get('average_precision'))}"
            f"  F1 {_number(entry.get('f1'))}"
        )
        indent = " " * _PARAMETERS_INDENT
        lines += textwrap.wrap(
            str(entry.get("parameters", "")),
            width=WIDTH,
            initial_indent=indent,
            subsequent_indent=indent,
            break_on_hyphens=False,
        )
    fallen = len(entries) - len(finalists)
    if fallen:
        lines.append(f"{'':{INDENT + 2}}and {fallen} more that fell out on fewer rows")
    return lines


def _minute(moment: object) -> str:
    """An ISO 8601 time to the minute."""
    return moment[:16].replace("T", " ") if isinstance(moment, str) else "-"


def _number(value: object) -> str:
    return decimal(value) if isinstance(value, int | float) else "-"
