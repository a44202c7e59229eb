"""How a version has done on labeled rows, whether it was in production or in shadow."""

from datetime import UTC, datetime

import numpy as np
import pytest

from project.retraining.realised_errors import RealisedErrors
from tests.project.retraining.test_shadow_comparison import END, SCHEMA, write

BEGIN = "2026-01-01T00:30:00+00:00"


@pytest.fixture
def folder(tmp_path):
    """Version b is in shadow for 900 rows, and in production for as many; a sees its first errors late."""
    random = np.random.default_rng(4)
    for name, hour, versions, shadows in (("1", 1, ("a", "b"), True), ("2", 17, ("b", "a"), False)):
        labels = (random.random(900) < 0.1).astype(int)
        told = np.where(labels == 1, 0.9, 0.1)
        told[np.flatnonzero(labels)[:10]] = 0.2  # Missed, whoever says it.
        write(tmp_path, name, 900, labels, told, told, versions, shadows, hour=hour, step=20)
    return tmp_path


def test_answers_in_shadow_and_in_production_count_each_row_once(folder):
    errors = RealisedErrors(folder)
    found = errors.since("b", BEGIN, END, SCHEMA, 0.9)
    assert (found.wrong.n, found.wrong.errors, found.errors - found.caught) == (1800, 20, 20)
    assert (found.caught_before, found.episodes > 1, found.inflation >= 1) == (0.9, True, True)
    shadowed = errors.since("a", BEGIN, END, SCHEMA, 0.9)
    assert (shadowed.wrong.n, shadowed.wrong.errors) == (900, 10)
    assert errors.since("c", BEGIN, END, SCHEMA, None).wrong.n == 0


def test_rows_of_before_and_rows_whose_label_may_still_come_do_not_count(folder):
    errors = RealisedErrors(folder)
    mature = datetime(2026, 1, 1, 17, 9, 59, tzinfo=UTC)
    assert errors.since("b", "2026-01-01T05:00:00+00:00", mature, SCHEMA, None).wrong.n == 179 + 30


def test_a_file_is_read_once_and_a_new_one_is_added(folder, monkeypatch):
    errors = RealisedErrors(folder)
    before = errors.since("b", BEGIN, END, SCHEMA, None).wrong.n
    write(folder, "3", 90, np.zeros(90, int), np.zeros(90), np.zeros(90), ("b", "a"), hour=23, step=20)
    read = []
    monkeypatch.setattr(
        "project.retraining.realised_errors.columns_of",
        lambda path: read.append(path.name) or ["shadows"],
    )
    assert errors.since("b", BEGIN, END, SCHEMA, None).wrong.n == before + 90
    assert read == ["3.parquet"]
