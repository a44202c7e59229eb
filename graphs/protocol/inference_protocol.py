"""Bodies of the Open Inference Protocol (KServe's v2): tensors in, tensors out, model metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from feature_sets.model_package.columns import PREDICTION, PROBABILITY
from feature_sets.model_package.imputation import LARGEST
from feature_sets.model_package.schema import ModelSchema
from graphs.protocol.errors import ApiError, is_text

Floats = npt.NDArray[np.float64]

INPUT = "input"
"""Name of the one tensor that holds all inputs, shape [n, inputs]."""

OUTPUTS = (PREDICTION, PROBABILITY)
"""Tensors of an answer."""

DATATYPES = ("FP32", "FP64")

PLATFORM = "onnxruntime_onnx"


def read_inputs(body: Any, names: Sequence[str], max_rows: int) -> Floats:
    """Model inputs of an inference request.

    :param body: decoded request body: one tensor ``input`` of shape [n, inputs], or one tensor of shape [n]
        or [n, 1] for each input by name. A null is a missing value.
    :param names: inputs in model order.
    :param max_rows: most rows.
    :returns: shape (n, inputs), NaN where missing.
    :raises ApiError: 413 or 422, naming the field.
    """
    if not isinstance(body, Mapping):
        raise ApiError(422, "body", "must be a JSON object with inputs", body)
    tensors = body.get("inputs")
    if not isinstance(tensors, list) or not tensors:
        raise ApiError(422, "inputs", "must be a list of tensors", tensors)
    by_name: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for index, tensor in enumerate(tensors):
        where = f"inputs[{index}]"
        if not isinstance(tensor, Mapping) or not isinstance(tensor.get("name"), str):
            raise ApiError(422, where, "must be a tensor with a name", tensor)
        if tensor["name"] in by_name:
            raise ApiError(422, f"{where}.name", "must occur once", tensor["name"])
        by_name[tensor["name"]] = (where, tensor)
    if set(by_name) == {INPUT} and set(names) != {INPUT}:
        return _values(*by_name[INPUT], columns=len(names), max_rows=max_rows)
    for name in by_name:
        if name not in names:
            rule = f"must be '{INPUT}' alone, or every one of {', '.join(names)}"
            raise ApiError(422, f"{by_name[name][0]}.name", rule, name)
    for name in names:
        if name not in by_name:
            raise ApiError(422, "inputs", f"must have a tensor for '{name}'", sorted(by_name))
    columns = [_values(*by_name[name], columns=1, max_rows=max_rows)[:, 0] for name in names]
    for name, column in zip(names, columns, strict=True):
        if len(column) != len(columns[0]):
            rule = f"must have as many rows as '{names[0]}', {len(columns[0])}"
            raise ApiError(422, f"{by_name[name][0]}.shape", rule, len(column))
    return np.column_stack(columns)


def _values(where: str, tensor: Mapping[str, Any], columns: int, max_rows: int) -> Floats:
    """Values of one tensor, shape (n, columns); its data may be flat or nested."""
    datatype, shape, data = tensor.get("datatype"), tensor.get("shape"), tensor.get("data")
    if datatype not in DATATYPES:
        raise ApiError(422, f"{where}.datatype", f"must be {' or '.join(DATATYPES)}", datatype)
    if (
        not isinstance(shape, list)
        or not all(isinstance(size, int) and not isinstance(size, bool) and size >= 0 for size in shape)
        or not ((len(shape) == 2 and shape[1] == columns) or (columns == 1 and len(shape) == 1))
    ):
        rule = "must be [n] or [n, 1]" if columns == 1 else f"must be [n, {columns}]"
        raise ApiError(422, f"{where}.shape", rule, shape)
    if shape[0] > max_rows:
        raise ApiError(413, f"{where}.shape", f"must have at most {max_rows} rows", shape[0])
    if not isinstance(data, list):
        raise ApiError(422, f"{where}.data", "must be a list of numbers", data)
    if any(isinstance(row, list) for row in data):
        if not all(isinstance(row, list) and len(row) == columns for row in data):
            raise ApiError(422, f"{where}.data", f"must be flat, or rows of {columns} numbers", data)
        data = [value for row in data for value in row]
    if len(data) != shape[0] * columns:
        raise ApiError(422, f"{where}.data", f"must hold {shape[0] * columns} numbers", len(data))
    for place, value in enumerate(data):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ApiError(422, f"{where}.data[{place}]", "must be a finite number or null", value)
    missing = [value is None for value in data]
    try:
        values = np.array(data, dtype=np.float64)
    except OverflowError:
        raise ApiError(422, f"{where}.data", "must hold finite numbers or nulls", None) from None
    bad = ~(np.abs(values) <= LARGEST) & ~np.array(missing, dtype=bool)
    if bad.any():
        place = int(np.argmax(bad))
        raise ApiError(
            422, f"{where}.data[{place}]", "must be a number that FP32 holds, or null", data[place]
        )
    return values.reshape(shape[0], columns)


def requested_outputs(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the tensors that the caller asks for, in its order; all of them where it names none.

    :param body: decoded request body that ``read_inputs`` took.
    :raises ApiError: 422 if it asks for what there is not, or has a part that would count for nothing.
    """
    _check_parts("", body, ("id", "parameters", "inputs", "outputs"))
    for index, tensor in enumerate(body["inputs"]):
        _check_parts(f"inputs[{index}].", tensor, ("name", "shape", "datatype", "parameters", "data"))
    asked = body.get("outputs")
    if asked is None or asked == []:
        return OUTPUTS
    if not isinstance(asked, list):
        raise ApiError(422, "outputs", "must be a list of tensors", asked)
    names: list[str] = []
    for index, tensor in enumerate(asked):
        where = f"outputs[{index}]"
        if not isinstance(tensor, Mapping):
            raise ApiError(422, where, "must be a tensor with a name", tensor)
        _check_parts(f"{where}.", tensor, ("name", "parameters"))
        name = tensor.get("name")
        if name not in OUTPUTS or name in names:
            raise ApiError(422, f"{where}.name", f"must be {' or '.join(OUTPUTS)}, each once", name)
        names.append(name)
    return tuple(names)


