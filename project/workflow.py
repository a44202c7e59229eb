"""The one workflow: from telemetry to a live, monitored model.

The same file runs with MLRun's local engine on a laptop and compiles to Kubeflow Pipelines. Steps and arrows
only; what a step is given is in ``workflow_steps.py``, what it does in the room of its handler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import kfp
import mlrun
from kfp.dsl import PipelineParam

from feature_sets.checks import check_boolean
from project import workflow_steps as steps
from project.device_reload import RELOAD_FAILURE
from project.function_names import RUNNER, SERVING
from project.parameters import DEFAULTS, SOURCE, STREAM
from project.settings import Settings
from project.unchanged_endpoint import TO_BE_PROMOTED, why_changed, why_deployed
from project.workflow_run import champion_held, is_compiled, workflow_run


def _when(condition: Any, name: str, stage: Callable[[], None]) -> None:
    """Run an optional stage: decided now by the local engine, at run time by Kubeflow.

    ``dsl.Condition`` exists only inside a Kubeflow compilation, so each engine takes its own branch here.

    :param condition: a boolean or its text; for Kubeflow a parameter, or a comparison of one.
    :raises InputError: in the local engine, unless the condition is true or false.
    """
    if isinstance(condition, PipelineParam):
        condition = condition == True  # noqa: E712 - KFP overloads ==
    if isinstance(condition, tuple):
        with kfp.dsl.Condition(condition, name=name):
            stage()
    elif check_boolean(f"workflow parameter '{name}'", condition):
        stage()


def _any_end(given: Mapping[str, Any]) -> AbstractContextManager[Any]:
    """However a workflow ends on Kubeflow, the staging endpoint is deleted then."""
    return kfp.dsl.ExitHandler(steps.end_rehearsal()) if is_compiled(given) else nullcontext()


@contextmanager
def _rehearsal(given: Mapping[str, Any]) -> Iterator[None]:
    """In the local engine the staging endpoint is deleted as soon as the rehearsal is over, or has failed.

    Where this process is killed, the command that started it does so, or the control plane.
    """
    try:
        yield
    finally:
        if not is_compiled(given):
            steps.end_rehearsal()


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
    split: str = DEFAULTS["split"],
    scores_by: str = DEFAULTS["scores_by"],
    select_k: int = DEFAULTS["select_k"],
    min_votes: float = DEFAULTS["min_votes"],
    max_correlation: float = DEFAULTS["max_correlation"],
    max_drift: float = DEFAULTS["max_drift"],
    search: str = DEFAULTS["search"],
    combinations: int = DEFAULTS["combinations"],
    threshold_rule: str = DEFAULTS["threshold_rule"],
    promote: bool = DEFAULTS["promote"],
    approve: bool = DEFAULTS["approve"],
    trial: bool = DEFAULTS["trial"],
    champion: str = DEFAULTS["champion"],
    deploy_streaming: bool = DEFAULTS["deploy_streaming"],
    deploy_concept_drift: bool = DEFAULTS["deploy_concept_drift"],
    detectors: str = DEFAULTS["detectors"],
    drift_reference: str = DEFAULTS["drift_reference"],
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
    :param test_fraction: share of the labeled rows that the model is evaluated on, by default the latest.
    :param test_devices: share of the rows, of whole devices or groups, that the model is evaluated on and
        does not learn from; 0 evaluates it as ``split`` says.
    :param train_rows: earlier rows that features are selected and models are fitted on; of more, all errors
        and a sample of the healthy ones over the whole time are taken.
    :param training_window: how far back the labeled rows reach, such as ``14d``; empty takes all. A network
        that changes is learned anew sooner with a short one. ``since`` and a time counts for this run alone.
    :param split: which rows are learned from and which are evaluated on: ``time``, ``device_time``,
        ``first_rows:400``, ``column:split``, ``devices:r1,r2``, ``group:site`` or ``group:site=oslo``; empty
        for the rule of the schema.
    :param scores_by: column by whose groups the report tells scores: ``device``, an entity column or an
        attribute of the schema; empty for that of a split by groups.
    :param select_k: features each scorer may vote for.
    :param min_votes: votes a feature needs: a count, or a fraction of the scorers below 1.
    :param max_correlation: of features that are correlated above it only the best is voted on; 1 keeps all.
    :param max_drift: features that tell earlier from later healthy rows better than this, or only rise
        between resets, are left out; 1 keeps all.
    :param search: how combinations of hyper-parameters are chosen: ``random`` or ``grid``.
    :param combinations: most combinations to try, of all kinds of model together.
    :param threshold_rule: what the decision threshold is chosen for: ``max_f1``, ``min_precision:0.9`` (most
        errors found with that precision), ``cost:10`` (a miss costs as much as ten false alarms) or
        ``false_alarms:0.001`` (most errors found with at most that share of healthy rows).
    :param promote: whether the model goes into production whatever the gate says; otherwise one that does
        not pass stays out, and the one before it stays there.
    :param approve: whether a person promotes a model that passes, see ``netops retrain --approve``; the model
        before it stays in production until then.
    :param trial: whether such a model is compared on live events first, as the loop from drift to a new model
        does; so it does not say that a person is waited for.
    :param champion: version beside which alone a model may pass; where a person has put another one into
        production meanwhile, it is superseded. Empty for the one that is there when they are compared.
    :param deploy_streaming: whether to rehearse the model and serve it; then the one in production, if there
        is one, where the gate keeps the new one out.
    :param deploy_concept_drift: whether to watch the labeled stream for drift; needs ``deploy_streaming``.
    :param detectors: which watch, whose finding counts, and how long findings are merged, such as
        ``glr, ddm, river.adwin: 2 within 500; cool_down=300``; empty for the default.
    :param drift_reference: what live rows are compared with: ``fixed``, ``day`` or ``week`` for the test
        rows, or those at the same hours of it; ``rolling`` or ``rolling_week`` for the live rows of the four
        weeks before them.
    :param stream_seconds: how long the simulated network streams. Of recorded telemetry as many events are
        rehearsed as would be sent in that time.
    :param stream_rate: events a second.
    """
    given = dict(locals())  # The parameters by name, before there are other variables.
    with workflow_run("main", given), _any_end(given):
        _main(given)


