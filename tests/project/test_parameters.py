import inspect

import pytest

from feature_sets.checks import InputError
from project import parameters


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


def test_values_are_held_against_the_type_of_the_default():
    parameters.check(parameters.NAMES["main"], {"seed": 3, "min_votes": 2, "deploy_streaming": False})
    with pytest.raises(InputError, match="'seed': must be a whole number of at least 0, got True"):
        parameters.check(parameters.NAMES["main"], {"seed": True})
    with pytest.raises(InputError, match="'deploy_streaming': must be true or false, got 1"):
        parameters.check(parameters.NAMES["main"], {"deploy_streaming": 1})
    with pytest.raises(InputError, match="must be among none"):
        parameters.check(parameters.NAMES["serve"], {"seed": 3})
