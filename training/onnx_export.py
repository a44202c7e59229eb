"""A fitted pipeline as an ONNX graph: float32 rows in, probabilities out.

The graph has one input ``input`` (float32, n x inputs) and the outputs ``label`` (int64, n) and
``probabilities`` (float32, n x 2).
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline

from training.candidates import MODEL_STEP, SCALE_STEP

INPUT = "input"
LABEL = "label"
PROBABILITIES = "probabilities"
OPSET = {"": 18, "ai.onnx.ml": 3}


def export_onnx(pipeline: Pipeline, inputs: int) -> bytes:
    """Serialised ONNX graph of a fitted pipeline; equal pipelines give equal bytes.

    :param pipeline: fitted, from ``build_pipeline``.
    :param inputs: number of input columns.
    """
    model = pipeline.named_steps[MODEL_STEP]
    if isinstance(model, HistGradientBoostingClassifier):
        _thresholds_to_float32(model)
    # Scaling subtracts large means: in float32 that would cost digits of the probability.
    double = SCALE_STEP in pipeline.named_steps
    kind = DoubleTensorType if double else FloatTensorType
    graph = convert_sklearn(
        pipeline,
        name="netops",  # the default is a random name, which would change the digest
        initial_types=[(INPUT, kind([None, inputs]))],
        options={id(model): {"zipmap": False}},
        target_opset=OPSET,
    )
    if double:
        _cast_around(graph, inputs)
    onnx.checker.check_model(graph)
    content: bytes = graph.SerializeToString(deterministic=True)
    return content


def _thresholds_to_float32(model: HistGradientBoostingClassifier) -> None:
    """Round split thresholds down to float32, in place; no float32 row changes its side.

    ONNX keeps thresholds as float32. Rounded to nearest, one could land on the reading above it.
    """
    for stage in model._predictors:
        for tree in stage:
            exact = tree.nodes["num_threshold"]
            rounded = exact.astype(np.float32)
            too_high = rounded.astype(np.float64) > exact
            rounded[too_high] = np.nextafter(rounded[too_high], np.float32(-np.inf))
            tree.nodes["num_threshold"] = rounded.astype(np.float64)


def _cast_around(model: onnx.ModelProto, inputs: int) -> None:
    """Make a double graph take and give float32, in place."""
    graph = model.graph
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == INPUT:
                    names[index] = "input_double"
                elif name == PROBABILITIES:
                    names[index] = "probabilities_double"
    graph.node.insert(0, helper.make_node("Cast", [INPUT], ["input_double"], to=TensorProto.DOUBLE))
    graph.node.append(
        helper.make_node("Cast", ["probabilities_double"], [PROBABILITIES], to=TensorProto.FLOAT)
    )
    graph.input[0].CopyFrom(helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, inputs]))
    for index, output in enumerate(graph.output):
        if output.name == PROBABILITIES:
            graph.output[index].CopyFrom(
                helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, [None, 2])
            )
