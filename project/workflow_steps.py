"""The steps of the workflow: the job of each, what it is given and what it waits for.

Each function is called while MLRun's local engine runs the workflow or Kubeflow compiles it, and returns the
step: a finished run there, a placeholder here. Values of arguments may be placeholders, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mlrun

from project.function_names import GENERATOR, RUNNER, SERVING, STAGING

Step = Any
"""A run of MLRun's local engine, or a task of Kubeflow."""

Arguments = Mapping[str, Any]
"""Arguments of jobs by name."""

INGESTED = "ingest_report"
"""What the ingestion tells of the rows that it read."""

LIVE_LINES = "live_lines"
"""Result: what is told of the live rows that were added, a line each; empty if none were looked at."""

EXPLORED = ("class_balance", "class_histograms", "correlations")
SELECTED = ("feature_scores",)
SEARCHED = ("search_results", "left_out_groups", "split_timeline")
TESTED = (
    "test_set_preds",
    "test_scores_table",
    "test_device_scores",
    "test_group_scores",
    "test_episodes",
    "test_false_alarms",
    "test_importance",
    "test_contributions",
    "labels_wanted",
)
"""Data sets of the steps that the report is made from."""

LEADS = "lead_times"
"""Data set of the curve of lead time."""

REPORT = "report"
"""The page."""

GATE = ("promotion", "promotion_reason")
EVALUATED_AGAINST = "evaluated_against"
"""Result: version that was in production when it was decided that another one takes its place."""
SERVED = "served_set_preds"
"""Data set of the predictions of the model that is in production after the evaluation."""


def _run(
    job: str, params: Arguments, inputs: Arguments | None = None, outputs: Sequence[str] = (), name: str = ""
) -> Step:
    """A run of a job, named like it unless told otherwise. MLRun gets dictionaries of its own."""
    return mlrun.get_current_project().run_function(
        job, name=name or job, params=dict(params), inputs=dict(inputs or {}), outputs=list(outputs)
    )


def ingest(source: Arguments) -> Step:
    """Fill the feature sets; gives the address of the vector of all features.

    :param source: where the telemetry comes from.
    """
    return _run("ingest", source, outputs=["feature_vector", INGESTED])


def add_live(ingested: Step, settings: Arguments) -> Step:
    """Add what arrived live since the last time; gives the address of the vector of all features.

    :param ingested: the ingestion before.
    """
    vector = {"feature_vector": ingested.outputs["feature_vector"]}
    return _run("live-history", {**vector, **settings}, outputs=["feature_vector", LIVE_LINES]).after(
        ingested
    )


def add_only_live(settings: Arguments) -> Step:
    """Add what arrived live since the last time, and read nothing else."""
    return _run("live-history", {**settings, "live": True})


def explore(name: str, features: Step, settings: Arguments, outputs: Sequence[str] = ()) -> Step:
    """Describe the feature vector that a step made.

    :param name: of the run.
    :param outputs: data sets that a later step reads.
    """
    vector = {"feature_vector": features.outputs["feature_vector"]}
    return _run("explore", {**vector, **settings}, outputs=outputs, name=name).after(features)


def select(ingested: Step, settings: Arguments) -> Step:
    """Select features; gives the vector of the selected ones."""
    vector = {"feature_vector": ingested.outputs["feature_vector"]}
    outputs = ["feature_vector", "votes_needed", *SELECTED]
    return _run("select-features", {**vector, **settings}, outputs=outputs).after(ingested)


def train(selected: Step, settings: Arguments) -> Step:
    """Search for the best model; gives its address."""
    vector = {"feature_vector": selected.outputs["feature_vector"]}
    return _run("train", {**vector, **settings}, outputs=["model", *SEARCHED]).after(selected)


def evaluate(selected: Step, trained: Step, settings: Arguments) -> Step:
    """Evaluate the model on later rows and register it; gives its address and what the gate decided."""
    given = {
        "feature_vector": selected.outputs["feature_vector"],
        "model_path": trained.outputs["model"],
    }
    outputs = ["model_uri", "production", "verdict", "intervals", "split_summary", EVALUATED_AGAINST, *GATE]
    outputs += [SERVED, *TESTED]
    return _run("evaluate", {**given, **settings}, outputs=outputs).after(trained)


def train_horizons(ingested: Step, evaluated: Step, settings: Arguments) -> Step:
    """Make the models of further horizons, each judged for itself; with one horizon there are none.

    :param ingested: gives the vector of all features.
    :param evaluated: the evaluation of the primary horizon.
    """
    given = {
        "feature_vector": ingested.outputs["feature_vector"],
        "model_path": evaluated.outputs["model_uri"],
        **{key: evaluated.outputs[key] for key in GATE},
    }
    inputs = {key: evaluated.outputs[key] for key in ("test_scores_table", "test_episodes")}
    return _run("horizons", {**given, **settings}, inputs, [LEADS]).after(evaluated)


def release(settings: Arguments) -> Step:
    """Stage a registered model; gives the predictions of its test rows, as ``evaluate`` does."""
    return _run("release", settings, outputs=[SERVED, EVALUATED_AGAINST])


