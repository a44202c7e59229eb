"""What each worker of xdist begins its collection with, and that it keeps what it compiles."""

import sys
from types import SimpleNamespace

import pytest

from tests.conftest import SOURCE_ROOT
from tests.shared_bytecode import rotated, shared_bytecode

PARTS = [("a", 1), ("b", 1), ("c", 4), ("d", 1), ("e", 2)]


def test_each_worker_begins_with_another_third_and_collects_all():
    orders = [rotated(PARTS, worker, 3) for worker in range(3)]
    assert orders == [["a", "b", "c", "d", "e"], ["c", "d", "e", "a", "b"], ["d", "e", "a", "b", "c"]]
    assert rotated(PARTS, 0, 1) == ["a", "b", "c", "d", "e"]


def test_only_the_folder_of_all_tests_is_rotated_and_bytecode_is_kept_for_a_while(monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    config = SimpleNamespace(args=["drift", "tests"], rootpath=SOURCE_ROOT)
    with shared_bytecode(config, 1, 3):
        assert not sys.dont_write_bytecode
    assert sys.dont_write_bytecode
    of_all = {str(path) for path in (SOURCE_ROOT / "tests").iterdir() if any(path.rglob("test_*.py"))}
    assert config.args[0] == "drift" and of_all <= set(config.args[1:])
    one = SimpleNamespace(args=["tests/drift"], rootpath=SOURCE_ROOT)
    with pytest.raises(KeyError), shared_bytecode(one, 1, 3):
        raise KeyError
    assert sys.dont_write_bytecode and one.args == ["tests/drift"]
