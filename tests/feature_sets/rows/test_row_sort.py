"""Rows sorted on disk are those sorted in memory; the disk is left as it was."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from feature_sets.checks import InputError
from feature_sets.rows import row_sort, spilled_rows
from feature_sets.rows.row_sort import RowSort
from feature_sets.rows.spilled_rows import RowSpool, rechunked


def tables(seed: int, rows: int, size: int, span: int) -> list[pa.Table]:
    generator = np.random.default_rng(seed)
    values = generator.integers(0, span, rows)
    whole = pa.table({"at": values, "row": np.arange(rows), "v": generator.normal(size=rows)})
    return [whole.slice(start, size) for start in range(0, rows, size)]


@pytest.mark.parametrize("memory", [1, 2_000, 1 << 30])
@pytest.mark.parametrize("span", [1, 7, 10_000])
@pytest.mark.parametrize("rows", [1, 64, 10_000])
def test_slices_hold_all_rows_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: int, span: int, rows: int
) -> None:
    monkeypatch.setattr(row_sort, "_BLOCK_BYTES", 200)
    monkeypatch.setattr(row_sort, "_MOST_RUNS", 5)
    parts = tables(3, 1_000, 37, span)
    sort = RowSort("at", tmp_path, memory)
    for part in parts:
        sort.add(part)
    found = list(sort.slices(rows))
    for one, other in itertools.pairwise(found):
        assert max(one["at"].to_pylist()) < min(other["at"].to_pylist())
        assert one.num_rows >= 1
    both = [
        pa.concat_tables(part).sort_by([("at", "ascending"), ("row", "ascending")]) for part in (found, parts)
    ]
    assert both[0].equals(both[1])
    if span == 10_000 and rows < 1_000:
        assert max(part.num_rows for part in found) <= rows + 10 * 30
    assert list(tmp_path.iterdir()) == []
    sort.close()


def test_many_rows_of_one_value_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of a file of the past have one time of arrival."""
    monkeypatch.setattr(row_sort, "_BLOCK_BYTES", 200)
    split, sizes = row_sort._split, []
    monkeypatch.setattr(row_sort, "_split", lambda *given: sizes.append(len(given[0])) or split(*given))
    sort = RowSort("at")
    for part in tables(3, 1_000, 37, 1):
        sort.add(part)
    (found,) = sort.slices(10)
    assert found.num_rows == 1_000 and len(sizes) == 1 and sizes[0] > 50


def test_nothing_has_no_slices(tmp_path: Path) -> None:
    sort = RowSort("at", tmp_path)
    sort.add(tables(1, 1, 1, 1)[0].slice(0, 0))
    assert list(sort.slices(10)) == []


@pytest.mark.parametrize("memory", [0, 2_000, 1 << 30])
def test_a_spool_gives_its_rows_again_and_again(tmp_path: Path, memory: int) -> None:
    parts = tables(5, 500, 60, 100)
    spool = RowSpool(tmp_path, memory)
    for part in parts:
        spool.append(part)
    assert spool.rows == 500
    for _ in range(2):
        assert pa.concat_tables(list(spool)).equals(pa.concat_tables(parts))
    sizes = [table.num_rows for table in rechunked(iter(spool), 70)]
    assert sizes == [70] * 7 + [10]
    assert pa.concat_tables(list(rechunked(iter(spool), 70))).equals(pa.concat_tables(parts))


def test_a_full_disk_is_told_before_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spilled_rows, "RESERVE_BYTES", 1 << 60)  # No disk of today has as much.
    spool = RowSpool(tmp_path, 0)
    with pytest.raises(InputError, match=r"disk of folder .* must have [\d,]+ MB free for rows"):
        spool.append(tables(1, 10, 10, 10)[0])


def test_a_folder_that_takes_no_files_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must take temporary files"):
        RowSpool(tmp_path / "absent", 0).append(tables(1, 10, 10, 10)[0])


def test_a_write_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = RowSpool(tmp_path, 0)
    monkeypatch.setattr(spilled_rows, "check_free_space", lambda folder, size: None)
    spool.append(tables(1, 10, 10, 10)[0])
    assert spool._file is not None
    spool._file._file.close()
    spool._file._file = open("/dev/full", "wb")  # noqa: SIM115, PTH123
    with pytest.raises(InputError, match=r"must have [\d,]+ MB free"):
        spool.append(tables(1, 10, 10, 10)[0])
