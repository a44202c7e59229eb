"""Readings in words: numbers are proposed where the words say which, and asked for where they do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from feature_sets.telemetry.inspection.folder_check import check_folder
from feature_sets.telemetry.inspection.word_metrics import word_metric
from tests.feature_sets.telemetry.inspection.test_folder_check import frames, taken, write

READINGS = pd.DataFrame({"device": [0, 1] * 10, "time": np.repeat(np.arange(10), 2)})


def column(*words: str) -> pa.ChunkedArray:
    """The words in turn, of two devices which both have all of them."""
    return pa.chunked_array([[words[place // 2 % len(words)] for place in range(20)]])


@pytest.mark.parametrize(
    ("words", "numbers", "none"),
    [
        (("down", "UP", "up"), {"UP": 0, "down": 1}, ()),
        (("failed", "ok", "degraded", "n/a"), {"ok": 0, "degraded": 1, "failed": 2}, ()),
        (("green", "red", "critical", "unknown"), {"green": 0, "red": 1, "critical": 2}, ("unknown",)),
        (("enabled", "disabled"), {"enabled": 0, "disabled": 1}, ()),
        (("broken", "whatever"), {"whatever": 0, "broken": 1}, ()),
        (("yes", "no", "1"), {"yes": 1, "no": 0}, ()),
        (("64QAM", "QPSK", "qam-16", "8 PSK"), {"QPSK": 4, "8 PSK": 8, "qam-16": 16, "64QAM": 64}, ()),
        (("alpha", "beta", "gamma"), {}, ()),
        (("auto", "10", "100"), {}, ()),
        (("down", "0", "40"), {}, ()),
        (("unknown", "4", "5"), {}, ("unknown",)),
    ],
)
def test_words_that_tell_their_order_have_numbers(
    words: tuple[str, ...], numbers: dict[str, float], none: tuple[str, ...]
) -> None:
    found = word_metric(column(*words), READINGS)
    assert found is not None
    assert (dict(found.numbers), found.none) == (numbers, none)
    assert ("among its numbers" in found.question("speed")) == found.among


def test_what_a_device_or_a_part_of_it_is_called_is_no_metric() -> None:
    assert word_metric(pa.chunked_array([["v1", "v2"] * 10]), READINGS) is None  # One of each device.
    twice = READINGS.assign(time=READINGS["time"] // 2)  # Two rows a reading, which the words tell apart.
    assert word_metric(column("eth0", "eth1"), twice) is None
    assert word_metric(column("up", "down"), None) is not None
    assert word_metric(column("true", "false"), READINGS) is None  # These are numbers.


def test_the_proposed_numbers_are_read(tmp_path: Path) -> None:
    tables = frames()
    size, of_device = len(tables["metrics"]), tables["metrics"]["router"].eq("r1")
    words = np.random.default_rng(4).integers(0, 2, (3, size))
    tables["metrics"] = tables["metrics"].assign(
        link=np.array(["up", "down"])[words[0]],
        poe=np.array(["yes", "no"])[words[1]],
        mode=np.array(["alpha", "beta"])[words[2]],
        managed=np.where(of_device, "no", "yes"),
        alarm_state=np.array(["ok", "critical"])[words[0]],
    )
    check, schema = taken(write(tmp_path, tables, ".csv"))
    found = {metric.name: metric.values for metric in schema.metrics if metric.values}
    assert found == {"link": {"up": 0, "down": 1}, "poe": {"yes": 1, "no": 0}}
    told = "\n".join(check.lines())
    assert "'link' (up is 0, down is 1), 'poe' (no is 0, yes is 1)" in told
    assert "'mode' has words that change from reading to reading: 'alpha', 'beta'." in told.replace(
        "'beta', 'alpha'", "'alpha', 'beta'"
    )
    columns = check.to_dict()["tables"]["metrics"]["columns"]
    assert columns["mode"]["why"] == "words that change, not numbers"
    assert columns["mode"]["instead"] == "a metric, with a number for each (values)"
    assert columns["alarm_state"]["why"] == "words that change: may be the label, no metric"
    assert columns["managed"]["instead"] == "a static column, if it is in the static file"


def test_words_that_some_files_do_not_have_are_asked_for(tmp_path: Path) -> None:
    tables = frames()
    metrics = tables.pop("metrics")
    write(tmp_path, tables)
    halves = {"a": metrics.iloc[:120].assign(link=(["up"] * 7 + ["down"]) * 15), "b": metrics.iloc[120:]}
    write(tmp_path / "metrics", halves)
    check, schema = taken(tmp_path)
    assert "link" not in schema.metric_names
    found = check.to_dict()["tables"]["metrics"]["columns"]["link"]
    assert found["instead"] == "an optional metric, with a number for each word (values)"


def test_in_long_layout_words_are_seen_beside_numbers(tmp_path: Path) -> None:
    tables = frames(devices=2)
    metrics = tables["metrics"][["router", "time", "load"]]
    size = len(metrics)
    texts = {
        "load": metrics["load"].astype(str),
        "link": np.where(np.arange(size) % 3, "UP", "DOWN"),
        "serial": metrics["router"],
    }
    parts = [metrics[["router", "time"]].assign(metric=name, value=cells) for name, cells in texts.items()]
    check, schema = taken(write(tmp_path, {**tables, "metrics": pd.concat(parts)}, ".csv"))
    assert schema.files.is_long
    assert [(metric.name, dict(metric.values)) for metric in schema.metrics] == [
        ("load", {}),
        ("link", {"up": 0, "down": 1}),
    ]
    assert "decide: No metric is what has text there: serial." in check.lines()
    assert check_folder(tmp_path).to_dict()["tables"]["metrics"]["columns"]["metric"]["why"] == (
        "names of 2 metrics: one row a value"
    )