def _check_parts(where: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raise ApiError for a part of a request that would count for nothing."""
    for name in given:
        if name not in known:
            raise ApiError(422, f"{where}{name}", f"must be one of {', '.join(known)}", given[name])
    if given.get("parameters"):
        rule = "must be empty: this server has no parameters of requests"
        raise ApiError(422, f"{where}parameters", rule, given["parameters"])


def request_id(body: Mapping[str, Any]) -> str | None:
    """Id that the caller gave the request, to be sent back.

    :raises ApiError: 422 if it is not text.
    """
    given = body.get("id")
    if given is not None and not (isinstance(given, str) and is_text(given)):
        raise ApiError(422, "id", "must be text", given)
    return given


def inference_response(
    name: str,
    version: str,
    prediction: npt.NDArray[np.int64],
    probability: Floats,
    given_id: str | None,
    outputs: Sequence[str] = OUTPUTS,
) -> dict[str, Any]:
    """Answer of an inference request: tensors of shape [n], those that were asked for."""
    shape = [len(prediction)]
    tensors = {
        PREDICTION: {"datatype": "INT64", "data": prediction.tolist()},
        PROBABILITY: {"datatype": "FP64", "data": probability.tolist()},
    }
    content: dict[str, Any] = {
        "model_name": name,
        "model_version": version,
        "outputs": [{"name": each, "shape": shape, **tensors[each]} for each in outputs],
    }
    if given_id is not None:
        content["id"] = given_id
    return content


def model_metadata(name: str, schema: ModelSchema) -> dict[str, Any]:
    """Answer of ``GET /v2/models/{name}``; ``parameters`` says what each input column is."""
    return {
        "name": name,
        "versions": [schema.version],
        "platform": PLATFORM,
        "inputs": [{"name": INPUT, "datatype": "FP32", "shape": [-1, len(schema.inputs)]}],
        "outputs": [
            {"name": PREDICTION, "datatype": "INT64", "shape": [-1]},
            {"name": PROBABILITY, "datatype": "FP64", "shape": [-1]},
        ],
        "parameters": {
            "features": [
                {"name": column.name, "unit": column.unit, "imputation": column.imputation}
                for column in schema.inputs
            ],
            "threshold": schema.threshold,
            "telemetry": schema.telemetry.name,
            "label": schema.telemetry.target,
            "metrics": dict(schema.metrics),
            "training_start": schema.training_start,
            "training_end": schema.training_end,
        },
    }
