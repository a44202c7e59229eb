"""Estimated performance on the employment data of NannyML, beside NannyML itself.

``python -m tests.benchmarks.estimated_performance FOLDER [PYTHON]``: the folder ``nannyml/datasets/data`` of
NannyML's wheel, and the interpreter of an environment that has NannyML, whose releases need other versions
than ours. Prints mean absolute errors over batches of 5,000 rows, and seconds.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from drift.fit_recalibration import fit_recalibration
from drift.performance import Performance, performance

BATCH = 5000
SCORES = ("roc_auc", "f1", "average_precision")
PEER = f"""
import time, nannyml
reference, batches, _ = nannyml.load_us_census_ma_employment_data()
start = time.perf_counter()
estimator = nannyml.CBPE(problem_type="classification_binary", y_pred_proba="predicted_probability",
                         y_pred="prediction", y_true="employed", metrics={list(SCORES)!r}, chunk_size={BATCH})
estimator.fit(reference)
fitted = time.perf_counter()
estimator.estimate(batches)
print(f"NannyML: fit {{fitted - start:.3f}} s, estimate {{time.perf_counter() - fitted:.3f}} s")
"""


def scores(probability: np.ndarray, batch: pd.DataFrame) -> Performance:
    """Scores of a batch, given how probable each of its rows is of class 1."""
    alarms = batch.prediction.to_numpy() == 1
    return performance(probability, batch.predicted_probability.to_numpy(), alarms)


def main(folder: Path, peer: str | None) -> None:
    """Print the errors and the seconds."""
    reference, rows, labels = (
        pd.read_parquet(folder / f"employment_MA_{part}.pq")
        for part in ("reference", "analysis", "analysis_target")
    )
    start = time.perf_counter()
    curve = fit_recalibration(
        reference.predicted_probability.to_numpy(), reference.employed.to_numpy(np.int8)
    )
    fitted = time.perf_counter()
    batches = [rows[first : first + BATCH] for first in range(0, len(rows), BATCH)]
    estimated = [scores(curve.apply(batch.predicted_probability.to_numpy()), batch) for batch in batches]
    seconds = time.perf_counter() - fitted
    known = labels.set_index("id").employed
    realized = [scores(known.loc[batch.id].to_numpy(np.float64), batch) for batch in batches]
    for name in SCORES:
        pairs = zip(estimated, realized, strict=True)
        error = np.mean([abs(getattr(ours, name) - getattr(real, name)) for ours, real in pairs])
        print(f"{name}: mean absolute error {error:.4f} over {len(batches)} batches")
    print(f"ours: fit {fitted - start:.3f} s, estimate {seconds:.3f} s", flush=True)
    if peer is not None:
        subprocess.run([peer, "-c", PEER], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
