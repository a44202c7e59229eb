"""Ids of digits: columns that name devices are seen, and wrong keys are refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.inspection.folder_check import check_folder
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from tests.feature_sets.telemetry.inspection.test_folder_check import Frames, frames, taken, write


def numbered(ids: list[int], column: str = "device") -> Frames:
    """The readings and labels of ``frames`` with ids of digits, without a static file."""
    tables = frames()
    del tables["static"]
    numbers = {f"r{place}": number for place, number in enumerate(ids)}
    return {
        name: frame.assign(router=frame["router"].map(numbers)).rename(columns={"router": column})
        for name, frame in tables.items()
    }


@pytest.mark.parametrize(
    ("ids", "column"),
    [
        (list(range(1, 7)), "device"),
        ([2**53 - 3 + number for number in range(6)], "host_id"),
        ([1_600_000_000 + number for number in range(6)], "nodeId"),
        ([0, 1, 0, 1, 0, 1], "unit"),
    ],
)
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_ids_of_digits_without_a_static_file_name_the_devices(
    tmp_path: Path, ids: list[int], column: str, suffix: str
) -> None:
    tables = numbered(ids, column)
    if column == "unit":  # Nothing but it can name them.
        tables = {name: frame.drop_duplicates([column, "time"]) for name, frame in tables.items()}
    _, schema = taken(write(tmp_path, tables, suffix))
    assert (schema.entity, schema.time) == ((column,), "time")


def test_ids_may_be_of_another_type_in_each_file(tmp_path: Path) -> None:
    tables = numbered([2**53 - 3 + number for number in range(6)])
    for name, kind in (("metrics", pa.decimal128(20, 0)), ("labels", pa.int64())):
        ids = [Decimal(number) if name == "metrics" else number for number in tables[name]["device"].tolist()]
        table = pa.Table.from_pandas(tables[name].drop(columns="device"), preserve_index=False)
        pq.write_table(table.append_column("device", pa.array(ids, kind)), tmp_path / f"{name}.parquet")
    check, schema = taken(tmp_path)
    assert schema.entity == ("device",)
    assert check.proposal.cadence is not None and check.proposal.cadence.devices == 6


def test_ids_under_another_name_in_the_labels_are_found(tmp_path: Path) -> None:
    tables = numbered(list(range(1, 7)))
    tables["labels"] = tables["labels"].rename(columns={"device": "host"})
    _, schema = taken(write(tmp_path, tables))
    assert (schema.entity, dict(schema.rename)) == (("device",), {"host": "device"})


def test_folders_of_digits_name_the_devices_and_those_of_a_calendar_do_not(tmp_path: Path) -> None:
    tables = numbered(list(range(1, 7)), "unit")
    site = np.where(tables["labels"]["unit"] < 4, "oslo", "bergen")
    labels = tables["labels"].assign(site=site, unit=tables["labels"]["unit"].map("{:03d}".format), month=3)
    for unit, rows in tables["metrics"].groupby("unit"):
        below = (
            tmp_path / "metrics" / f"site={'oslo' if unit < 4 else 'bergen'}" / f"unit={unit:03d}" / "month=3"
        )
        below.mkdir(parents=True)
        rows.drop(columns="unit").to_csv(below / "0.csv", index=False)
    labels.to_csv(tmp_path / "labels.csv", index=False)
    check, schema = taken(tmp_path)
    assert schema.entity == ("site", "unit")
    assert check.proposal.cadence is not None and check.proposal.cadence.devices == 6


def test_measured_whole_numbers_beside_the_labels_are_no_ids(tmp_path: Path) -> None:
    tables = frames()
    sizes = np.random.default_rng(0).integers(0, 5, len(tables["metrics"]))
    names = ("queue_len", "interface_errors")
    for name in ("metrics", "labels"):
        tables[name] = tables[name].assign(
            queue_len=sizes, interface_errors=sizes, row_id=np.arange(len(sizes))
        )
    _, schema = taken(write(tmp_path, tables))
    assert schema.entity == ("router",)
    assert set(names) <= set(schema.metric_names) and "row_id" not in schema.metric_names
    tables = {name: frame.drop(columns="router") for name, frame in tables.items() if name != "static"}
    for name, frame in tables.items():
        tables[name] = frame.assign(site="oslo")
    check = check_folder(write(tmp_path / "site", tables))
    assert check.schema_text() is None
    assert any("so these do not name a reading" in sentence for sentence in check.proposal.missing)
    tables = {name: frame.drop(columns="site") for name, frame in tables.items()}
    check = check_folder(write(tmp_path / "none", tables))
    (sentence,) = check.proposal.missing
    assert sentence.startswith(
        "Whole numbers in 'queue_len', 'interface_errors' are in metrics, labels alike"
    )


@pytest.mark.parametrize(
    ("change", "how"),
    [
        (str.upper, "in upper and lower case, such as 'R0' and 'r0'"),
        (lambda name: f"{name}.example.net", "in the domain after the name"),
        (
            lambda name: name.upper().replace("/", "_"),
            "in the signs between their parts, and upper and lower",
        ),
    ],
)
def test_devices_that_tables_write_in_two_ways_are_refused(tmp_path: Path, change: object, how: str) -> None:
    tables = frames()
    for frame in tables.values():
        frame["router"] = frame["router"].str.replace("r", "r/") if "parts" in how else frame["router"]
    tables["labels"]["router"] = tables["labels"]["router"].map(change)
    check = check_folder(write(tmp_path, tables))
    (sentence,) = check.proposal.missing
    assert sentence.startswith(
        "6 of 6 values of 'router' in the labels differ from those of the metrics only"
    )
    assert how in sentence


def test_addresses_are_of_different_devices(tmp_path: Path) -> None:
    tables = frames()
    for frame in tables.values():
        frame["router"] = "10.0.0." + frame["router"].str.removeprefix("r")
    tables["labels"] = tables["labels"].assign(
        router=tables["labels"]["router"].replace("10.0.0.1", "10.0.0.77")
    )
    check = check_folder(write(tmp_path, tables))
    assert check.schema_text() is not None
    assert not any("domain" in sentence for sentence in check.proposal.decide)


def test_zeros_at_the_front_and_labels_of_other_devices_are_told(tmp_path: Path) -> None:
    tables = numbered(list(range(1, 7)))
    whole = tables["labels"]
    tables["labels"] = whole.assign(device=whole["device"].map("{:03d}".format))
    (sentence,) = check_folder(write(tmp_path / "a", tables, ".csv")).proposal.missing
    assert "only in zeros at the front, such as '001' and '1'" in sentence
    tables["labels"] = whole.assign(device=whole["device"] + 100)
    (sentence,) = check_folder(write(tmp_path / "b", tables, ".csv")).proposal.missing
    assert sentence.startswith("None of the 6 values of 'device' in the labels, such as '101', is in the")
    some = whole["device"].astype(str).where(whole["device"] != 4, "04")
    tables["labels"] = whole.assign(device=some)
    check = check_folder(write(tmp_path / "c", tables, ".csv"))
    assert check.schema_text() is not None
    assert any(sentence.startswith("1 of 6 values of 'device'") for sentence in check.proposal.decide)


def test_bytes_that_are_no_text_are_no_names(tmp_path: Path) -> None:
    tables = frames()
    del tables["static"]
    for name, frame in tables.items():
        ids = pa.array([text.encode().rjust(16, b"\xff") for text in frame["router"]], pa.binary(16))
        table = pa.Table.from_pandas(frame.drop(columns="router"), preserve_index=False)
        pq.write_table(table.append_column("router", ids), tmp_path / f"{name}.parquet")
    (sentence,) = check_folder(tmp_path).proposal.missing
    assert "'router' of the metrics holds bytes that are no text (fixed_size_binary[16])" in sentence
    own = {"router": ids, "time": table["time"], "load": pa.array(np.ones(len(ids)))}
    pq.write_table(pa.table(own), tmp_path / "metrics.parquet")
    schema = TelemetrySchema.from_dict(
        {"name": "own", "entity": ["router"], "time": "time", "metrics": {"load": {}}, "label": "is_error"}
    )
    rule = "router bytes ffffffffffffffffffffffffffff7230 in row 1 of metrics.parquet: must be whole Unicode"
    with pytest.raises(TelemetryError, match=f"{rule} .*a UUID as its 36 characters"):
        read_telemetry(tmp_path, schema)


def test_a_name_that_two_tables_have_is_told_as_the_files_call_it(tmp_path: Path) -> None:
    tables = frames()
    tables["metrics"] = tables["metrics"].rename(columns={"load": "version"})
    tables["static"] = tables["static"].assign(version=["1.10", "1.9"] * 3)
    check, schema = taken(write(tmp_path / "static", tables))
    assert "my_version" in schema.metric_names and schema.static == ("role",)
    assert any(
        sentence.startswith("'version' of the static file is not") for sentence in check.proposal.decide
    )
    tables["labels"] = tables["labels"].drop(columns="planned").rename(columns={"is_error": "version"})
    del tables["static"]
    (sentence,) = check_folder(write(tmp_path / "label", tables)).proposal.missing
    assert "that is 'version' in the metrics and in the labels, and one of them needs another" in sentence
