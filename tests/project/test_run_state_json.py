"""Notes of a step are those that MLRun itself would read."""

from __future__ import annotations

import json
from pathlib import Path

import mlrun
import numpy as np
import pytest
from mlrun.execution import MLClientCtx

from project.run_state_json import read_notes_as_json
from tests.training.memory_run_db import MemoryRunDB


@pytest.fixture(params=["as MLRun reads", "as JSON"])
def reading(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MLClientCtx, "_read_tmpfile", MLClientCtx._read_tmpfile)
    if request.param == "as JSON":
        read_notes_as_json()


@pytest.mark.usefixtures("reading")
def test_a_file_of_notes_has_every_result_of_a_step(tmp_path: Path) -> None:
    notes = tmp_path / "notes.json"
    notes.touch()
    content = {"metadata": {"name": "step", "project": "p"}, "spec": {"parameters": {"day": "2024-01-01"}}}
    context = MLClientCtx.from_dict(content, rundb=MemoryRunDB(), autocommit=False, tmp=str(notes))
    context.log_result("rows", np.int64(7))
    context.log_results({"words": "Störung: „a“\n- b", "share": 0.1, "none": None, "big": 1e300})
    found = json.loads(notes.read_text(encoding="utf-8"))
    results = {"rows": 7, "words": "Störung: „a“\n- b", "share": 0.1, "none": None, "big": 1e300}
    assert found["status"]["results"] == results
    assert found["spec"]["parameters"] == {"day": "2024-01-01"}


def test_a_small_number_stays_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """YAML takes 1e-05 for a word."""
    monkeypatch.setattr(MLClientCtx, "_read_tmpfile", MLClientCtx._read_tmpfile)
    read_notes_as_json()
    notes = tmp_path / "notes.json"
    notes.write_text('{"share": 1e-05}', encoding="utf-8")
    assert MLClientCtx(tmp=str(notes))._read_tmpfile() == {"share": 1e-05}


def test_without_a_file_there_are_no_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MLClientCtx, "_read_tmpfile", MLClientCtx._read_tmpfile)
    read_notes_as_json()
    assert mlrun.MLClientCtx()._read_tmpfile() is None
