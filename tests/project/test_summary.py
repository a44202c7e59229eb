from project import summary

TRAIN = {
    "metadata": {"name": "train"},
    "status": {
        "iterations": [
            ["state", "iter", "param.candidate", "output.average_precision", "output.f1"],
            ["completed", 1, "forest", 0.4, 0.3],
            ["completed", 2, "boosting", 0.9, 0.8],
            ["error", 3, "broken", None, None],
        ]
    },
}


def test_candidates_come_best_first_and_failed_ones_last():
    entries = summary.candidates(TRAIN)
    assert [entry["candidate"] for entry in entries] == ["boosting", "forest", "broken"]
    assert entries[0]["average_precision"] == 0.9
    assert "average_precision" not in entries[2]
    assert summary.candidates(None) == []


def test_a_run_without_streaming_says_that_nothing_is_deployed():
    text = "\n".join(
        summary.lines(
            {
                "project": "p",
                "run_id": "r",
                "ingest": {
                    "rows_read": 1200,
                    "rows_rejected": 200,
                    "rows_ingested": 1000,
                    "devices": 3,
                    "report": {"metrics": {"rejected": {"duplicate": 200}}},
                },
                "selected": {"n_features_in": 36, "n_features_selected": 12},
                "trained": {
                    "train_rows": 500,
                    "train_rows_available": 700,
                    "fit_start": "2024-01-01T00:00:02.497000+00:00",
                    "validation_end": "2024-01-02T07:00:02.497000+00:00",
                },
                "candidates": summary.candidates(TRAIN),
                "test": {"average_precision": 0.5, "test_rows": 290},
                "endpoint": None,
                "tester": None,
                "stream": None,
                "labeled": None,
                "drift": None,
                "magnitude": None,
                "artifacts": "/artifacts",
            }
        )
    )
    assert "1,200 read - 200 rejected = 1,000 ingested, from 3 devices" in text
    assert "rejected: 200 duplicate" in text
    assert "36 computed, 12 selected" in text
    assert "on 500 of 700 earlier rows, 2024-01-01 00:00 to 2024-01-02 07:00" in text
    assert "on all 290 later rows: average precision 0.500" in text
    assert "endpoint      none deployed" in text
    assert "drift" not in text


def test_the_drift_line_names_each_detector_with_its_state():
    drift = {
        "detectors": {
            "ddm": {"state": "in_control", "warnings": 0, "drifts": 0},
            "eddm": {"state": "drift", "warnings": 2, "drifts": 1},
        }
    }
    assert summary.drift_line(drift) == (
        "ddm in control (0 warnings, 0 drifts), eddm drift (2 warnings, 1 drifts)"
    )
    assert summary.drift_line({"detectors": {}}) == "no detector enlisted"