def _main(given: Mapping[str, Any]) -> None:
    sample = _only(given, "schema", "sample_ratio", "seed", "training_window")
    split = _only(given, "test_fraction", "test_devices", "train_rows", "training_window", "split", "seed")
    limits = _only(given, "schema", "select_k", "min_votes", "max_correlation", "max_drift")
    plan = _only(given, "schema", "search", "combinations", "threshold_rule")
    told = _only(given, "scores_by")

    filled = steps.ingest(_only(given, *SOURCE))
    ingested = steps.add_live(filled, _only(given, "schema", "live"))
    explored = steps.explore("explore-raw", ingested, sample, steps.EXPLORED)
    selected = steps.select(ingested, {**limits, **split})
    steps.explore("explore-vector", selected, sample)
    trained = steps.train(selected, {**plan, **split, **told})
    gate = {**_only(given, "promote", "approve", "trial"), "rehearse": given["deploy_streaming"]}
    evaluated = steps.evaluate(selected, trained, {**gate, **_only(given, "champion"), **split, **told})
    of_horizons = {**limits, **plan, **gate, **split, **told}
    horizons = steps.train_horizons(ingested, evaluated, of_horizons)
    reported = steps.report(filled, ingested, explored, selected, trained, evaluated, horizons)

    # Where the gate keeps the new model out, the one before it is served.
    due = partial(_why_deployed, filled, ingested, evaluated, horizons)
    live = partial(_live, "main", given, evaluated, horizons, due, reported)
    if_any = partial(_when, evaluated.outputs["production"], "production", live)
    _when(given["deploy_streaming"], "deploy_streaming", if_any)


