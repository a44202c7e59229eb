"""The summary at the end of ``netops run``: what went in, which model won, how it does live."""

from __future__ import annotations

import os
import textwrap
from typing import Any

import httpx

from project.api_reader import Endpoint, runs
from project.settings import SERVING

Run = dict[str, Any]


def _results(by_name: dict[str, Run], name: str) -> dict[str, Any]:
    return dict((by_name.get(name) or {}).get("status", {}).get("results") or {})


def steps(dbpath: str, project: str, run_id: str) -> dict[str, Run]:
    """The steps of a workflow by name; of several runs of one the newest."""
    return {run["metadata"]["name"]: run for run in reversed(runs(dbpath, project, run_id))}


def promoted(by_name: dict[str, Run]) -> bool:
    """Whether the model of a workflow went into production.

    :param by_name: see ``steps``.
    """
    return bool(_results(by_name, "test").get("promoted"))


def collect(
    project: str,
    run_id: str,
    by_name: dict[str, Run],
    deployed: list[Endpoint],
    stream: dict[str, Any] | None,
) -> dict[str, Any]:
    """Everything the summary says, from the steps of a workflow and the live endpoint.

    :param run_id: of the workflow.
    :param by_name: see ``steps``.
    :param deployed: endpoints that are up.
    :param stream: last report of the telemetry generator, or None if nothing was streamed.
    :returns: a JSON-able document; a stage that did not run is None.
    """
    ingested, test = _results(by_name, "ingest"), _results(by_name, "test")
    serving = next((e for e in deployed if e.name == SERVING and e.project == project), None)
    live: dict[str, Any] = {"labeled": None, "drift": None}
    if serving is not None and serving.state == "ready":
        with httpx.Client(base_url=serving.address, timeout=30) as client:
            live["labeled"] = client.get("/labeled").raise_for_status().json()
            live["drift"] = client.get("/drift").raise_for_status().json()
    return {
        "project": project,
        "run_id": run_id,
        "ingest": ingested,
        "selected": _results(by_name, "select-features"),
        "trained": _results(by_name, "train"),
        "candidates": candidates(by_name.get("train")),
        "test": test,
        "report": _results(by_name, "report").get("report_path"),
        "endpoint": vars(serving) if serving else None,
        "tester": _results(by_name, "model-server-tester") or None,
        "stream": stream,
        "labeled": live["labeled"],
        "drift": live["drift"],
        "magnitude": _results(by_name, "drift-magnitude") or None,
        "artifacts": artifact_folder(by_name),
    }


def candidates(train: Run | None) -> list[dict[str, Any]]:
    """Each iteration of the train run with its parameters and scores.

    :param train: the train run; its ``status.iterations`` is MLRun's table, one header row first.
    :returns: the best iteration first (``best``), then those that came to later rungs, of one rung the higher
        average precision first. Scores of an earlier rung come from fewer rows and do not compare.
    """
    status = (train or {}).get("status") or {}
    table = status.get("iterations") or []
    if not table:
        return []
    best = (status.get("results") or {}).get("best_iteration")
    header, rows = table[0], table[1:]
    entries = []
    for row in rows:
        record = dict(zip(header, row, strict=True))
        facts = {
            key.split(".", 1)[1]: value
            for key, value in record.items()
            if key.startswith(("param.", "output.")) and value is not None
        }
        entries.append({**facts, "best": best is not None and record.get("iter") == best})
    return sorted(
        entries,
        key=lambda entry: (
            not entry["best"],
            -int(entry.get("rung") or 0),
            -float(entry.get("average_precision") or 0),
        ),
    )


def artifact_folder(by_name: dict[str, Run]) -> str:
    """Folder that holds the artifacts of all runs."""
    paths = [str(run["spec"]["output_path"]) for run in by_name.values() if run["spec"].get("output_path")]
    return os.path.commonpath(paths) if paths else ""


