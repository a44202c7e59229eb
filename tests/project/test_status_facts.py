"""What one project cannot tell keeps ``netops status`` from nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from project.api_reader import Endpoint
from project.cli import status_facts
from project.cli.status_text import print_text
from project.function_names import SERVING
from project.retraining.state import LoopState
from project.retraining.state_file import StateFile
from project.session import Session
from project.settings import Settings

AWAY = Session("", "", owned=True, started=False)
STOPPED = [Endpoint(SERVING, "", "offline", "", "", project) for project in ("east", "west")]


def told(home: Path, session: Session = AWAY, found: list[Endpoint] = STOPPED) -> status_facts.StatusFacts:
    return status_facts.status_facts(Settings(home=home), session, found, [], None)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (json.dumps({**LoopState().to_dict(), "format": 2}), "must be 1, which this release knows"),
        (json.dumps({**LoopState().to_dict(), "of_later": 1}), "must have no fields but those"),
        ('{"format": 1}', "must be a state of the loop that this release knows"),
        ('{"form', "must be a state of the loop that this release knows"),
        ("[]", "must be 1, which this release knows"),
        ("\udc80", "must be a state of the loop that this release knows"),
    ],
)
def test_a_loop_whose_state_is_of_a_newer_release_or_damaged_is_a_line_and_others_are_told(
    tmp_path, capsys, content, says
):
    west = StateFile(tmp_path / "retraining", "west")
    with west.changing():
        west.write(LoopState(stopped="three runs have failed"))
    path = StateFile(tmp_path / "retraining", "east").path
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    print_text(told(tmp_path), 0)
    lines = capsys.readouterr().out.splitlines()
    (of_east,) = [line for line in lines if line.startswith("loop of east: ")]
    assert of_east.startswith(
        f"loop of east: not known, and drift starts no training: project 'east': {path}: "
    )
    assert says in of_east
    assert "next: install the release again that wrote it, or put back the copy of before" in of_east
    assert "loop of west: it has stopped: three runs have failed" in "\n".join(lines)


def test_older_decisions_of_a_newer_release_name_their_file(tmp_path):
    file = StateFile(tmp_path, "east")
    file.path.write_text(json.dumps({**LoopState().to_dict(), "moved": 1}), encoding="utf-8")
    older = tmp_path / "east.older.jsonl"
    older.write_text('{"time": "2026", "outcome": "merged", "reason": "", "by": "kim"}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=rf"project 'east': {older}: must be a state of the loop .*'by'"):
        file.every_decision()


def test_what_was_stored_of_one_project_in_another_form_is_a_line_and_others_are_told(monkeypatch, tmp_path):
    def measured(_dbpath: str, name: str, _onset: str) -> list[str]:
        return [{"west": "4 of 21 columns moved"}[name]]

    monkeypatch.setattr(status_facts, "measured_drift_of", measured)
    for name in ("other_code_of", "earlier_horizons_of", "horizons_without_model_of"):
        monkeypatch.setattr(status_facts, name, lambda *_: [])
    monkeypatch.setattr(status_facts, "other_control_plane", lambda *_: "")
    monkeypatch.setattr(status_facts, "not_ready", lambda _address: "")
    monkeypatch.setattr(status_facts, "deployed", lambda *_: [])
    ready = [Endpoint(SERVING, "http://127.0.0.1:1", "ready", "", "", each.project) for each in STOPPED]
    found = told(tmp_path, Session("http://api", "redis://here", owned=True, started=False), ready)
    assert found.measured_drift == {
        "east": ["not known: what was stored is of another form: KeyError: 'east'"],
        "west": ["4 of 21 columns moved"],
    }


def test_a_note_of_old_data_that_cannot_be_read_names_its_file_and_others_are_told(tmp_path):
    folder = tmp_path / "retention"
    folder.mkdir()
    (folder / "east.json").write_text('{"since": "2026"', encoding="utf-8")
    (folder / "west.json").write_text(
        '{"since": "2026-11-28T05:00:00", "why": "no endpoint"}', encoding="utf-8"
    )
    found = told(tmp_path).not_deleted
    assert found["east"][0].startswith(f"not known: {folder / 'east.json'}: must be a note")
    assert found["west"] == ["none was deleted after runs since 2026-11-28 05:00 UTC: no endpoint"]
