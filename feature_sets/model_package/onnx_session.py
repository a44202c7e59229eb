"""The model's ONNX graph, ready to score rows: the same session offline and live."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnxruntime

from feature_sets.model_package.errors import ModelPackageError

INPUT = "input"
PROBABILITIES = "probabilities"
"""Names of the graph's input and of its output that counts."""

_OTHERWISE_ALONE = (b"LinearClassifier", b"LinearRegressor", b"Gemm", b"SVMClassifier", b"SVMRegressor")
"""Operators that add up a single row in another order than those of several."""


class OnnxSession:
    """Scores rows with a serialized ONNX graph on the CPU; a row's score does not depend on those beside it.

    :param graph: content of ``model.onnx``.
    :param threads: threads of one call; 0 for as many as there are cores. A server that answers many requests
        wants 1.
    :param name: what the graph is called in errors.
    :raises ModelPackageError: if the graph lacks the output.
    """

    def __init__(self, graph: bytes, threads: int = 0, name: str = "model.onnx") -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            graph, sess_options=options, providers=["CPUExecutionProvider"]
        )
        outputs = [output.name for output in self._session.get_outputs()]
        if PROBABILITIES not in outputs:
            raise ModelPackageError(name, f"must have the output '{PROBABILITIES}'", outputs)
        self._doubles = any(operator in graph for operator in _OTHERWISE_ALONE)
        # Other exporters call their only input differently.
        self._input = self._session.get_inputs()[0].name

    def probability(self, matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Calibrated probability of an error for each row.

        :param matrix: float32, shape (n, inputs), from ``ModelSchema.matrix`` or ``ModelSchema.impute``.
        :returns: shape (n,); NaN where the model's arithmetic overflows.
        """
        if not len(matrix):
            return np.empty(0, dtype=np.float64)
        rows = matrix.repeat(2, axis=0) if self._doubles and len(matrix) == 1 else matrix
        (probabilities,) = self._session.run([PROBABILITIES], {self._input: rows})
        return np.asarray(probabilities[: len(matrix), -1], dtype=np.float64)
