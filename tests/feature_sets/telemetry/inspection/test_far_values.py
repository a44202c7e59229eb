"""Numbers that mean no reading: they are told where they come again and again, far from all others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from feature_sets.telemetry.inspection.far_values import tell_far_values
from feature_sets.telemetry.inspection.folder_check import check_folder
from tests.feature_sets.telemetry.inspection.test_folder_check import frames, write

SNR = np.random.default_rng(5).normal(36, 2, 2000).round(1)


def with_values(*values: float, times: int = 4) -> pa.ChunkedArray:
    return pa.chunked_array([np.concatenate([SNR, np.repeat(values, times)])])


def test_numbers_far_from_all_others_on_both_sides_are_told() -> None:
    assert tell_far_values(with_values(-999, 65535), "snr") == (
        "'snr' is -999 in 4 and 65,535 in 4 of 2,008 rows, far from all others "
        f"({SNR.min()} to {SNR.max()}): if that means no reading, name it in no_value of the "
        "metric, or give that a range without it."
    )


@pytest.mark.parametrize(
    "column",
    [
        pa.chunked_array([SNR]),
        with_values(-999, times=2),  # A fault of two readings may be true.
        with_values(-999.5),
        with_values(20, 50),  # Not far enough.
        with_values(1e3, 2e3, 3e3, 4e3),  # The metric itself reaches that far.
        with_values(-999, times=2000),
        pa.chunked_array([[*[0.0] * 500, *[100.0] * 4]]),  # Loss is 0 or all.
        pa.chunked_array([[1.0, 2.0, *[-999.0] * 3]]),
        pa.chunked_array([[None] * 200], type=pa.float64()),
    ],
)
def test_what_may_be_a_reading_is_not_told(column: pa.ChunkedArray) -> None:
    assert tell_far_values(column, "snr") == ""


def test_they_are_told_of_a_folder(tmp_path: Path) -> None:
    tables = frames()
    load = tables["metrics"]["load"]
    tables["metrics"]["load"] = load.where(np.arange(len(load)) % 40 != 7, -1e6)
    check = check_folder(write(tmp_path, tables, ".csv"))
    (told,) = (sentence for sentence in check.proposal.decide if "far from all" in sentence)
    assert told.startswith("'load' is -1,000,000 in 6 of 240 rows, far from all others (")
