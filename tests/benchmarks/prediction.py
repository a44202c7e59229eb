"""How fast a packaged model answers, beside the pickled scikit-learn forest it was made from.

``python -m tests.benchmarks.prediction`` prints one JSON line a model size. Both answer the same rows in the
same run, in turns: the package as serving runs it (one thread), the forest as ``pickle.loads(...).predict``.
One row is what a live event costs. 10,000 rows are an offline batch, which is also answered by both with all
cores.
"""

from __future__ import annotations

import json
import os
import pickle
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime

from feature_sets.model_package.calibration import Calibration
from tests.benchmarks.training import wide_frame
from training.packaging.onnx_export import INPUT, LABEL, export_onnx
from training.search.candidates import Candidate
from training.search.pipelines import MODEL_STEP, build_pipeline, error_margin, fit_pipeline

BATCH = 10_000
ROUNDS = 7
SINGLE_CALLS = 200
FOREST_CALLS = 10
CASES: tuple[dict[str, int], ...] = (
    {"trees": 20, "features": 20, "rows": 20_000},
    {"trees": 100, "features": 20, "rows": 20_000},
    {"trees": 100, "features": 60, "rows": 20_000},
)


def measure(
    trees: int,
    features: int,
    rows: int,
    *,
    batch: int = BATCH,
    rounds: int = ROUNDS,
    calls: int = SINGLE_CALLS,
    forest_calls: int = FOREST_CALLS,
) -> dict[str, Any]:
    """Medians of both for one row and for a batch.

    :param trees: of the forest.
    :param features: input columns.
    :param rows: rows it is fitted on.
    :param calls: single rows the package answers a round.
    :param forest_calls: single rows the forest answers a round; it takes longer.
    """
    frame = wide_frame(rows, features)
    names = [name for name in frame.columns if name.startswith("feature_")]
    matrix = np.nan_to_num(frame[names].to_numpy()).astype(np.float32)
    pipeline = build_pipeline(Candidate("random_forest", {"n_estimators": trees}), seed=0)
    fit_pipeline(pipeline, matrix, frame["is_error"].to_numpy())
    forest = pickle.loads(pickle.dumps(pipeline.named_steps[MODEL_STEP]))
    graph = export_onnx(pipeline, features, Calibration(), threshold=0.5)
    cores = len(os.sched_getaffinity(0))
    package, package_on_all = _package(graph, 1), _package(graph, cores)
    forest_on_all = pickle.loads(pickle.dumps(forest)).set_params(n_jobs=cores)
    many = np.resize(matrix, (batch, features))
    one = matrix[:1]

    timed: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        timed["ours_1"].append(_seconds(package, one, calls))
        timed["forest_1"].append(_seconds(forest.predict, one, forest_calls))
        timed["ours_n"].append(_seconds(package, many, 1))
        timed["forest_n"].append(_seconds(forest.predict, many, 1))
        timed["ours_all"].append(_seconds(package_on_all, many, 1))
        timed["forest_all"].append(_seconds(forest_on_all.predict, many, 1))
    median = {name: statistics.median(taken) for name, taken in timed.items()}
    # A tie of votes may be decided either way; every other row must get the same answer.
    certain = np.abs(error_margin(pipeline, many)) > 1e-5
    return {
        "benchmark": "prediction",
        "trees": trees,
        "features": features,
        "batch": batch,
        "cores": cores,
        "ours_one_row_us": round(1e6 * median["ours_1"], 1),
        "forest_one_row_us": round(1e6 * median["forest_1"], 1),
        "ratio_one_row": round(median["forest_1"] / median["ours_1"], 1),
        "ours_batch_ms": round(1e3 * median["ours_n"], 2),
        "forest_batch_ms": round(1e3 * median["forest_n"], 2),
        "ratio_batch": round(median["forest_n"] / median["ours_n"], 2),
        "ours_batch_all_cores_ms": round(1e3 * median["ours_all"], 2),
        "forest_batch_all_cores_ms": round(1e3 * median["forest_all"], 2),
        "ratio_batch_all_cores": round(median["forest_all"] / median["ours_all"], 2),
        "equal": bool((package(many)[certain] == forest.predict(many)[certain]).all()),
    }


def _package(graph: bytes, threads: int) -> Callable[[Any], Any]:
    """Decisions of the package on so many threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return lambda values: session.run([LABEL], {INPUT: values})[0]


def _seconds(predict: Callable[[Any], Any], values: Any, calls: int) -> float:
    """Seconds of one call, over several."""
    began = time.perf_counter()
    for _ in range(calls):
        predict(values)
    return (time.perf_counter() - began) / calls


if __name__ == "__main__":
    for case in CASES:
        print(json.dumps(measure(**case)), flush=True)
