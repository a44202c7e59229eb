"""The model package: ONNX answers what the library does, bytes repeat, and a changed file is refused."""

from __future__ import annotations

import dataclasses
import json
from functools import cache

import numpy as np
import onnx
import onnxruntime
import pytest
from scipy.special import expit
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType

from feature_sets.model_package.calibration import Calibration
from feature_sets.model_package.errors import ModelPackageError
from feature_sets.model_package.onnx_session import OnnxSession
from feature_sets.model_package.package import read_model_package
from feature_sets.model_package.schema import ModelSchema
from tests.training.network import make_frame, make_schema
from tests.training.trained import fit
from training.dataset.time_split import split_by_time
from training.decision.calibration import calibrated
from training.packaging.onnx_export import export_onnx
from training.packaging.package_writer import (
    check_equal,
    input_units,
    model_inputs,
    write_model_package,
)
from training.search.candidates import Candidate
from training.search.families import FAMILIES
from training.search.pipelines import build_pipeline, error_margin, fit_pipeline


def awkward_rows(n=1500, seed=0):
    """Features that lose digits in float32: large offsets, neighboring numbers, few values, huge scale."""
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
    return fit(split.train, schema, "hist_gradient_boosting", max_leaf_nodes=7), split


PLATT = Calibration("platt", 1.7, -2.5)
FEW_TREES = {
    "random_forest": {"n_estimators": 5},
    "logistic_regression": {},
    "ada_boost": {"n_estimators": 5},
    "hist_gradient_boosting": {"max_iter": 10},
    "lightgbm": {"n_estimators": 10},
}


@pytest.fixture(scope="module")
def fitted_on_awkward_rows():
    """Family -> its pipeline with the default parameters, fitted once."""

    @cache
    def fitted(family):
        pipeline = build_pipeline(Candidate(family), seed=0)
        fit_pipeline(pipeline, *awkward_rows())
        return pipeline

    return fitted


@pytest.mark.parametrize("calibration", [Calibration(), PLATT], ids=["plain", "calibrated"])
@pytest.mark.parametrize("family", FAMILIES)
def test_onnx_answers_what_the_library_does(family, calibration, fitted_on_awkward_rows):
    rows, _ = awkward_rows()
    pipeline = fitted_on_awkward_rows(family)
    model = OnnxSession(export_onnx(pipeline, rows.shape[1], calibration, 0.5))
    unseen, _ = awkward_rows(seed=1)
    for part in (rows, unseen, unseen[:1]):
        expected = calibrated(error_margin(pipeline, part), calibration)
        np.testing.assert_allclose(model.probability(part), expected, rtol=0, atol=1e-6)
    own = pipeline.predict_proba(unseen.astype(np.float64))[:, 1]
    if calibration == Calibration():
        np.testing.assert_allclose(model.probability(unseen), own, rtol=0, atol=2e-6)


@pytest.mark.parametrize("family", ["random_forest", "ada_boost"])
def test_the_trees_are_those_that_the_reference_converter_writes(family, fitted_on_awkward_rows):
    rows, _ = awkward_rows()
    pipeline = fitted_on_awkward_rows(family)
    reference = convert_sklearn(
        pipeline,
        initial_types=[("input", FloatTensorType([None, 6]))],
        options={"zipmap": False},
        target_opset={"": 18, "ai.onnx.ml": 3},
    )
    ours = OnnxSession(export_onnx(pipeline, 6, Calibration(), 0.5))
    theirs = OnnxSession(reference.SerializeToString())
    np.testing.assert_allclose(ours.probability(rows), theirs.probability(rows), rtol=0, atol=2e-6)


