"""The facts of a run, from the steps of its workflow and the live endpoint."""

from __future__ import annotations

import os
from typing import Any

from drift.drift_event import utc_time
from project.api_reader import Endpoint, runs
from project.endpoint_routing import ChampionChange
from project.function_names import SERVING
from project.http_json import get_json
from project.summary.audit_text import DRIFT

Run = dict[str, Any]

_FOUND = ("warnings", "drifts", "improvements")
"""Counts of what a detector found."""


def step_results(by_name: dict[str, Run], name: str) -> dict[str, Any]:
    """Results of a step; empty if it did not run.

    :param by_name: see ``read_steps``.
    """
    return dict((by_name.get(name) or {}).get("status", {}).get("results") or {})


def read_steps(dbpath: str, project: str, run_id: str) -> dict[str, Run]:
    """The steps of a workflow by name; of several runs of one the newest."""
    return {run["metadata"]["name"]: run for run in reversed(runs(dbpath, project, run_id))}


def collect_facts(
    project: str,
    run_id: str,
    by_name: dict[str, Run],
    deployed: list[Endpoint],
    stream: dict[str, Any] | None,
    meanwhile: ChampionChange | None = None,
) -> dict[str, Any]:
    """Everything the summary says, from the steps of a workflow and the live endpoint.

    :param run_id: of the workflow.
    :param by_name: see ``read_steps``.
    :param deployed: endpoints of the project.
    :param stream: last report of the telemetry generator, or None if nothing was streamed.
    :param meanwhile: how a person has changed the champion since the run began. What the endpoint tells of
        drift by now is of another model then, so that what the run has noted is told.
    :returns: a JSON-able document; a stage that did not run is None.
    """
    ingested = step_results(by_name, "ingest")
    serving = next((e for e in deployed if e.name == SERVING), None)
    address = serving.address if serving is not None and serving.state == "ready" else None
    live = {name: get_json(f"{address}/{name}") if address else None for name in ("labeled", "drift")}
    watched = bool((live["drift"] or {}).get("attached"))
    audited = step_results(by_name, "audit")
    noted = audited.pop(DRIFT, None)
    if noted is not None and (stream is None or meanwhile is not None):
        live["drift"] = noted
    return {
        "project": project,
        "run_id": run_id,
        "ingest": ingested,
        "live_history": step_results(by_name, "live-history") or None,
        "selected": step_results(by_name, "select-features"),
        "trained": step_results(by_name, "train"),
        "candidates": candidates(by_name.get("train")),
        "test": evaluation(by_name),
        **_horizons(by_name),
        "report": step_results(by_name, "report").get("report_path"),
        "endpoint": vars(serving) if serving else None,
        "tester": step_results(by_name, "model-server-tester") or None,
        "rehearsal": step_results(by_name, "rehearse") or None,
        "stream": stream,
        **live,
        **this_run(live, (stream or {}).get("before") or {}, _attached(by_name)),
        "champion_changed": meanwhile and {**meanwhile.to_dict(), "watched": watched},
        "audit": audited or None,
        "magnitude": step_results(by_name, "drift-magnitude") or None,
        "artifacts": artifact_folder(by_name),
    }


def begun(by_name: dict[str, Run]) -> str:
    """When the first step of a workflow began: ISO 8601, empty if no step says it.

    :param by_name: see ``read_steps``.
    """
    times = [str(run.get("status", {}).get("start_time") or "") for run in by_name.values()]
    return min((utc_time(time.replace(" ", "T", 1)) for time in times if time), default="")


def evaluation(by_name: dict[str, Run]) -> dict[str, Any]:
    """Results of the evaluation; whether the model was promoted is known after its rehearsal.

    :param by_name: see ``read_steps``.
    """
    promoted = step_results(by_name, "promote")
    known: dict[str, Any] = {
        name: promoted[name] for name in ("promoted", "promotion", "promotion_reason") if name in promoted
    }
    return {**step_results(by_name, "evaluate"), **known}


def _horizons(by_name: dict[str, Run]) -> dict[str, Any]:
    """What became of each horizon, the primary one first; nothing where there is one."""
    leads = step_results(by_name, "horizons").get("horizons") or []
    if len(leads) < 2:
        return {}
    promoted = step_results(by_name, "promote").get("promotions") or {}
    primary = evaluation(by_name)
    own = {name: primary[name] for name in ("promotion", "promotion_reason") if name in primary}
    waits = ""
    if primary.get("production") is False:  # The endpoint answers for the primary horizon first.
        waits = f"waits for a model of the primary horizon {leads[0]['horizon']}, nothing is served before"
    elif "promote" in by_name:  # What is served was made before the schema had this horizon.
        waits = f"waits for a new model of the primary horizon {leads[0]['horizon']} (--promote makes one)"
    further = [
        {**lead, "promotion": waits}
        if waits and "after its rehearsal" in lead["promotion"] and lead["horizon"] not in promoted
        else {**lead, "promotion": promoted.get(lead["horizon"], lead["promotion"])}
        for lead in leads[1:]
    ]
    return {"horizons": [{**leads[0], **own}, *further]}


def simulated_stream(by_name: dict[str, Run]) -> bool:
    """Whether a workflow began to stream the simulated network to its endpoint.

    :param by_name: see ``read_steps``.
    """
    return "labeled-stream" in by_name


def _attached(by_name: dict[str, Run]) -> bool:
    """Whether the run attached detectors, and did not find the same model's."""
    return "init-detectors" in by_name and not step_results(by_name, "init-detectors").get("kept")


def this_run(live: dict[str, Any], before: dict[str, Any], attached: bool) -> dict[str, Any]:
    """The part of the endpoint's counts that belongs to this run.

    :param live: the endpoint's ``labeled`` and ``drift``, or None.
    :param before: the same, as they were when the stream began; empty if nothing was streamed.
    :param attached: whether this run attached detectors, whose counts then began with it.
    :returns: ``labeled_this_run`` and ``drift_this_run``; None without an endpoint or a stream.
    """
    labeled, drift = live["labeled"], live["drift"]
    if labeled is None or drift is None or not before:
        return {"labeled_this_run": None, "drift_this_run": None}
    counts = ("joined", "waiting", "expired", "conflicting")
    earlier = {} if attached else before["drift"].get("detectors") or {}
    detectors = {}
    for name, state in (drift.get("detectors") or {}).items():
        first = earlier.get(name) or {}
        numbers = {key: max(0, state.get(key, 0) - first.get(key, 0)) for key in _FOUND}
        detectors[name] = {**state, **numbers}
    return {
        # Those that wait may be fewer than before; then none of them is of this run.
        "labeled_this_run": {key: max(0, labeled[key] - before["labeled"][key]) for key in counts},
        "drift_this_run": {**drift, "detectors": detectors},
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
