"""The one error form, and the checks behind it."""

import math
import pickle

import pytest

from feature_sets.checks import (
    InputError,
    check_boolean,
    check_choice,
    check_integer,
    check_number,
    duration_seconds,
)


def test_of_a_huge_value_the_message_shows_the_beginning():
    error = InputError("schema", "must be a mapping", "x" * 10_000)
    assert str(error).endswith("xxx... (10,002 characters)")
    assert len(str(error)) < 600 and error.got == "x" * 10_000


def test_the_error_names_where_rule_and_value():
    error = InputError("argument 'folds'", "must be a whole number of at least 1", 0)
    assert str(error) == "argument 'folds': must be a whole number of at least 1, got 0"
    assert (error.where, error.rule, error.got) == (
        "argument 'folds'",
        "must be a whole number of at least 1",
        0,
    )
    assert str(InputError("", "must be JSON", "x")) == "must be JSON, got 'x'"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("value", [0.1, 1, 0.999])
def test_numbers_within_bounds_are_taken(value):
    assert check_number("x", value, above=0, at_most=1) == value


@pytest.mark.parametrize("value", [0, 1.1, 10**400, -(10**400), math.nan, math.inf, True, "0.5", None])
def test_other_numbers_are_refused(value):
    with pytest.raises(InputError, match=r"^x: must be a number above 0 and at most 1, got "):
        check_number("x", value, above=0, at_most=1)


@pytest.mark.parametrize(("value", "bounds"), [(1, {"below": 1}), (0, {"at_least": 0.5})])
def test_bounds_are_kept_to(value, bounds):
    with pytest.raises(InputError, match="must be a number"):
        check_number("x", value, **bounds)


@pytest.mark.parametrize("value", [1, 5.0, 9])
def test_integers_within_bounds_are_taken(value):
    assert check_integer("n", value, at_least=1, at_most=9) == int(value)


@pytest.mark.parametrize("value", [0, 10, 1.5, math.nan, math.inf, True, "3", None])
def test_other_integers_are_refused(value):
    with pytest.raises(InputError, match=r"^n: must be a whole number of at least 1 and at most 9, got "):
        check_integer("n", value, at_least=1, at_most=9)


@pytest.mark.parametrize(("value", "truth"), [(True, True), (False, False), ("True", True), ("false", False)])
def test_truth_values_are_taken_also_as_text(value, truth):
    assert check_boolean("b", value) is truth


@pytest.mark.parametrize("value", [1, 0, "yes", None])
def test_other_truth_values_are_refused(value):
    with pytest.raises(InputError, match=r"^b: must be true or false, got "):
        check_boolean("b", value)


def test_choices_name_what_there_is():
    assert check_choice("c", "a", ("a", "b")) == "a"
    for value in ("d", None, 1):
        with pytest.raises(InputError, match=r"^c: must be among a, b, got "):
            check_choice("c", value, ("a", "b"))


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10), ("5m", 300), ("2h", 7200), ("1d", 86400), ("0s", 0)]
)
def test_durations_are_whole_numbers_with_a_unit(text, seconds):
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "1.5m", "-1s", "5 m", "5w", 5, None])
def test_other_durations_are_refused(text):
    with pytest.raises(InputError, match="must be a whole number with a unit s, m, h or d"):
        duration_seconds(text)
