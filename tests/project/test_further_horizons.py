"""Further horizons are told of whose model the loop has left behind, or of which no model answers."""

from __future__ import annotations

from typing import Any

import pytest

from project.summary.further_horizons import (
    earlier_horizons,
    earlier_horizons_of,
    horizons_without_model,
    horizons_without_model_of,
)
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


def step(*leads: tuple[str, str, str]) -> dict[str, Any]:
    """A run of the step that has made models of horizons."""
    names = ("horizon", "promotion", "promotion_reason")
    return {"status": {"results": {"horizons": [dict(zip(names, lead, strict=True)) for lead in leads]}}}


REJECTED = step(("0s", "promoted", ""), ("10m", "not promoted", "no better than a rule"))
NULLS = "10m: no model answers, so its fields are null"
NO_MODEL = f"{NULLS}: of the newest run not promoted: no better than a rule"


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([REJECTED, step(("10m", "promoted", ""))], NO_MODEL),
        # One that goes on, or was killed, has made none.
        ([{"status": {}}, REJECTED], NO_MODEL),
        ([], "10m: no model answers, so its fields are null: no run has trained one for this schema"),
        (
            [step(("10m", "promoted", ""))],
            "10m: no model answers, so its fields are null: of the newest run promoted",
        ),
    ],
)
def test_what_became_of_the_newest_model_is_the_reason(found: list[dict[str, Any]], told: str) -> None:
    assert horizons_without_model(["10m"], found) == [told]


@pytest.mark.parametrize(
    ("overview", "told"),
    [
        ({"horizons": {"0s": "v1", "10m": None}}, [NO_MODEL]),
        ({"horizons": {"0s": "v1", "10m": "v2"}}, []),
        ({"model_version": "v1"}, []),
    ],
)
def test_the_endpoint_says_which_horizons_it_has_none_of(overview: dict[str, Any], told: list[str]) -> None:
    asked = []

    def answer(_method: str, path: str, _body: Any) -> tuple[int, dict[str, Any]]:
        asked.append(path)
        return 200, overview if path == "/" else {"runs": [REJECTED]}

    with fake_endpoint(answer) as address:
        assert horizons_without_model_of(address, "p", address) == told
    assert len(asked) == 1 + bool(told)
    assert horizons_without_model_of("", "p", "http://127.0.0.1:1") == []
