"""The one workflow: from telemetry to a live, monitored model.

The same file runs with MLRun's local engine on a laptop and compiles to Kubeflow Pipelines. Steps and arrows
only; what a step is given is in ``workflow_steps.py``, what it does in the room of its handler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import kfp
import mlrun
from kfp.dsl import PipelineParam

from feature_sets.checks import check_boolean
from project import workflow_steps as steps
from project.function_names import SERVING
from project.parameters import DEFAULTS, SOURCE, STREAM
from project.workflow_run import workflow_run


def _when(condition: bool | str | PipelineParam, name: str, stage: Callable[[], None]) -> None:
    """Run an optional stage: decided now by the local engine, at run time by Kubeflow.

    ``dsl.Condition`` exists only inside a Kubeflow compilation, so each engine takes its own branch here.

    :raises InputError: in the local engine, unless the condition is true or false.
    """
    if isinstance(condition, PipelineParam):
        with kfp.dsl.Condition(condition == True, name=name):  # noqa: E712 - KFP overloads ==
            stage()
    elif check_boolean(f"workflow parameter '{name}'", condition):
        stage()


def _only(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: given[name] for name in names}


@kfp.dsl.pipeline(
    name="netops-main",
    description="Ingest, explore, select, train, evaluate; serve, stream, join labels and watch for drift",
)
def pipeline(
    telemetry: str = DEFAULTS["telemetry"],
    schema: str = DEFAULTS["schema"],
    seed: int = DEFAULTS["seed"],
    devices: int = DEFAULTS["devices"],
    ticks: int = DEFAULTS["ticks"],
    live: bool = DEFAULTS["live"],
    sample_ratio: float = DEFAULTS["sample_ratio"],
    test_fraction: float = DEFAULTS["test_fraction"],
    test_devices: float = DEFAULTS["test_devices"],
    train_rows: int = DEFAULTS["train_rows"],
    training_window: str = DEFAULTS["training_window"],
    select_k: int = DEFAULTS["select_k"],
    min_votes: float = DEFAULTS["min_votes"],
    max_correlation: float = DEFAULTS["max_correlation"],
    max_drift: float = DEFAULTS["max_drift"],
    search: str = DEFAULTS["search"],
    combinations: int = DEFAULTS["combinations"],
    threshold_rule: str = DEFAULTS["threshold_rule"],
    promote: bool = DEFAULTS["promote"],
    deploy_streaming: bool = DEFAULTS["deploy_streaming"],
    deploy_concept_drift: bool = DEFAULTS["deploy_concept_drift"],
    stream_seconds: int = DEFAULTS["stream_seconds"],
    stream_rate: int = DEFAULTS["stream_rate"],
) -> None:
    """Wire the steps.

    :param telemetry: folder of telemetry files, or empty for the simulated network.
    :param schema: path of a telemetry schema, or empty for the simulated network's.
    :param seed: of everything random.
    :param devices: devices of the simulated network.
    :param ticks: readings of each simulated device.
    :param live: whether what the endpoint accepted since the last time becomes history, and is learned from.
    :param sample_ratio: share of the rows that the exploration steps plot; of many rows at most 50,000.
    :param test_fraction: share of the labeled rows, the latest, that the model is evaluated on.
    :param test_devices: share of the devices that the model is evaluated on alone and does not learn from; 0
        evaluates it on later rows of all devices.
    :param train_rows: earlier rows that features are selected and models are fitted on; of more, a stratified
        sample over the whole time is taken.
    :param training_window: how far back the labeled rows reach, such as ``14d``; empty takes all. A network
        that changes is learned anew sooner with a short one.
    :param select_k: features each scorer may vote for.
    :param min_votes: votes a feature needs: a count, or a fraction of the scorers below 1.
    :param max_correlation: of features that are correlated above it only the best is voted on; 1 keeps all.
    :param max_drift: features that tell earlier from later healthy rows better than this are left out; 1
        keeps all.
    :param search: how combinations of hyper-parameters are chosen: ``random`` or ``grid``.
    :param combinations: most combinations to try, of all kinds of model together.
    :param threshold_rule: what the decision threshold is chosen for: ``max_f1``, ``min_precision:0.9`` (most
        errors found with that precision) or ``cost:10`` (a miss costs as much as ten false alarms).
    :param promote: whether the model goes into production whatever the gate says; otherwise one that does
        not pass stays out, and the one before it stays there.
    :param deploy_streaming: whether to serve the model in production, if there is one, and stream telemetry
        to it.
    :param deploy_concept_drift: whether to watch the labeled stream for drift; needs ``deploy_streaming``.
    :param stream_seconds: how long the telemetry generator streams.
    :param stream_rate: events a second it sends.
    """
    given = dict(locals())  # The parameters by name, before there are other variables.
    with workflow_run("main", given):
        _main(given)


def _main(given: Mapping[str, Any]) -> None:
    sample = _only(given, "schema", "sample_ratio", "seed")
    split = _only(given, "test_fraction", "test_devices", "train_rows", "training_window", "seed")
    limits = _only(given, "schema", "select_k", "min_votes", "max_correlation", "max_drift")
    plan = _only(given, "schema", "search", "combinations", "threshold_rule")

    ingested = steps.add_live(steps.ingest(_only(given, *SOURCE)), _only(given, "schema", "live"))
    explored = steps.explore("explore-raw", ingested, sample, steps.EXPLORED)
    selected = steps.select(ingested, {**limits, **split})
    steps.explore("explore-vector", selected, sample)
    trained = steps.train(selected, {**plan, **split})
    evaluated = steps.evaluate(selected, trained, {**_only(given, "promote"), **split})
    steps.report(explored, selected, trained, evaluated)

    def streaming() -> None:
        checked = steps.serve(evaluated)
        runner = steps.deploy_runner(checked)
        labeled = steps.stream(checked, _only(given, *STREAM))
        watch = partial(steps.watch_for_drift, evaluated, labeled, runner, given["schema"])
        _when(given["deploy_concept_drift"], "deploy_concept_drift", watch)

    # Where the gate keeps the new model out, the one before it is served.
    if_any = partial(_when, evaluated.outputs["production"], "production", streaming)
    _when(given["deploy_streaming"], "deploy_streaming", if_any)


@kfp.dsl.pipeline(name="netops-ingest", description="Fill the feature sets")
def ingest(
    telemetry: str = DEFAULTS["telemetry"],
    schema: str = DEFAULTS["schema"],
    seed: int = DEFAULTS["seed"],
    devices: int = DEFAULTS["devices"],
    ticks: int = DEFAULTS["ticks"],
    replace: bool = DEFAULTS["replace"],
    live: bool = DEFAULTS["live"],
) -> None:
    """Ingestion alone; the parameters are those of ``pipeline``.

    :param replace: whether to replace the history instead of adding to it; what arrived live is added anew.
    """
    given = dict(locals())
    with workflow_run("ingest", given):
        ingested = steps.ingest(_only(given, *SOURCE, "replace"))
        steps.add_live(ingested, _only(given, "schema", "live"))


@kfp.dsl.pipeline(name="netops-live", description="Add what arrived live to the feature sets")
def live(schema: str = DEFAULTS["schema"]) -> None:
    """What the endpoint accepted becomes history; no files are read."""
    given = dict(locals())
    with workflow_run("live", given):
        steps.add_only_live(given)


@kfp.dsl.pipeline(name="netops-serve", description="Serve the registered production model")
def serve() -> None:
    """Deployment of the serving function alone, with the model that is in production."""
    with workflow_run("serve", {}):
        mlrun.get_current_project().deploy_function(SERVING)


WORKFLOWS: dict[str, Callable[..., None]] = {
    "main": pipeline,
    "ingest": ingest,
    "live": live,
    "serve": serve,
}
"""The workflows by name; ``project_setup`` registers them, the runner starts them."""
