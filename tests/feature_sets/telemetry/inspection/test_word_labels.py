"""Labels in words, or of a name that says the opposite: no proposal makes all readings errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from feature_sets.telemetry.inspection.folder_check import check_folder
from tests.feature_sets.telemetry.inspection.test_folder_check import frames, taken, write
from tests.feature_sets.telemetry.inspection.test_label_shapes import errors


def said(words: list[str | int], name: str = "state", share: float = 1.0) -> dict[str, pd.DataFrame]:
    """A row of labels a reading, the first word most often, or one of a share of them."""
    given = frames()
    keys = given["labels"][["router", "time"]]
    places = np.maximum(np.arange(len(keys)) % (len(words) + 2) - 2, 0)
    labels = keys.assign(**{name: [words[place] for place in places]})
    given["labels"] = labels.sample(frac=share, random_state=1).sort_index()
    return given


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["up", "down"], {"down"}),
        (["OK", "CRITICAL"], {"CRITICAL"}),
        (["ok", "warning", "critical"], {"critical"}),
        (["ok", "WARNING"], {"WARNING"}),
        (["normal", "congested", "flapping"], {"congested", "flapping"}),
        (["in service", "failed"], {"failed"}),
        (["frisk", "syk"], {"syk"}),
        ([0, 3], {"3"}),
        (["yes", "fine", "no"], {"yes"}),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_words_get_a_meaning_and_the_folder_is_read(
    tmp_path: Path, words: list[str | int], wrong: set[str], suffix: str
) -> None:
    given = said(words)
    folder = write(tmp_path, given, suffix)
    check, schema = taken(folder)
    assert (schema.label, schema.labels.form) == ("state", "rows")
    bad = given["labels"]["state"].astype(str).isin(wrong)
    assert errors(folder, schema) and len(errors(folder, schema)) == bad.sum() < len(bad)
    (told,) = (sentence for sentence in check.proposal.decide if "labels.values" in sentence)
    assert all(repr(str(word)) in told for word in words)
    assert ("the rarer one" in told) == (words[0] == "frisk")


def test_words_that_say_nothing_are_left_out(tmp_path: Path) -> None:
    check = check_folder(write(tmp_path, said(["OK", "UNKNOWN", "DOWN", "ok"]), ".csv"))
    assert check.proposal.content is not None
    assert check.proposal.content["labels"] == {"values": {"OK": 0, "DOWN": 1}}
    assert any("Rows that say 'UNKNOWN' are left out" in sentence for sentence in check.proposal.decide)


@pytest.mark.parametrize("words", [["a", "b", "c"], ["warning", "a", "b"], [0, 1, 2, 5], [1, 2]])
def test_words_that_nobody_knows_are_asked_for(tmp_path: Path, words: list[str | int]) -> None:
    check = check_folder(write(tmp_path, said(words), ".csv"))
    assert check.schema_text() is None
    (missing,) = check.proposal.missing
    assert "label: state" in missing and "labels.values" in missing
    assert all(repr(str(word)) in missing for word in words)


def test_a_row_for_each_reading_without_a_label_is_no_error(tmp_path: Path) -> None:
    given = said(["same"])
    given["labels"]["note"] = [f"text {number}" for number in range(len(given["labels"]))]
    check = check_folder(write(tmp_path, given, ".csv"))
    assert check.proposal.missing == [
        "No column of the labels holds 0 and 1 (or true and false, yes and no)."
    ]


@pytest.mark.parametrize("words", [["power", "fiber"], ["critical", "major"], ["err", "crit", "alert"]])
def test_few_rows_with_causes_stay_errors_only(tmp_path: Path, words: list[str | int]) -> None:
    _, schema = taken(write(tmp_path, said(words, "cause", share=0.1), ".csv"))
    assert schema.labels.form == "positives"


def test_few_rows_with_words_of_health_are_no_errors_only(tmp_path: Path) -> None:
    _, schema = taken(write(tmp_path, said(["up", "down"], share=0.1), ".csv"))
    assert (schema.labels.form, schema.labels.values) == ("rows", {"up": 0, "down": 1})


@pytest.mark.parametrize("name", ["ok", "is_healthy", "Reachable"])
def test_a_label_whose_1_is_healthy_is_asked_to_be_turned_round(tmp_path: Path, name: str) -> None:
    check = check_folder(write(tmp_path, said([1, 0], name), ".csv"))
    (missing,) = check.proposal.missing
    assert missing.startswith(f"'{name}' sounds as if 1 were no error")


@pytest.mark.parametrize("share", [1.0, 0.1])
def test_a_label_of_1_in_every_row(tmp_path: Path, share: float) -> None:
    check, schema = taken(write(tmp_path, said([1], "is_error", share), ".csv"))
    assert schema.labels.form == ("rows" if share == 1 else "positives")
    learned = [sentence for sentence in check.proposal.decide if "nothing can be learned" in sentence]
    assert len(learned) == (share == 1)
