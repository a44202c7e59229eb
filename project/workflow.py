"""The one workflow: from telemetry to a live, monitored model.

The same file runs with MLRun's local engine on a laptop and compiles to Kubeflow Pipelines. Steps and arrows
only; what a step does is in the room named by its handler (see ``project_setup.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kfp
import mlrun
from kfp.dsl import PipelineParam

from project.settings import GENERATOR, RUNNER, SERVING

EXPLORED = ("class_balance", "class_histograms", "correlations")
SELECTED = ("feature_scores",)
SEARCHED = ("search_results",)
TESTED = (
    "test_set_preds",
    "test_scores_table",
    "test_device_scores",
    "test_episodes",
    "test_false_alarms",
)
"""Data sets of the steps that the report is made from."""


def _when(condition: bool | str | PipelineParam, name: str, stage: Callable[[], None]) -> None:
    """Run an optional stage: decided now by the local engine, at run time by Kubeflow.

    ``dsl.Condition`` exists only inside a Kubeflow compilation, so each engine takes its own branch here.
    """
    if isinstance(condition, PipelineParam):
        with kfp.dsl.Condition(condition == True, name=name):  # noqa: E712 - KFP overloads ==
            stage()
    elif str(condition).lower() not in ("true", "false"):
        raise ValueError(f"workflow argument '{name}' must be true or false, got {condition!r}")
    elif str(condition).lower() == "true":
        stage()


def _ingest_step(telemetry: str, schema: str, seed: int, devices: int, ticks: int) -> Any:
    """The step that fills the feature sets; its output is the address of the feature vector.

    The parameters are those of ``pipeline``.
    """
    return mlrun.get_current_project().run_function(
        "ingest",
        name="ingest",
        params={
            "telemetry": telemetry,
            "schema": schema,
            "seed": seed,
            "device_count": devices,
            "ticks": ticks,
        },
        outputs=["feature_vector"],
    )


@kfp.dsl.pipeline(
    name="netops-main",
    description="Ingest, explore, select, train, test; then serve, stream, join labels and watch for drift",
)
def pipeline(
    telemetry: str = "",
    schema: str = "",
    seed: int = 1,
    devices: int = 20,
    ticks: int = 50_000,
    sample_ratio: float = 0.5,
    test_fraction: float = 0.3,
    test_devices: float = 0.0,
    train_rows: int = 20_000,
    select_k: int = 20,
    min_votes: float = 0.5,
    max_correlation: float = 0.95,
    max_drift: float = 0.7,
    search: str = "random",
    combinations: int = 36,
    threshold_rule: str = "max_f1",
    promote: bool = False,
    deploy_streaming: bool = True,
    deploy_concept_drift: bool = True,
    stream_seconds: int = 30,
    stream_rate: int = 300,
) -> None:
    """Wire the steps.

    :param telemetry: folder of telemetry files, or empty for the simulated network.
    :param schema: path of a telemetry schema, or empty for the simulated network's.
    :param seed: of everything random.
    :param devices: devices of the simulated network.
    :param ticks: readings of each simulated device.
    :param sample_ratio: share of the rows that the exploration steps plot; of many rows at most 50,000.
    :param test_fraction: share of the labeled rows, the latest, that is held out for the test; the model
        is judged on all of them.
    :param test_devices: share of the devices that the model is judged on alone and does not learn from; 0
        judges all devices on their later rows.
    :param train_rows: rows that features are selected with and models are fitted with; of more, a sample with
        the same share of errors is taken, spread over the whole time before the test.
    :param select_k: features each vote may name.
    :param min_votes: votes a feature needs: a count, or a fraction of the voters below 1.
    :param max_correlation: of features that are correlated above it only the best is voted on; 1 keeps all.
    :param max_drift: features that tell earlier from later healthy rows better than this are left out; 1
        keeps all.
    :param search: how combinations of hyper-parameters are chosen: ``random`` or ``grid``.
    :param combinations: most combinations to try, of all kinds of model together.
    :param threshold_rule: what the decision threshold is chosen for: ``max_f1``, ``min_precision:0.9`` (most
        errors found with that precision) or ``cost:10`` (a miss costs as much as ten false alarms).
    :param promote: whether the model goes into production even if the test finds that errors are not
        predictable from these features; otherwise the one before it stays there.
    :param deploy_streaming: whether to serve the model, if it is promoted, and stream telemetry to it.
    :param deploy_concept_drift: whether to watch the labeled stream for drift; needs ``deploy_streaming``.
    :param stream_seconds: how long the telemetry generator streams.
    :param stream_rate: events a second it sends.
    """
    project = mlrun.get_current_project()

    ingested = _ingest_step(telemetry, schema, seed, devices, ticks)
    explore = {"schema": schema, "sample_ratio": sample_ratio, "seed": seed}
    explored = project.run_function(
        "explore",
        name="explore-raw",
        params={"feature_vector": ingested.outputs["feature_vector"], **explore},
        outputs=list(EXPLORED),
    ).after(ingested)
    split = {
        "test_fraction": test_fraction,
        "test_devices": test_devices,
        "train_rows": train_rows,
        "seed": seed,
    }
    select = project.run_function(
        "select-features",
        name="select-features",
        params={
            "feature_vector": ingested.outputs["feature_vector"],
            "schema": schema,
            "k": select_k,
            "min_votes": min_votes,
            "max_correlation": max_correlation,
            "max_drift": max_drift,
            **split,
        },
        outputs=["feature_vector", "votes_needed", *SELECTED],
    ).after(ingested)
    vector = {"feature_vector": select.outputs["feature_vector"], "schema": schema}
    project.run_function("explore", name="explore-vector", params={**vector, **explore}).after(select)
    train = project.run_function(
        "train",
        name="train",
        params={
            **vector,
            **split,
            "search": search,
            "combinations": combinations,
            "threshold_rule": threshold_rule,
        },
        outputs=["model", *SEARCHED],
    ).after(select)
    test = project.run_function(
        "test",
        name="test",
        params={
            "feature_vector": select.outputs["feature_vector"],
            **split,
            "model_path": train.outputs["model"],
            "promote": promote,
        },
        outputs=["model_uri", "promoted", "verdict", "intervals", *TESTED],
    ).after(train)
    tables = ((explored, EXPLORED), (select, SELECTED), (train, SEARCHED), (test, TESTED))
    project.run_function(
        "report",
        name="report",
        params={
            "model_path": test.outputs["model_uri"],
            "verdict": test.outputs["verdict"],
            "intervals": test.outputs["intervals"],
            "votes_needed": select.outputs["votes_needed"],
        },
        inputs={key: step.outputs[key] for step, keys in tables for key in keys},
    ).after(test).after(explored)

    def streaming() -> None:
        serving = project.deploy_function(SERVING).after(test)
        tester = project.run_function(
            "model-server-tester",
            name="model-server-tester",
            params={"function": SERVING},
            inputs={"test_set": test.outputs["test_set_preds"]},
        ).after(serving)
        runner = project.deploy_function(RUNNER).after(tester)
        generator = project.deploy_function(
            GENERATOR,
            env={
                "TELEMETRY": telemetry,
                "SCHEMA": schema,
                "SEED": seed,
                "DEVICES": devices,
                "TICKS": ticks,
                "STREAM_SECONDS": stream_seconds,
                "STREAM_RATE": stream_rate,
            },
        ).after(tester)
        labeled = project.run_function(
            "labeled-stream", name="labeled-stream", params={"function": SERVING}
        ).after(generator)

        def concept_drift() -> None:
            base: dict[str, Any] = {"test_set": test.outputs["test_set_preds"]}
            detectors = (
                project.run_function(
                    "init-detectors",
                    name="init-detectors",
                    params={"function": SERVING, "schema": schema},
                    inputs=base,
                )
                .after(labeled)
                .after(runner)
            )
            project.run_function(
                "drift-magnitude",
                name="drift-magnitude",
                params={"function": SERVING, "schema": schema},
                inputs=base,
            ).after(detectors)

        _when(deploy_concept_drift, "deploy_concept_drift", concept_drift)

    # What is served already stays where the new model is of no use.
    _when(
        deploy_streaming,
        "deploy_streaming",
        lambda: _when(test.outputs["promoted"], "promoted", streaming),
    )


@kfp.dsl.pipeline(name="netops-ingest", description="Fill the feature sets")
def ingest(
    telemetry: str = "", schema: str = "", seed: int = 1, devices: int = 20, ticks: int = 50_000
) -> None:
    """Ingestion alone; the parameters are those of ``pipeline``."""
    _ingest_step(telemetry, schema, seed, devices, ticks)


@kfp.dsl.pipeline(name="netops-serve", description="Serve the registered production model")
def serve() -> None:
    """Deployment of the serving function alone, with the model registered last."""
    mlrun.get_current_project().deploy_function(SERVING)


WORKFLOWS: dict[str, Callable[..., None]] = {"main": pipeline, "ingest": ingest, "serve": serve}
"""The workflows by name; ``project_setup`` registers them, the runner starts them."""