def lines(summary: dict[str, Any]) -> list[str]:
    """The summary as text for people, a fact a line."""
    ingested, selected, test = summary["ingest"], summary["selected"], summary["test"]
    left_out = sum(int(ingested.get(f"rows_{reason}", 0)) for reason in ("too_late", "quarantined"))
    text = [
        f"project       {summary['project']}, workflow run {summary['run_id']}",
        f"rows          {ingested.get('rows_read', 0):,} read - "
        f"{ingested.get('rows_rejected', 0):,} rejected"
        f"{f' - {left_out:,} that arrived too late or from the future' if left_out else ''}"
        f" = {ingested.get('rows_ingested', 0):,} ingested, "
        f"from {ingested.get('devices', 0):,} devices",
    ]
    rejected = (ingested.get("report") or {}).get("metrics", {}).get("rejected") or {}
    text += [f"              rejected: {count:,} {reason}" for reason, count in rejected.items() if count]
    text.append(
        f"features      {selected.get('n_features_in', 0)} computed, "
        f"{selected.get('n_features_selected', 0)} selected by votes"
    )
    trained = summary["trained"]
    if trained:
        period = f"{_minute(trained.get('train_start'))} to {_minute(trained.get('train_end'))}"
        text.append(
            f"training      on {trained.get('train_rows', 0):,} of "
            f"{trained.get('train_rows_available', 0):,} earlier rows, {period}"
        )
    text += candidate_lines(summary["candidates"])
    text.append(
        f"test          on all {test.get('test_rows', 0):,} later rows: average precision "
        f"{_number(test.get('average_precision'))}, F1 {_number(test.get('f1'))}, "
        f"ROC AUC {_number(test.get('roc_auc'))}; base rate {_number(test.get('base_rate'))}"
    )
    if test.get("verdict"):
        text += textwrap.wrap(
            test["verdict"], width=110, initial_indent="verdict       ", subsequent_indent=" " * 14
        )
    endpoint = summary["endpoint"]
    if test.get("promoted") is False:
        text.append("model         rejected; what is in production stays (--set promote=true overrules)")
    if endpoint is None or not endpoint["address"]:
        text.append("endpoint      none deployed")
    else:
        text.append(
            f"endpoint      {endpoint['address']}  {endpoint['state']}, model version {endpoint['version']}"
        )
    tester, stream, labeled = summary["tester"], summary["stream"], summary["labeled"]
    if tester:
        text.append(
            f"tester        {tester['rows']:,} rows, {tester['mismatches']} mismatches with offline, "
            f"{tester['errors']} errors; one row p50 {tester['p50_ms']} ms, p99 {tester['p99_ms']} ms"
        )
    if stream:
        statuses = ", ".join(f"{count:,} {status}" for status, count in sorted(stream["statuses"].items()))
        text.append(
            f"streamed      {stream['events_sent']:,} events ({statuses}), {stream['rejected']} rejected, "
            f"{stream['predicted_errors']:,} predicted in error; request p50 {stream['request_p50_ms']} ms"
        )
    if labeled:
        text.append(
            f"labeled       {labeled['joined']:,} pairs joined, {labeled['waiting']:,} waiting, "
            f"{labeled['expired']:,} expired, {labeled['conflicting']:,} conflicting"
        )
    if summary["drift"] is not None:
        text.append(f"drift         {drift_line(summary['drift'])}")
    if summary["magnitude"]:
        magnitude = summary["magnitude"]
        text.append(f"magnitude     {magnitude.get('verdict', '')}")
    text.append(f"artifacts     {summary['artifacts']}")
    if summary["report"]:
        text.append(f"report        {summary['report']}")
    return text


def candidate_lines(entries: list[dict[str, Any]]) -> list[str]:
    """The combinations of the last rung, one a line with what sets it apart below, and how many fell out.

    :param entries: as ``candidates`` gives them.
    """
    last = max((int(entry.get("rung") or 0) for entry in entries), default=0)
    finalists = [entry for entry in entries if int(entry.get("rung") or 0) == last]
    text = []
    for place, entry in enumerate(finalists):
        text.append(
            f"{'candidates' if not place else '':14}{'*' if entry['best'] else ' '} "
            f"{entry.get('family', '?'):24} average precision {_number(entry.get('average_precision'))}"
            f"  F1 {_number(entry.get('f1'))}  {entry.get('parameters', '')}".rstrip()
        )
    fallen = len(entries) - len(finalists)
    if fallen:
        text.append(f"{'':16}and {fallen} more that fell out on fewer rows")
    return text


def drift_line(drift: dict[str, Any]) -> str:
    """One line on the detectors of the labeled stream."""
    detectors = drift.get("detectors") or {}
    if not detectors:
        return "no detector enlisted"
    return ", ".join(
        f"{name} {state['state'].replace('_', ' ')} ({state['warnings']} warnings, {state['drifts']} drifts)"
        for name, state in sorted(detectors.items())
    )


def _minute(moment: object) -> str:
    """An ISO 8601 time to the minute."""
    return moment[:16].replace("T", " ") if isinstance(moment, str) else "-"


def _number(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) else "-"
