"""The benchmark of swaps: what it plans, and that it finds a wrong answer."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.benchmarks.restart import METRICS
from tests.benchmarks.swaps import DEVICES, inexact, plan, signed, wrong_answers
from tests.graphs.conftest import offline_probability


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, key = tmp_path_factory.mktemp("swaps"), ed25519.Ed25519PrivateKey.generate()
    return {f"v{seed}": signed(folder / f"v{seed}", seed, key) for seed in (3, 5, 7)}


def test_each_document_differs_from_the_one_before_and_every_fourth_rolls_back(
    packages: dict[str, Path],
) -> None:
    documents = plan(packages, 20)
    assert all(one != other for one, other in itertools.pairwise(documents))
    champions = [document.champion.version for document in documents]
    assert champions[3] == "v3" and champions[:3] == ["v5"] * 3
    assert (
        sum(bool(each.canaries) for each in documents) == sum(bool(each.shadows) for each in documents) == 5
    )


def test_an_answer_of_another_version_and_a_device_too_many_are_found(packages: dict[str, Path]) -> None:
    body = dict.fromkeys(METRICS, 40.0)
    said = float(offline_probability(packages["v3"], np.full((1, 4), 40.0, np.float32))[0])
    right = (body, 200, {"version": "v3", "probability": said})
    wrong = (body, 200, {"version": "v5", "probability": said})
    unknown = (body, 200, {"version": "v9", "probability": said})
    assert [wrong_answers([each], packages) for each in (right, wrong, unknown)] == [0, 1, 1]
    document = plan(packages, 2)[1]
    share = round(document.canaries[0].share * len(DEVICES))
    answers = [{"version": "v3"}] * share + [{"version": "v5"}] * (len(DEVICES) - share)
    assert inexact(answers, document) == 0
    assert inexact([{"version": "v3"}, *answers[:-1]], document) == 2
