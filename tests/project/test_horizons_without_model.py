"""Horizons of which an endpoint answers nulls are named, with what became of their newest model."""

from __future__ import annotations

from typing import Any

import pytest

from project.summary.horizons_without_model import horizons_without_model, horizons_without_model_of
from tests.project.fake_endpoint import fake_endpoint


def step(*leads: tuple[str, str, str]) -> dict[str, Any]:
    """A run of the step that has made models of horizons."""
    names = ("horizon", "promotion", "promotion_reason")
    return {"status": {"results": {"horizons": [dict(zip(names, lead, strict=True)) for lead in leads]}}}


REJECTED = step(("0s", "promoted", ""), ("10m", "not promoted", "no better than a rule"))
NULLS = "10m: no model answers, so its fields are null"
TOLD = f"{NULLS}: of the newest run not promoted: no better than a rule"


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([REJECTED, step(("10m", "promoted", ""))], TOLD),
        # One that goes on, or was killed, has made none.
        ([{"status": {}}, REJECTED], TOLD),
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
        ({"horizons": {"0s": "v1", "10m": None}}, [TOLD]),
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
