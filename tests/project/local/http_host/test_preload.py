"""What a graph names is imported ahead; code of others that fails then does not keep the rest from it."""

from __future__ import annotations

import logging
import sys

import pytest

from project.local.http_host.preload import preload

SOURCES = {
    "fails_at_import": "raise KeyError('no such key')\n",
    "fails_in_hook": "def preload():\n    {}['cache']\n",
    "is_no_code": "def (:\n",
    "is_fine": "called = []\ndef preload():\n    called.append(1)\n",
}


@pytest.fixture
def modules(tmp_path, monkeypatch):
    for name, source in SOURCES.items():
        (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in SOURCES:
        sys.modules.pop(name, None)


def test_a_module_that_fails_ahead_is_told_with_its_error_and_the_others_are_loaded(modules, caplog):
    steps = {name: {"class_name": f"{name}.Step"} for name in SOURCES}
    graph = {"steps": {**steps, "nowhere": {"class_name": "no_such_module.Step"}}}
    with caplog.at_level(logging.WARNING):
        preload({"kind": "serving", "spec": {"graph": graph}})
    assert sys.modules["is_fine"].called == [1]
    told = {record.getMessage().split(" could not be loaded ahead: ")[0] for record in caplog.records}
    assert told == {"fails_at_import", "fails_in_hook", "is_no_code", "no_such_module"}
    assert "fails_in_hook could not be loaded ahead: KeyError: 'cache'" in caplog.text


def test_nothing_is_loaded_of_a_function_that_serves_no_graph(modules):
    preload({"kind": "nuclio", "spec": {"graph": {"class_name": "is_fine.Step"}}})
    assert "is_fine" not in sys.modules
