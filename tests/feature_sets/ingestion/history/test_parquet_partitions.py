from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlrun.datastore.targets import ParquetTarget

from feature_sets.ingestion.errors import IngestError
from feature_sets.ingestion.history.parquet_partitions import PartitionFiles, granularity_of, partitions

TIMES = np.array(
    ["2024-01-31T23:59:59", "2024-02-01T00:00:00", "2024-02-01T01:00:00"], dtype="datetime64[us]"
)


@pytest.mark.parametrize(
    ("granularity", "folders"),
    [
        (None, [""]),
        ("year", ["year=2024/"]),
        ("month", ["year=2024/month=01/", "year=2024/month=02/"]),
        ("day", ["year=2024/month=01/day=31/", "year=2024/month=02/day=01/"]),
        (
            "hour",
            [
                "year=2024/month=01/day=31/hour=23/",
                "year=2024/month=02/day=01/hour=00/",
                "year=2024/month=02/day=01/hour=01/",
            ],
        ),
    ],
)
def test_a_row_at_midnight_is_in_the_day_that_begins(granularity, folders):
    assert [folder for folder, _ in partitions(TIMES, granularity)] == folders


def test_rows_out_of_order_are_gathered_in_their_folder_in_their_order():
    found = list(partitions(TIMES[[1, 0, 2, 1]], "day"))
    assert [rows.tolist() for _, rows in found] == [[1], [0, 2, 3]]


@pytest.mark.parametrize("granularity", [None, "day"])
def test_no_rows_make_no_folder(granularity):
    assert list(partitions(TIMES[:0], granularity)) == []


def test_a_target_is_partitioned_as_mlrun_does():
    assert granularity_of(ParquetTarget("a", partitioned=True)) == "hour"
    assert granularity_of(ParquetTarget("a", time_partitioning_granularity="month")) == "month"
    assert granularity_of(ParquetTarget("a", path="/x/y.parquet")) is None


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_the_files_hold_every_row_once(tmp_path, order):
    table = pa.table({"x": order, "box": ["a", "b", "a"]})
    with ThreadPoolExecutor(2) as pool:
        writing = PartitionFiles(f"{tmp_path}/t/", False, "day", pool)
        writing.add(table, TIMES[order])
        assert sum(file.rows for file in writing.written()) == 3
    files = sorted((tmp_path / "t").rglob("*.parquet"))
    rows = [pq.read_table(file, partitioning=None)["x"].to_pylist() for file in files]
    assert rows == [[0], [at for at in order if at]]


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "t").write_text("a file")
    with ThreadPoolExecutor(1) as pool:
        files = PartitionFiles(f"{tmp_path}/t/", False, None, pool)
        files.add(pa.table({"x": [1, 2, 3]}), TIMES)
        with pytest.raises(IngestError, match=r"Parquet files must be writable at .*/t/"):
            files.written()
    assert (tmp_path / "t").read_text() == "a file"


def test_what_is_known_of_a_file_are_its_rows_and_times(tmp_path):
    arrivals = np.array([9, 8, 7])
    with ThreadPoolExecutor(2) as pool:
        writing = PartitionFiles(f"{tmp_path}/t/", False, "day", pool)
        writing.add(pa.table({"x": [1, 2, 3]}), TIMES, arrivals)
        first, second = writing.written()
    micros = TIMES.astype(np.int64).tolist()
    assert (first.folder, first.rows, first.first, first.last, first.arrived) == (
        "year=2024/month=01/day=31/",
        1,
        micros[0],
        micros[0],
        9,
    )
    assert (second.rows, second.first, second.last, second.arrived) == (2, micros[1], micros[2], 8)
    assert (tmp_path / "t" / second.path).is_file()
