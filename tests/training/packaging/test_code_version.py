"""The version of the code depends on what the code says and on nothing else."""

from __future__ import annotations

import re

from training.packaging.code_version import code_version, source_digest


def write(root, text="x = 1\n", name="training/model.py"):
    for room in ("training", "feature_sets"):
        (root / room).mkdir(parents=True, exist_ok=True)
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return source_digest(root)


def test_the_same_files_elsewhere_give_the_same_digest(tmp_path):
    here, there = write(tmp_path / "a"), write(tmp_path / "b" / "c")
    assert here == there == write(tmp_path / "d", "x = 1\r\n")


def test_another_line_or_name_gives_another_digest(tmp_path):
    digests = {
        write(tmp_path / "a"),
        write(tmp_path / "b", "x = 2\n"),
        write(tmp_path / "c", name="training/other.py"),
        write(tmp_path / "d", name="feature_sets/model.py"),
        write(tmp_path / "e", name="feature_sets/model.yaml"),
    }
    assert len(digests) == 5


def test_what_is_not_source_does_not_count(tmp_path):
    before = write(tmp_path)
    write(tmp_path, "cached", "training/__pycache__/model.pyc")
    write(tmp_path, "x", "project/cli.py")
    assert source_digest(tmp_path) == before


def test_this_code_has_a_version():
    assert re.fullmatch(r"[0-9.]+\+[0-9a-f]{12}", code_version())
