"""A fitted pipeline and its calibration as an ONNX graph: float32 rows in, probabilities out.

The graph has one input ``input`` (float32, n x inputs) and the outputs ``label`` (int64, n; 1 where the
calibrated probability reaches the model's threshold) and ``probabilities`` (float32, n x 2; calibrated).

The graph is built here and not by a converter, because calibration needs the log-odds that the model adds
up. A converter gives float32 probabilities, and the log-odds of one near 1 have lost their digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.pipeline import Pipeline

from feature_sets.model_package.calibration import Calibration
from feature_sets.model_package.onnx_session import INPUT, PROBABILITIES
from training.packaging.decision_trees import Ensemble, ensemble_of
from training.search.own_level_distance import SMALLEST, OwnLevelDistance
from training.search.pipelines import MODEL_STEP, RARE, SCALE_STEP

LABEL = "label"
OPSETS = (("", 18), ("ai.onnx.ml", 3))
IR_VERSION = 8


class _Graph:
    """Nodes and constants of a graph under construction, in order."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, operation: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Append a node; returns its output."""
        self.nodes.append(helper.make_node(operation, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        """Add a constant; returns its name."""
        self.constants.append(numpy_helper.from_array(value, name))
        return name


def export_onnx(pipeline: Pipeline, inputs: int, calibration: Calibration, threshold: float) -> bytes:
    """Serialized ONNX graph of a fitted pipeline; equal pipelines give equal bytes.

    :param pipeline: fitted, from ``build_pipeline``.
    :param inputs: number of input columns.
    :param calibration: turns log-odds into the probability.
    :param threshold: of ``label``.
    """
    graph = _Graph()
    if isinstance(pipeline.named_steps[MODEL_STEP], OwnLevelDistance):
        margin = _distance_margin(graph)
    elif SCALE_STEP in pipeline.named_steps:
        margin = _linear_margin(graph, pipeline)
    else:
        margin = _tree_margin(graph, ensemble_of(pipeline.named_steps[MODEL_STEP]))
    _calibrate(graph, margin, calibration, threshold)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "netops",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, inputs])],
            [
                helper.make_tensor_value_info(LABEL, TensorProto.INT64, [None]),
                helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, [None, 2]),
            ],
            initializer=graph.constants,
        ),
        opset_imports=[helper.make_opsetid(domain, number) for domain, number in OPSETS],
        ir_version=IR_VERSION,
        producer_name="netops",
    )
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _distance_margin(graph: _Graph) -> str:
    """Logarithm of the root mean square of a row, in double, shape (n, 1)."""
    rows = graph.add("Cast", [INPUT], "input_double", to=TensorProto.DOUBLE)
    squares = graph.add("Mul", [rows, rows], "squares")
    mean = graph.add("ReduceMean", [squares, graph.constant("inputs", np.array([1]))], "mean", keepdims=1)
    smallest = graph.constant("smallest", np.array(SMALLEST, dtype=np.float64))
    distance = graph.add("Max", [graph.add("Sqrt", [mean], "root"), smallest], "distance")
    return graph.add("Log", [distance], "margin")


def _linear_margin(graph: _Graph, pipeline: Pipeline) -> str:
    """Log-odds of a linear model of scaled inputs, in double: scaling subtracts large means."""
    scaler, model = pipeline.named_steps[SCALE_STEP], pipeline.named_steps[MODEL_STEP]
    rows = graph.add("Cast", [INPUT], "input_double", to=TensorProto.DOUBLE)
    centered = graph.add("Sub", [rows, graph.constant("mean", scaler.mean_.astype(np.float64))], "centred")
    scaled = graph.add("Div", [centered, graph.constant("scale", scaler.scale_.astype(np.float64))], "scaled")
    weights = graph.constant("weights", model.coef_.T.astype(np.float64))
    product = graph.add("MatMul", [scaled, weights], "product")
    intercept = graph.constant("intercept", model.intercept_.astype(np.float64))
    return graph.add("Add", [product, intercept], "margin")


