"""A project whose old runs have lost their data trains, rolls back, audits and watches for drift."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.integration.conftest import Installation

pytestmark = pytest.mark.figures

KEPT = {"NETOPS_RETENTION": "runs=1,champions=2"}
PROJECT = "netops-pruned"


@pytest.fixture(scope="module")
def runs(bare: Installation) -> list[dict[str, object]]:
    """Three runs, each of which puts another model into production."""
    small = (
        "--set",
        "devices=8",
        "--set",
        "ticks=700",
        "--set",
        "combinations=4",
        "--set",
        "stream_rate=500",
    )
    found = []
    for number in range(3):
        other = ("--set", f"train_rows={3000 + number * 300}", "--seconds", "4")
        done = bare.netops(
            "run", "--project", PROJECT, "--keep", "--promote", "--json", *small, *other, **KEPT
        )
        found.append(json.loads(done.stdout))
    return found


def listed(bare: Installation, *more: str) -> dict[str, object]:
    return json.loads(bare.netops(*more, "--project", PROJECT, "--json", **KEPT).stdout)


def test_the_first_run_lost_its_data_by_itself_and_models_and_tables_are_left(
    bare: Installation, runs: list[dict[str, object]]
) -> None:
    told = listed(bare, "prune", "--dry-run")
    # The first one is not told any more: of it there is nothing to delete.
    assert [each["outcome"] for each in told["runs"]] == ["kept", "kept"]
    versions = listed(bare, "models")["versions"]
    assert len({each["version"] for each in versions}) == 3
    pages = sorted(
        (bare.home / "artifacts" / PROJECT).rglob("report.html"), key=lambda each: each.stat().st_size
    )
    page = pages[0].read_text()
    assert len(pages) == 3
    assert "the plots and data sets of this run were deleted" in page
    assert "Model and baselines" in page and "<script" not in page
    assert all("<script" in each.read_text() for each in pages[1:])
    assert len(list((bare.home / "artifacts" / PROJECT).rglob("test_set_preds.parquet"))) == 2
    link = bare.home / "reports" / f"{PROJECT}.html"
    assert link.resolve() in pages[1:]


def test_it_measures_drift_audits_and_rolls_back(bare: Installation, runs: list[dict[str, object]]) -> None:
    steps = bare.api(f"projects/{PROJECT}/runs")["runs"]
    newest = {each["metadata"]["name"]: each["status"] for each in reversed(steps)}
    magnitude = newest["drift-magnitude"]["results"]
    assert magnitude["base_rows"] > 0 and "gone" not in magnitude["verdict"]
    assert newest["init-detectors"]["results"]["base_instead"] == ""
    audited = listed(bare, "audit")
    assert (audited["mismatches"], audited["unknown_models"]) == (0, 0)
    before = listed(bare, "models")["champion"]
    bare.netops("rollback", "--project", PROJECT, **KEPT)
    after = listed(bare, "models")["champion"]
    assert after != before
    address = bare.endpoint("serving", PROJECT)["address"]
    watched = httpx.get(f"{address}/drift", timeout=30).json()["attached"]
    assert watched is True
    # What it was rolled back from is the one that another rollback returns to.
    assert [each["outcome"] for each in listed(bare, "prune")["runs"]] == ["kept", "kept"]


def test_a_version_without_test_rows_can_be_promoted_and_that_it_is_not_watched_is_said(
    bare: Installation, runs: list[dict[str, object]]
) -> None:
    oldest = listed(bare, "models")["versions"][-1]["version"]
    done = bare.netops("promote", oldest, "--force", "--project", PROJECT, **KEPT)
    assert "the champion is not watched for drift" in done.stderr
    assert "netops prune" in done.stderr
    assert listed(bare, "models")["champion"] == oldest
