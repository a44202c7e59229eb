"""Some histories of the simulator in the suite; ``python -m tests.simulation`` runs thousands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.history import History
from tests.simulation.patches import simulated
from tests.simulation.plants import PLANTS
from tests.simulation.run import main, run


def test_histories_are_equal_to_the_oracle() -> None:
    assert [f"seed {one.seed}: {one.error}" for one in run(0, 60, steps=60)] == []


@pytest.mark.parametrize("seed", [5002725, 5003205, 9001925, 300063, 21003891, 51000913])
def test_histories_that_found_a_fault_are_equal_now(seed: int) -> None:
    """One of two processes was told nothing of what another was told, or wrote pairs a second time.

    Or a request that cancels an incident and takes that back was written twice.
    """
    assert [one.error for one in run(seed, 1)] == []


def test_a_history_writes_the_same_entries_from_its_seed_again(tmp_path: Path) -> None:
    written = []
    for time in ("once", "again"):
        (tmp_path / time).mkdir()
        with simulated():
            history = History(1001, tmp_path / time)
            history.run()
        written.append([entry[:4] for entry in history.world.store.log])
    assert written[0] == written[1]
    assert any(kind == "rerouted" for _, kind, _, _ in written[0])


def test_a_planted_bug_is_found_and_its_history_replays_from_the_seed() -> None:
    found = run(0, 20, steps=80, plant="skip_journal_write")
    assert len(found) == 1 and found[0].error.startswith("Mismatch: ")
    assert run(found[0].seed, 1, steps=80, plant="skip_journal_write") == found


def test_processes_of_their_own_find_what_one_finds_in_turn() -> None:
    planted = "skip_journal_write"
    assert run(0, 4, steps=60, processes=2, plant=planted)[0] == run(0, 4, steps=60, plant=planted)[0]
    assert run(0, 3, steps=60, processes=2) == []


def test_a_failing_history_is_told_with_its_seed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = "simulation --histories 4 --seed 0 --processes 1 --steps 60 --plant snapshot_before_write"
    monkeypatch.setattr("sys.argv", command.split())
    with pytest.raises(SystemExit, match="1"):
        main()
    told = capsys.readouterr().out
    assert told.startswith("seed ") and '"plant": "snapshot_before_write", "found_after": ' in told
    seed = told.split()[1].rstrip(":")
    replay = (
        f"python -m tests.simulation --histories 1 --seed {seed} --steps 60 --plant snapshot_before_write"
    )
    assert replay in told


@pytest.mark.parametrize(
    "plant",
    [
        "unfinished_forgotten",
        "shadows_forgotten",
        "archived_before_written",
        "ahead_forgotten",
        "resent_takes_back",
    ],
)
def test_what_goes_wrong_finds_the_bug_that_it_is_for(plant: str) -> None:
    assert plant in PLANTS and len(run(0, 20, plant=plant)) == 1