@pytest.mark.parametrize("family", ["hist_gradient_boosting", "lightgbm", "random_forest"])
def test_probabilities_next_to_one_keep_the_digits_that_calibration_needs(family):
    random = np.random.default_rng(0)
    rows = random.normal(size=(4000, 2)).astype(np.float32)
    labels = (rows[:, 0] > 1.0).astype(np.int8)
    trees = {
        "hist_gradient_boosting": "max_iter",
        "lightgbm": "n_estimators",
        "random_forest": "n_estimators",
    }
    pipeline = build_pipeline(Candidate(family, {trees[family]: 100}), seed=0)
    fit_pipeline(pipeline, rows, labels)
    margin = error_margin(pipeline, rows)
    assert expit(margin).max() > 0.999
    # A calibration that makes an even chance of the most certain rows.
    calibration = Calibration("platt", 1.0, -float(margin.max()))
    model = OnnxSession(export_onnx(pipeline, 2, calibration, 0.5))
    np.testing.assert_allclose(model.probability(rows), calibrated(margin, calibration), rtol=0, atol=5e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_reading_on_a_split_goes_the_way_it_went_in_training(family):
    # Two neighboring float32 numbers: the threshold between them is one that float32 cannot hold.
    low = np.float32(1.0)
    values = np.array([low, np.nextafter(low, np.float32(2.0))], dtype=np.float32)
    rows = np.repeat(values, 200)[:, None]
    labels = np.repeat([0, 1], 200).astype(np.int8)
    pipeline = build_pipeline(Candidate(family), seed=0)
    fit_pipeline(pipeline, rows, labels)
    answers = OnnxSession(export_onnx(pipeline, 1, Calibration(), 0.5)).probability(values[:, None])
    np.testing.assert_allclose(answers, expit(error_margin(pipeline, values[:, None])), rtol=0, atol=2e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_graph_has_the_names_and_types_that_serving_expects(family, fitted_on_awkward_rows):
    graph = onnx.load_from_string(export_onnx(fitted_on_awkward_rows(family), 6, PLATT, 0.5)).graph
    types = {value.name: value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)}
    assert types == {
        "input": onnx.TensorProto.FLOAT,
        "label": onnx.TensorProto.INT64,
        "probabilities": onnx.TensorProto.FLOAT,
    }


def test_the_label_is_the_decision_at_the_models_threshold(fitted_on_awkward_rows):
    rows, _ = awkward_rows()
    pipeline = fitted_on_awkward_rows("lightgbm")
    threshold = float(np.float32(0.3))
    session = onnxruntime.InferenceSession(export_onnx(pipeline, 6, PLATT, threshold))
    label, probabilities = session.run(["label", "probabilities"], {"input": rows})
    assert (label == (probabilities[:, 1].astype(np.float64) >= threshold)).all()
    assert 0 < label.sum() < len(label) and label.shape == (len(rows),)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_rows_and_seed_give_the_same_bytes_and_version(family, frame, schema, tmp_path):
    split = split_by_time(frame, schema)
    written = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        model = fit(split.train, schema, family, seed=3, **FEW_TREES[family])
        rows = model.schema.matrix(split.train)
        written.append(write_model_package(tmp_path / name, model.pipeline, model.schema, rows))
    assert written[0] == written[1]
    for file in ("model.onnx", "model.json", "golden.json"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_another_seed_or_other_rows_give_another_version(frame, schema, tmp_path):
    versions = set()
    for seed, rows in ((1, frame), (2, frame), (1, frame.iloc[40:])):
        split = split_by_time(rows, schema)
        model = fit(split.train, schema, "random_forest", seed=seed, n_estimators=5)
        written = write_model_package(
            tmp_path, model.pipeline, model.schema, model.schema.matrix(split.train)
        )
        versions.add(written.version)
    assert len(versions) == 3


def test_a_package_reads_back_as_it_was_written(fitted, tmp_path):
    model, split = fitted
    rows = model.schema.matrix(split.test)
    written = write_model_package(tmp_path, model.pipeline, model.schema, rows)
    package = read_model_package(tmp_path)
    schema, onnx_model = package.schema, package.session()
    assert schema == written
    expected = calibrated(error_margin(model.pipeline, rows), schema.calibration)
    np.testing.assert_allclose(onnx_model.probability(rows), expected, rtol=0, atol=1e-5)


def test_another_calibration_or_threshold_gives_another_version(fitted, tmp_path):
    model, split = fitted
    rows = model.schema.matrix(split.train)
    versions = {
        write_model_package(tmp_path, model.pipeline, schema, rows).version
        for schema in (
            model.schema,
            dataclasses.replace(model.schema, calibration=PLATT),
            dataclasses.replace(model.schema, threshold=0.123),
        )
    }
    assert len(versions) == 3


def test_scores_and_code_do_not_change_the_version(fitted, tmp_path):
    model, split = fitted
    rows = model.schema.matrix(split.train)
    first = write_model_package(tmp_path, model.pipeline, model.schema, rows)
    evaluated = dataclasses.replace(model.schema, metrics={"f1": 0.1}, code_version="1.0+0")
    assert write_model_package(tmp_path, model.pipeline, evaluated, rows).version == first.version


def test_a_graph_that_answers_something_else_is_refused(fitted):
    model, split = fitted
    rows = model.schema.matrix(split.train)
    other = build_pipeline(Candidate("logistic_regression"), 0)
    fit_pipeline(other, rows, split.train["is_error"].to_numpy())
    calibration = model.schema.calibration
    with pytest.raises(
        ModelPackageError, match=r"must equal scikit-learn's to 1e-05, got 'a difference of 0\.\d+"
    ):
        check_equal(export_onnx(other, rows.shape[1], calibration, 0.5), model.pipeline, calibration, rows)
    uncalibrated = export_onnx(model.pipeline, rows.shape[1], Calibration(), 0.5)
    with pytest.raises(ModelPackageError, match="must equal"):
        check_equal(uncalibrated, model.pipeline, calibration, rows)


def test_a_changed_model_file_is_refused(fitted, tmp_path):
    model, split = fitted
    write_model_package(tmp_path, model.pipeline, model.schema, model.schema.matrix(split.train))
    with (tmp_path / "model.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(
        ModelPackageError, match=r"model\.onnx: SHA-256: must be [0-9a-f]{64} to be served, got"
    ):
        read_model_package(tmp_path)


def test_golden_rows_travel_with_the_model_and_must_be_as_they_were_written(fitted, tmp_path):
    model, split = fitted
    written = write_model_package(tmp_path, model.pipeline, model.schema, model.schema.matrix(split.train))
    package = read_model_package(tmp_path)
    session = package.session()
    package.golden.check("model", lambda rows: session.probability(written.impute(rows)))
    file = tmp_path / "golden.json"
    content = file.read_bytes()
    file.write_bytes(content.replace(b"0.", b"1.", 1))
    with pytest.raises(ModelPackageError, match=r"golden\.json: SHA-256: must be"):
        read_model_package(tmp_path)
    file.unlink()
    with pytest.raises(ModelPackageError, match=r"golden\.json: must be in"):
        read_model_package(tmp_path)


def test_an_absent_model_file_is_refused(tmp_path):
    with pytest.raises(ModelPackageError, match=r"model\.onnx: must be in .*, got 'no such file'"):
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
        ModelPackageError, match="input 'dead': needs at least one reading, got 'none in 1200 rows'"
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
    assert content["calibration"]["method"] == "platt" and content["algorithm"] == "hist_gradient_boosting"


def test_no_rows_give_no_probabilities(fitted):
    model, _ = fitted
    onnx_model = OnnxSession(export_onnx(model.pipeline, len(model.schema.inputs), Calibration(), 0.5))
    assert onnx_model.probability(np.empty((0, 5), np.float32)).shape == (0,)


def test_units_of_windows_follow_their_metric():
    regular = input_units(make_schema(expected_interval="30s"))
    assert (regular["age"], regular["received_share_1m"]) == ("s", "")
    units = input_units(make_schema())
    assert units["heat"] == units["heat_avg_5m"] == "K"
    assert units["heat_count_1m"] == units["noise_count_1m"] == "readings"
    assert units["flow_stdvar_1m"] == "(l/s)^2" and units["noise_stdvar_1m"] == ""


def test_a_change_has_the_unit_of_its_metric_and_a_ratio_none():
    windows = {"lengths": ["1m", "5m"], "period": "10s", "operations": ["avg", "stddev", "first", "last"]}
    ratio = {"operation": "avg", "short": "1m", "long": "5m"}
    derived = {"ratios": [ratio], "variation": ["5m"], "change": ["1m"]}
    units = input_units(make_schema(windows=windows, derived=derived))
    assert units["flow_change_1m"] == "l/s"
    assert units["flow_avg_1m_to_5m"] == units["flow_cv_5m"] == ""


def test_features_of_others_have_the_unit_of_what_they_are_about():
    windows = {"lengths": ["1m"], "period": "10s", "operations": ["avg", "count"]}
    derived = {
        "neighbors": {"operations": ["avg", "count"], "windows": ["1m"], "statistics": ["max"]},
        "peers": {"by": "model", "comparisons": ["difference", "ratio"]},
    }
    units = input_units(make_schema(windows=windows, derived=derived, topology={}))
    assert units["flow_avg_1m_neighbors_max"] == units["flow_peers_median_difference"] == "l/s"
    assert units["flow_count_1m_neighbors_max"] == "readings"
    assert units["flow_peers_median_ratio"] == ""
