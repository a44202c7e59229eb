"""The model package: ONNX answers what scikit-learn does, bytes repeat, and a changed file is refused."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import onnx
import pytest

from feature_sets.model_schema import ModelPackageError, ModelSchema
from tests.training.network import make_frame, make_schema
from training.candidates import CANDIDATES, build_pipeline, error_probability, find_candidate, fit_pipeline
from training.fitted_model import fit_model
from training.input_units import input_units
from training.model_package import (
    OnnxModel,
    check_equal,
    model_inputs,
    read_model_package,
    write_model_package,
)
from training.onnx_export import export_onnx
from training.time_split import split_by_time


def awkward_rows(n=1500, seed=0):
    """Features that lose digits in float32: large offsets, neighbouring numbers, few values, huge scale."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(n, 6))
    values[:, 0] = 12_000_000.0 + values[:, 0] * 5.0
    values[:, 1] *= 1e9
    values[:, 2] = values[:, 2] > 0.5
    values[:, 3] = np.round(values[:, 3])
    rows = values.astype(np.float32)
    # Consecutive float32 numbers: any split between two of them has a threshold that float32 cannot hold.
    rows[:, 4] = np.float32(1.0) + random.integers(0, 40, n).astype(np.float32) * np.float32(2.0**-23)
    labels = (random.random(n) < 0.1 + 0.5 * (rows[:, 4] > np.float32(1.0 + 20 * 2.0**-23))).astype(np.int8)
    return rows, labels


@pytest.fixture(scope="module")
def fitted():
    schema = make_schema()
    split = split_by_time(make_frame(), schema)
    return fit_model(split.train, schema, find_candidate("hist_gradient_boosting_small")), split


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda candidate: candidate.name)
def test_onnx_answers_what_scikit_learn_does(candidate):
    rows, labels = awkward_rows()
    pipeline = build_pipeline(candidate, seed=0)
    fit_pipeline(pipeline, rows, labels)
    model = OnnxModel(export_onnx(pipeline, rows.shape[1]))
    unseen, _ = awkward_rows(seed=1)
    for part in (rows, unseen, unseen[:1]):
        np.testing.assert_allclose(
            model.probability(part), error_probability(pipeline, part), rtol=0, atol=1e-5
        )