def _why_deployed(filled: Any, ingested: Any, evaluated: Any, horizons: Any) -> str:
    """Why the endpoint is deployed, in the local engine; see ``why_deployed``."""
    project, settings = mlrun.get_current_project(), Settings.from_environment()
    # Counts of the two steps have the same names.
    told = {**filled.outputs, RELOAD_FAILURE: ingested.outputs.get(RELOAD_FAILURE)}
    return why_deployed(settings, mlrun.mlconf.dbpath, project, told, evaluated.outputs, horizons.outputs)


def _is_runner_changed() -> bool:
    """Whether the runner is deployed anew, in the local engine: the loop runs in it."""
    project, settings = mlrun.get_current_project(), Settings.from_environment()
    return bool(why_changed(settings, mlrun.mlconf.dbpath, project, RUNNER))


def _live(
    workflow: str,
    given: Mapping[str, Any],
    evaluated: Any,
    made: Any,
    due: Callable[[], str],
    reported: Any = None,
) -> None:
    """Rehearse the model, then serve it. Only the simulated network streams to the endpoint itself.

    In the local engine an endpoint is left as it is where nothing that it is made of has changed.

    :param evaluated: knows the test rows, and beside which champion the model was evaluated.
    :param made: the last step that makes a model of those to be served.
    :param due: gives why the endpoint is deployed; empty if it is not.
    :param reported: the report, if the run makes one.
    """
    last = [made]

    def rehearse() -> None:
        options = _only(given, "schema", "stream_seconds", "stream_rate")
        last.append(steps.rehearse(evaluated, last[-1], options))

    def stream() -> None:
        last.append(steps.stream(last[-1], _only(given, *STREAM)))

    why = "" if is_compiled(given) else due()
    if why or is_compiled(given):
        if why:
            mlrun.utils.logger.info(f"the endpoint is deployed: {why}")
        with _rehearsal(given):
            last.append(steps.stage(evaluated, made))
            _when(given["telemetry"] != "", "own_telemetry", rehearse)
        with champion_held(workflow, given):
            last.append(steps.serve(evaluated, last[-1], reported, why == TO_BE_PROMOTED))
    else:
        mlrun.utils.logger.info("the endpoint is left as it is: nothing that it is made of has changed")
    runner = serving = last[-1]
    _when(given["telemetry"] == "", "simulated_network", stream)
    # While telemetry streams.
    if is_compiled(given) or _is_runner_changed():
        runner = steps.deploy_runner(serving)
    watched = (given["schema"], given["detectors"], given["drift_reference"])

    def watch() -> None:
        last.append(steps.watch_for_drift(evaluated, last[-1], runner, *watched, reported))

    _when(given["deploy_concept_drift"], "deploy_concept_drift", watch)
    steps.audit(last[-1], given["schema"], reported)


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
        with champion_held("serve", {}):
            serving = mlrun.get_current_project().deploy_function(SERVING)
        # Whom the endpoint tells about drift.
        steps.deploy_runner(serving)


@kfp.dsl.pipeline(name="netops-release", description="Put a registered model into production")
def release(
    version: str = DEFAULTS["version"],
    telemetry: str = DEFAULTS["telemetry"],
    schema: str = DEFAULTS["schema"],
    seed: int = DEFAULTS["seed"],
    devices: int = DEFAULTS["devices"],
    ticks: int = DEFAULTS["ticks"],
    deploy_concept_drift: bool = DEFAULTS["deploy_concept_drift"],
    detectors: str = DEFAULTS["detectors"],
    drift_reference: str = DEFAULTS["drift_reference"],
    stream_seconds: int = DEFAULTS["stream_seconds"],
    stream_rate: int = DEFAULTS["stream_rate"],
) -> None:
    """Rehearse, serve and watch a model that is registered: one that was approved, or an earlier one.

    The other parameters are those of ``pipeline``.

    :param version: of the model.
    """
    given = dict(locals())
    with workflow_run("release", given), _any_end(given):
        released = steps.release(_only(given, "version"))
        _live("release", given, released, released, lambda: TO_BE_PROMOTED)


WORKFLOWS: dict[str, Callable[..., None]] = {
    "main": pipeline,
    "ingest": ingest,
    "live": live,
    "serve": serve,
    "release": release,
}
"""The workflows by name; ``project_setup`` registers them, the runner starts them."""
