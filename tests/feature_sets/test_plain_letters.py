"""Names made from words of other languages stay legible."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pandas as pd
import pytest

from feature_sets.plain_letters import plain_letters
from feature_sets.telemetry.inspection.folder_check import check_folder
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Gerät", "Geraet"),
        ("GERÄT", "GERAET"),
        ("Übertragungsgröße", "Uebertragungsgroesse"),
        ("Ærø Åsgård", "Aeroe Aasgaard"),
        ("température", "temperature"),
        ("Señal", "Senal"),
        ("Łódź", "Lodz"),
        ("plain_1", "plain_1"),
        ("устройство", "устроиство"),
    ],
)
def test_letters_are_spelled_as_their_language_does(text: str, plain: str) -> None:
    assert plain_letters(text) == plain
    assert plain_letters(unicodedata.normalize("NFD", text)) == plain


def test_proposed_names_keep_their_letters_and_none_is_a_columns_own(tmp_path: Path) -> None:
    folder = tmp_path / "Zürich Süd"
    folder.mkdir()
    times = pd.date_range("2026-03-01T00:00:00Z", periods=40, freq="30s")
    keys = pd.DataFrame({"Gerät": ["a", "b"] * 20, "Zeit": times})
    values = {"Größe": range(40), "Groesse": [place % 7 for place in range(40)]}
    keys.assign(**values).to_csv(folder / "metrics.csv", index=False)
    keys.assign(Störung=[0, 1] * 20).to_csv(folder / "labels.csv", index=False)
    proposal = check_folder(folder).proposal
    assert proposal.fields["name"] == "zuerich-sued"
    assert proposal.fields["entity"] == ["Geraet"]
    assert proposal.fields["rename"] == {"Gerät": "Geraet", "Größe": "Groesse_", "Störung": "Stoerung"}
    rows, report = read_telemetry(folder, TelemetrySchema.from_dict(proposal.content))
    assert rows.metrics["Groesse_"].tolist() == list(range(40))
    assert not report.metrics.rejected