def test_the_graph_has_the_names_and_types_that_serving_expects():
    for candidate in ("hist_gradient_boosting_small", "logistic_regression_weak"):
        pipeline = build_pipeline(find_candidate(candidate), 0)
        fit_pipeline(pipeline, *awkward_rows())
        graph = onnx.load_from_string(export_onnx(pipeline, 6)).graph
        types = {value.name: value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)}
        assert types == {
            "input": onnx.TensorProto.FLOAT,
            "label": onnx.TensorProto.INT64,
            "probabilities": onnx.TensorProto.FLOAT,
        }


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda candidate: candidate.name)
def test_the_same_rows_and_seed_give_the_same_bytes_and_version(candidate, frame, schema, tmp_path):
    split = split_by_time(frame, schema)
    written = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        model = fit_model(split.train, schema, candidate, seed=3)
        rows = model.schema.matrix(split.train)
        written.append(write_model_package(tmp_path / name, model.pipeline, model.schema, rows))
    assert written[0] == written[1]
    for file in ("model.onnx", "model.json"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_another_seed_or_other_rows_give_another_version(frame, schema, tmp_path):
    versions = set()
    candidate = find_candidate("random_forest_shallow")
    for seed, rows in ((1, frame), (2, frame), (1, frame.iloc[40:])):
        split = split_by_time(rows, schema)
        model = fit_model(split.train, schema, candidate, seed=seed)
        written = write_model_package(
            tmp_path, model.pipeline, model.schema, model.schema.matrix(split.train)
        )
        versions.add(written.version)
    assert len(versions) == 3


def test_a_package_reads_back_as_it_was_written(fitted, tmp_path):
    model, split = fitted
    rows = model.schema.matrix(split.test)
    written = write_model_package(tmp_path, model.pipeline, model.schema, rows)
    schema, onnx_model = read_model_package(tmp_path)
    assert schema == written
    np.testing.assert_allclose(
        onnx_model.probability(rows), error_probability(model.pipeline, rows), atol=1e-5
    )


def test_scores_do_not_change_the_version(fitted, tmp_path):
    model, split = fitted
    rows = model.schema.matrix(split.train)
    first = write_model_package(tmp_path, model.pipeline, model.schema, rows)
    judged = dataclasses.replace(model.schema, metrics={"f1": 0.1})
    assert write_model_package(tmp_path, model.pipeline, judged, rows).version == first.version


def test_a_graph_that_answers_something_else_is_refused(fitted):
    model, split = fitted
    rows = model.schema.matrix(split.train)
    other = build_pipeline(find_candidate("logistic_regression_weak"), 0)
    fit_pipeline(other, rows, split.train["is_error"].to_numpy())
    graph = export_onnx(other, rows.shape[1])
    with pytest.raises(
        ModelPackageError, match=r"must equal scikit-learn's to 1e-05, got a difference of 0\.\d+"
    ):
        check_equal(graph, model.pipeline, rows)


def test_a_changed_model_file_is_refused(fitted, tmp_path):
    model, split = fitted
    write_model_package(tmp_path, model.pipeline, model.schema, model.schema.matrix(split.train))
    with (tmp_path / "model.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ModelPackageError, match=r"model\.onnx: SHA-256 must be [0-9a-f]{64}, got"):
        read_model_package(tmp_path)


def test_an_absent_model_file_is_refused(tmp_path):
    with pytest.raises(ModelPackageError, match=r"model\.onnx: must be in .*, got no such file"):
        read_model_package(tmp_path)


def test_inputs_hold_the_median_the_unit_and_a_histogram_of_every_row(frame, schema):
    heat, flow, other = model_inputs(frame, ["heat", "flow", "model_a"], schema)
    assert heat.imputation == frame["heat"].median() and heat.unit == "K"
    assert flow.imputation == frame["flow"].median() and flow.unit == "l/s"
    assert other.unit == ""
    for column in (heat, flow, other):
        assert sum(column.counts) == len(frame)
        assert len(column.edges) == len(column.counts) + 1
        assert list(column.edges) == sorted(column.edges)
    assert heat.edges[0] == frame["heat"].min() and heat.edges[-1] == frame["heat"].max()


def test_an_input_without_a_reading_is_refused(frame, schema):
    with pytest.raises(
        ModelPackageError, match="input 'dead': needs at least one reading, got none in 1200 rows"
    ):
        model_inputs(frame.assign(dead=np.nan), ["dead"], schema)


def test_missing_values_are_imputed_the_same_for_one_row_and_many(fitted):
    model, split = fitted
    matrix = model.schema.matrix(split.test)
    values = split.test[list(model.schema.input_names)].to_numpy(dtype=np.float64)
    one_by_one = [model.schema.impute(row.reshape(1, -1)) for row in values]
    assert split.test["flow"].isna().any()
    assert (np.vstack(one_by_one) == matrix).all()


def test_the_schema_file_is_plain_json_that_reads_back(fitted, tmp_path):
    model, split = fitted
    written = write_model_package(tmp_path, model.pipeline, model.schema, model.schema.matrix(split.train))
    content = json.loads((tmp_path / "model.json").read_text())
    assert ModelSchema.from_dict(content) == written
    assert content["telemetry"]["label"] == "is_error"


def test_no_rows_give_no_probabilities(fitted):
    model, _ = fitted
    onnx_model = OnnxModel(export_onnx(model.pipeline, len(model.schema.inputs)))
    assert onnx_model.probability(np.empty((0, 5), np.float32)).shape == (0,)


def test_units_of_windows_follow_their_metric():
    units = input_units(make_schema())
    assert units["heat"] == units["heat_avg_5m"] == "K"
    assert units["heat_count_1m"] == units["noise_count_1m"] == "readings"
    assert units["flow_stdvar_1m"] == "(l/s)^2" and units["noise_stdvar_1m"] == ""
