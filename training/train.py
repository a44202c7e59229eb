"""Training: one candidate a run, many candidates as iterations of one hyper-parameter run."""

# No postponed annotations here: MLRun reads a handler's type hints and cannot resolve them from text.

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlrun

from feature_sets.telemetry.schema import TelemetrySchema
from training.candidates import find_candidate
from training.fitted_model import fit_model
from training.handler_arguments import fraction, whole_number
from training.model_artifact import log_model_package
from training.model_package import write_model_package
from training.selection_mark import refuse_selection_on_test_rows
from training.training_set import read_split


def train(
    context: mlrun.MLClientCtx,
    feature_vector: str,
    candidate: str,
    schema: Mapping[str, Any] | str = "",
    seed: int = 0,
    test_fraction: float = 0.3,
    validation_fraction: float = 0.3,
    train_rows: int = 20_000,
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """MLRun job: fit one candidate on the training part and score it on the part's later rows.

    Run it once a candidate with ``hyperparams={"candidate": candidate_names()}`` and
    ``selector="max.average_precision"``; the best iteration's model is the output ``model`` of the run.

    Results: average_precision, roc_auc, f1, precision, recall and the confusion matrix on the validation
    rows, ``threshold``, ``fit_seconds``, ``converged``, ``version``, ``dropped``, the split,
    ``train_rows`` and ``train_rows_available``. Model: ``model`` (``model.onnx`` and ``model.json``).

    :param context: of the run.
    :param feature_vector: address of the vector to train on.
    :param candidate: name of a configuration in ``training.candidates``.
    :param schema: telemetry schema, as content or path; empty for the simulated network's.
    :param seed: of the model and of the sample; the same seed and rows give the same digest.
    :param test_fraction: later share of the rows that is kept for the test and not looked at.
    :param validation_fraction: later share of the training part that scores the candidate.
    :param train_rows: more rows than this in the training part are sampled, each class in proportion, before
        anything is fitted or scored.
    :param parameters: hyper-parameters that replace the configuration's.
    """
    telemetry = TelemetrySchema.load(schema)
    chosen = find_candidate(candidate)
    if parameters:
        chosen = dataclasses.replace(chosen, parameters={**chosen.parameters, **parameters})
    test_fraction = fraction("test_fraction", test_fraction)
    validation_fraction = fraction("validation_fraction", validation_fraction)
    train_rows = whole_number("train_rows", train_rows, at_least=100)
    outer = read_split(context, feature_vector, telemetry, test_fraction, train_rows, seed)
    refuse_selection_on_test_rows(feature_vector, outer)
    fitted = fit_model(outer.train, telemetry, chosen, validation_fraction, seed)
    for name, reason in fitted.dropped.items():
        context.logger.warning(f"feature '{name}' is left out: {reason}")
    if not fitted.converged:
        context.logger.warning(f"candidate '{candidate}' stopped before it converged")
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        written = write_model_package(
            directory, fitted.pipeline, fitted.schema, fitted.schema.matrix(outer.train)
        )
        log_model_package(
            context,
            directory,
            written,
            algorithm=chosen.family,
            parameters={"candidate": candidate, **chosen.parameters, "seed": seed},
            feature_vector=feature_vector,
        )
    context.log_results(
        {
            **fitted.scores,
            "threshold": fitted.schema.threshold,
            "fit_seconds": fitted.fit_seconds,
            "converged": fitted.converged,
            "version": written.version,
            "n_features": len(written.inputs),
            "dropped": ", ".join(fitted.dropped),
            **fitted.split.describe("fit", "validation"),
        }
    )
