"""A further horizon whose model the loop has left behind is told of."""

from __future__ import annotations

from typing import Any

import pytest

from project.summary.earlier_horizons import earlier_horizons, earlier_horizons_of
from tests.project.fake_endpoint import fake_endpoint


def model(key: str, tree: str, hour: int) -> dict[str, Any]:
    metadata: dict[str, Any] = {"tree": tree, "created": f"2026-11-28T{hour:02}:20:15.019781+00:00"}
    return {
        "metadata": {**metadata, "labels": {"version": f"{tree}{hour:02}ffffffff"}},
        "spec": {"db_key": key},
    }


TOLD = (
    "1h: version old00fff of 2026-11-28 00:20 is older than the model of the primary horizon, of "
    "2026-11-28 05:20, and no detector watches it"
)


@pytest.mark.parametrize(
    ("models", "told"),
    [
        ([model("evaluate_model", "new", 5), model("evaluate-1h_model", "old", 0)], [TOLD]),
        # Of the same run the primary one may be stored later, as by a promotion.
        ([model("evaluate_model", "new", 5), model("evaluate-1h_model", "new", 4)], []),
        # The primary one was rolled back alone.
        ([model("evaluate_model", "old", 0), model("evaluate-1h_model", "new", 5)], []),
        ([model("evaluate-1h_model", "old", 0)], []),
        ([model("evaluate_model", "new", 5), model("of somebody", "old", 0)], []),
        ([], []),
    ],
)
def test_a_model_that_is_older_than_the_primary_one_is_told(
    models: list[dict[str, Any]], told: list[str]
) -> None:
    assert earlier_horizons(models) == told


def test_the_models_in_production_are_asked_for() -> None:
    asked = []

    def answer(_method: str, path: str, _body: Any) -> tuple[int, dict[str, Any]]:
        asked.append(path)
        found = [model("evaluate_model", "new", 5), model("evaluate-1h_model", "old", 0)]
        return 200, {"artifacts": found}

    with fake_endpoint(answer) as address:
        assert earlier_horizons_of(address, "p") == [TOLD]
    assert asked[0].startswith("/api/v2/projects/p/artifacts")