def report(
    filled: Step, added: Step, explored: Step, selected: Step, trained: Step, evaluated: Step, horizons: Step
) -> Step:
    """Put data, selection, candidates and evaluation on one page.

    :param filled: the ingestion.
    :param added: what arrived live since, which is learned from, too.
    :param horizons: the models of further horizons.
    """
    tables = (
        (explored, EXPLORED),
        (selected, SELECTED),
        (trained, SEARCHED),
        (evaluated, TESTED),
        (horizons, (LEADS,)),
    )
    given = {
        "model_path": evaluated.outputs["model_uri"],
        "verdict": evaluated.outputs["verdict"],
        "intervals": evaluated.outputs["intervals"],
        "split_summary": evaluated.outputs["split_summary"],
        **{key: evaluated.outputs[key] for key in GATE},
        LIVE_LINES: added.outputs[LIVE_LINES],
        "votes_needed": selected.outputs["votes_needed"],
    }
    inputs = {key: step.outputs[key] for step, keys in tables for key in keys}
    inputs[INGESTED] = filled.outputs[INGESTED]
    return _run("report", given, inputs, (REPORT,)).after(horizons).after(explored)


def stage(evaluated: Step, made: Step) -> Step:
    """Deploy the staging endpoint, and hold its answers to test rows against the offline ones.

    :param evaluated: knows the test rows.
    :param made: the last step that makes a model of those to be served.
    :returns: the check of the model that is to be served.
    """
    staged = mlrun.get_current_project().deploy_function(STAGING).after(made)
    test_set = {"test_set": evaluated.outputs[SERVED]}
    return _run("model-server-tester", {"function": STAGING}, test_set).after(staged)


def rehearse(evaluated: Step, checked: Step, options: Arguments) -> Step:
    """Play recorded telemetry that the model has not learned from through the staging endpoint.

    :param evaluated: knows the test rows.
    :param options: what is played, and how much of it.
    """
    test_set = {"test_set": evaluated.outputs[SERVED]}
    return _run("rehearse", {"function": STAGING, **options}, test_set).after(checked)


def end_rehearsal() -> Step:
    """Delete the staging endpoint, if there is one."""
    return _run("end-rehearsal", {"function": STAGING})


def serve(evaluated: Step, rehearsed: Step, reported: Step | None, only_new: bool) -> Step:
    """Put the model that was rehearsed into production, and serve it.

    Where another champion than it was evaluated beside is there by now, that one stays.

    :param evaluated: knows which one that was.
    :param rehearsed: the last step of the rehearsal.
    :param reported: the report, which then says so; None without one.
    :param only_new: whether there is no reason to deploy but a new model.
    :returns: the deployment; in the local engine the promotion, if nothing is deployed.
    """
    against = {EVALUATED_AGAINST: evaluated.outputs[EVALUATED_AGAINST]}
    promoted = _run("promote", against, _page(reported)).after(rehearsed)
    # Kubeflow, which has no such output, deploys the champion anew.
    if only_new and promoted.outputs.get("superseded"):
        return promoted
    return mlrun.get_current_project().deploy_function(SERVING).after(promoted)


def deploy_runner(serving: Step) -> Step:
    """Deploy the runner."""
    return mlrun.get_current_project().deploy_function(RUNNER).after(serving)


def stream(serving: Step, options: Arguments) -> Step:
    """Stream the traffic of the simulated network, and see it meet its labels in the labeled stream.

    :param serving: the deployment of the serving function.
    :param options: what the telemetry generator streams, and how fast.
    :returns: the labeled stream.
    """
    variables = {name.upper(): value for name, value in options.items()}
    generator = mlrun.get_current_project().deploy_function(GENERATOR, env=variables).after(serving)
    given = {"function": SERVING, "generator": GENERATOR}
    return _run("labeled-stream", given).after(generator)


def audit(serving: Step, schema: Any, reported: Step | None) -> Step:
    """Compare what was served with the history, and put the figures on the report.

    :param serving: the last step of what is done on the serving endpoint.
    :param reported: the report; None without one.
    """
    return _run("audit", {"schema": schema}, _page(reported)).after(serving)


def _page(reported: Step | None) -> dict[str, Any]:
    """The report as an input of a step that adds to it; no two of those run at once."""
    return {} if reported is None else {REPORT: reported.outputs[REPORT]}


def watch_for_drift(
    evaluated: Step,
    serving: Step,
    runner: Step,
    schema: Any,
    detectors: Any,
    reference: Any,
    reported: Step | None,
) -> Step:
    """Attach detectors to the labeled stream, and measure how far it has moved from the test set.

    :param serving: the last step of what is done on the serving endpoint.
    :param runner: called on drift, and so deployed before.
    :param detectors: which, see ``DetectorChoice``.
    :param reference: what the batch is compared with, see ``measure_drift_magnitude``.
    :param reported: the report, which gets the figures; None without one.
    :returns: the last step.
    """
    given = {"function": SERVING, "schema": schema}
    test_set = {"test_set": evaluated.outputs[SERVED]}
    chosen = {**given, "detectors": detectors}
    attached = _run("init-detectors", chosen, test_set).after(serving).after(runner)
    compared = {**given, "generator": GENERATOR, "drift_reference": reference}
    return _run("drift-magnitude", compared, {**test_set, **_page(reported)}).after(attached)