def _tree_margin(graph: _Graph, ensemble: Ensemble) -> str:
    """Log-odds of trees, in double, shape (n, 1).

    Votes of a forest are added up for and against an error, so each has its own digits, also near 0.
    """
    sums = graph.add(
        "TreeEnsembleRegressor", [INPUT], "sums", domain="ai.onnx.ml", **_tree_attributes(ensemble)
    )
    double = graph.add("Cast", [sums], "sums_double", to=TensorProto.DOUBLE)
    if len(ensemble.base) == 1:
        return double
    bounds = [
        graph.constant(name, np.array(value, dtype=np.float64))
        for name, value in (("lowest_vote", RARE), ("highest_vote", 1.0 - RARE))
    ]
    logarithm = graph.add("Log", [graph.add("Clip", [double, *bounds], "votes")], "log_votes")
    # Row by row: against * -1 + for * 1.
    contrast = graph.constant("contrast", np.array([[-1.0], [1.0]]))
    return graph.add("MatMul", [logarithm, contrast], "margin")


def _tree_attributes(ensemble: Ensemble) -> dict[str, Any]:
    """Attributes of ``TreeEnsembleRegressor``: all trees' nodes one after the other."""
    trees = ensemble.trees
    sizes = [len(tree.left) for tree in trees]
    tree_ids = np.repeat(np.arange(len(trees)), sizes)
    node_ids = np.concatenate([np.arange(size) for size in sizes])
    left = np.concatenate([tree.left for tree in trees])
    leaf = left < 0
    value = np.concatenate([tree.value for tree in trees])[leaf]
    targets = value.shape[1]
    return {
        "n_targets": targets,
        "aggregate_function": "SUM",
        "post_transform": "NONE",
        "base_values": [float(start) for start in ensemble.base],
        "nodes_treeids": tree_ids.tolist(),
        "nodes_nodeids": node_ids.tolist(),
        "nodes_featureids": np.where(leaf, 0, np.concatenate([t.feature for t in trees])).tolist(),
        "nodes_modes": np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        "nodes_values": np.where(leaf, 0.0, np.concatenate([tree.threshold for tree in trees])).tolist(),
        "nodes_truenodeids": np.where(leaf, 0, left).tolist(),
        "nodes_falsenodeids": np.where(leaf, 0, np.concatenate([tree.right for tree in trees])).tolist(),
        "target_treeids": np.repeat(tree_ids[leaf], targets).tolist(),
        "target_nodeids": np.repeat(node_ids[leaf], targets).tolist(),
        "target_ids": np.tile(np.arange(targets), len(value)).tolist(),
        "target_weights": value.ravel().tolist(),
    }


def _calibrate(graph: _Graph, margin: str, calibration: Calibration, threshold: float) -> None:
    """From log-odds (double, n x 1) to both outputs."""
    slope = graph.constant("calibration_a", np.array(calibration.a, dtype=np.float64))
    offset = graph.constant("calibration_b", np.array(calibration.b, dtype=np.float64))
    scaled = graph.add("Mul", [margin, slope], "margin_scaled")
    odds = graph.add("Add", [scaled, offset], "margin_calibrated")
    error = graph.add("Sigmoid", [odds], "error_double")
    healthy = graph.add("Sigmoid", [graph.add("Neg", [odds], "margin_negative")], "healthy_double")
    both = graph.add("Concat", [healthy, error], "probabilities_double", axis=1)
    graph.add("Cast", [both], PROBABILITIES, to=TensorProto.FLOAT)
    # The decision as serving takes it: on the float32 probability, against the threshold in double.
    answered = graph.add(
        "Cast",
        [graph.add("Cast", [error], "error", to=TensorProto.FLOAT)],
        "error_exact",
        to=TensorProto.DOUBLE,
    )
    cut = graph.constant("threshold", np.array(threshold, dtype=np.float64))
    above = graph.add("GreaterOrEqual", [answered, cut], "above")
    decided = graph.add("Cast", [above], "label_column", to=TensorProto.INT64)
    graph.add("Squeeze", [decided, graph.constant("columns", np.array([1]))], LABEL)
