import inspect
import subprocess
import sys

import pytest

from feature_sets.checks import InputError
from project import parameters
from training.job import parameter_rules


@pytest.mark.parametrize("name", sorted(parameters.NAMES))
def test_workflow_signatures_have_exactly_the_declared_parameters_and_defaults(name):
    from project.workflow import WORKFLOWS

    signature = inspect.signature(WORKFLOWS[name]).parameters
    assert {key: value.default for key, value in signature.items()} == {
        key: parameters.DEFAULTS[key] for key in parameters.NAMES[name]
    }


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("seed", "7", 7),
        ("min_votes", "0.25", 0.25),
        ("deploy_streaming", "False", False),
        ("deploy_streaming", "true", True),
        ("schema", "a=b.yaml", "a=b.yaml"),
    ],
)
def test_text_becomes_the_type_of_the_default(name, text, value):
    parsed = parameters.parse(parameters.NAMES["main"], name, text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("seed", "1.5", "'seed': must be a whole number of at least 0, got '1.5'"),
        ("deploy_streaming", "yes", "must be true or false, got 'yes'"),
        ("sead", "1", "must be among telemetry, schema, seed"),
        ("split", "by day", r"'split': must be among time, device_time, .*, got 'by day'"),
    ],
)
def test_bad_text_is_refused_with_the_rule_and_what_was_given(name, text, words):
    with pytest.raises(InputError, match=words):
        parameters.parse(parameters.NAMES["main"], name, text)


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("seed", str(2**32), "must be a whole number of at least 0 and at most 4294967295"),
        ("devices", "0", "must be a whole number of at least 1"),
        ("ticks", "0", "must be a whole number of at least 1"),
        ("sample_ratio", "0", "must be a number above 0 and at most 1"),
        ("test_fraction", "1", "must be a number above 0 and below 1"),
        ("test_devices", "1", "must be a number of at least 0 and below 1"),
        ("train_rows", "99", "must be a whole number of at least 100"),
        ("training_window", "a week", "must be a whole number with a unit"),
        ("training_window", "0s", "must be a number above 0"),
        ("training_window", "since noon", "since : must be"),
        ("split", "group", "must be "),
        ("select_k", "0", "must be a whole number of at least 1"),
        ("min_votes", "0", r"must be a share of the scorers in \(0, 1\) or a whole number from 1 to 6"),
        ("min_votes", "7", r"must be a share of the scorers in \(0, 1\) or a whole number from 1 to 6"),
        ("min_votes", "2.5", r"must be a share of the scorers in \(0, 1\) or a whole number from 1 to 6"),
        ("max_correlation", "1.1", "must be a number above 0 and at most 1"),
        ("max_drift", "0", "must be a number above 0 and at most 1"),
        ("search", "bayes", "must be among random, grid"),
        ("combinations", "0", "must be a whole number of at least 1"),
        ("threshold_rule", "min_precision:2", "must be max_f1, min_precision:SHARE"),
        ("drift_reference", "month", "must be among fixed, day"),
        ("stream_seconds", "0", "must be a whole number of at least 1"),
        ("stream_rate", "0", "must be a whole number of at least 1"),
    ],
)
def test_a_value_that_a_job_would_refuse_is_refused_at_the_command_line(name, text, rule):
    with pytest.raises(InputError, match=f"^workflow parameter '{name}': {rule}"):
        parameters.parse(parameters.NAMES["main"], name, text)
    parameters.check(parameters.NAMES["main"], {name: parameters.DEFAULTS[name]})


def test_what_is_checked_without_long_imports_is_what_the_jobs_have():
    from drift.reference_rows import REFERENCES
    from project.parameters import _REFERENCES
    from training.selection.feature_scorers import SCORERS

    assert len(SCORERS) == parameter_rules.VOTERS
    assert set(_REFERENCES) == set(REFERENCES)
    code = "import sys, project.parameters; print({'pandas', 'numpy', 'mlrun'} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout == "set()\n"


def test_values_are_held_against_the_type_of_the_default():
    parameters.check(parameters.NAMES["main"], {"seed": 3, "min_votes": 2, "deploy_streaming": False})
    with pytest.raises(InputError, match="'seed': must be a whole number of at least 0, got True"):
        parameters.check(parameters.NAMES["main"], {"seed": True})
    with pytest.raises(InputError, match="'deploy_streaming': must be true or false, got 1"):
        parameters.check(parameters.NAMES["main"], {"deploy_streaming": 1})
    with pytest.raises(InputError, match="must be among none"):
        parameters.check(parameters.NAMES["serve"], {"seed": 3})
