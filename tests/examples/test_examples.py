"""Every example is short, has a README, and does what that shows; live ones: ``tests/integration``."""

import pytest

from tests.examples.readme import EXAMPLES, run, shown

NAMES = ("detect_drift", "mlrun_client", "own_telemetry", "stream_and_label")


def test_these_are_all_examples():
    assert sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()) == sorted([*NAMES, "notebooks"])


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_short_and_its_readme_runs_it(name):
    assert len((EXAMPLES / name / f"{name}.py").read_text(encoding="utf-8").splitlines()) <= 70
    command, output = shown(name)
    assert command.startswith(f"python examples/{name}/{name}.py")
    assert output


def test_the_readme_on_drift_shows_what_the_detectors_and_distances_find():
    command, output = shown("detect_drift")
    assert run(command) == output


def test_the_client_says_what_it_lacks(monkeypatch):
    monkeypatch.delenv("MLRUN_DBPATH", raising=False)
    command, _ = shown("mlrun_client")
    with pytest.raises(AssertionError, match="MLRUN_DBPATH must be the address of an MLRun API"):
        run(command)
