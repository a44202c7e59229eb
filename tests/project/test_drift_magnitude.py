"""Which labeled rows the magnitude of drift is measured on, and how long they are waited for."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from feature_sets.model_package.columns import PREDICTION
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project import device_values, drift_base, drift_batch
from project.drift_batch import LIVE, LabeledRows, RowCount, Wanted, chosen_rows
from project.errors import NetopsError
from project.http_json import get_json
from project.jobs import drift_magnitude, stream_state
from project.jobs.drift_magnitude import Found, measure_drift_magnitude, wait_for_stream
from project.label_maturity import mature_until
from tests.feature_sets.labels.forms import schema
from tests.project.fake_endpoint import fake_endpoint

SCHEMA = TelemetrySchema.load()


def write(path, version, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    times = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(values, "h")
    pd.DataFrame({"x": values, "version": version, SCHEMA.time: times}).to_parquet(path)


def wanted(after=None):
    """Rows of the version "new", later than an hour of New Year 2026."""
    base_ends = None if after is None else pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(hours=after)
    return Wanted("new", SCHEMA.time, base_ends)


def test_rows_of_all_batches_of_the_served_version_come_in_file_order(tmp_path):
    write(tmp_path / "a.parquet", "old", [0, 9])
    write(tmp_path / "c.parquet", "new", [2, 3])
    write(tmp_path / "b.parquet", "new", [1])
    found = chosen_rows(tmp_path, wanted(), 3)
    assert (found.source, found.rows["x"].tolist()) == (LIVE, [1, 2, 3])
    assert found.why == ""


def test_a_quiet_endpoint_has_nothing_to_measure_and_that_is_said(tmp_path):
    write(tmp_path / "a.parquet", "old", [1, 2, 3, 4])
    found = chosen_rows(tmp_path, wanted(), 2)
    assert (found.source, len(found.rows)) == ("", 0)
    assert found.why == "live traffic has 0 of the 2 labeled rows needed since this model"


def test_few_rows_of_live_traffic_are_better_than_none(tmp_path):
    write(tmp_path / "b.parquet", "new", [7])
    found = chosen_rows(tmp_path, wanted(), 2)
    assert (found.source, found.rows["x"].tolist()) == (LIVE, [7])
    assert found.why == "which is few"


def test_errors_that_were_told_before_healthy_readings_of_their_time_do_not_count(tmp_path):
    """Hours 0 to 5 are labeled: errors at once, healthy ones an hour later, so hour 5 has an error only."""
    times = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta([5, 0, 1, 2, 3, 4, 4], "h")
    rows = pd.DataFrame({"x": range(7), "version": "new", SCHEMA.time: times})
    rows.to_parquet(tmp_path / "a.parquet")
    told = wanted()._replace(until=pd.Timestamp("2026-01-01T04:00Z"))
    assert chosen_rows(tmp_path, told, 3).rows["x"].tolist() == [1, 2, 3, 4, 5, 6]
    assert len(chosen_rows(tmp_path, wanted(), 3).rows) == 7
    later = told._replace(after=wanted(after=3).after)
    assert chosen_rows(tmp_path, later, 1).rows["x"].tolist() == [5, 6]
    none = chosen_rows(tmp_path, told._replace(after=wanted(after=4).after), 9)
    assert none.source == ""
    assert "6 not later than what it was evaluated on, and 1 of a time of which not all healthy" in none.why


def test_live_rows_are_mature_when_detectors_would_see_them():
    labeled = {"newest_event_time": "2026-01-02T00:00:00+00:00", "deadline_seconds": 3600.0}

    def until(**labels):
        found = mature_until(labeled, schema(**labels))
        return None if found is None else found.strftime("%H:%M")

    assert until(form="incidents") == "23:00"
    assert until(form="incidents", healthy_after="10m") == "23:50"
    assert until(form="incidents", healthy_after="10m", horizon="5m") == "23:40"
    assert until(tolerance="10s") is None, "rows say which readings are healthy, too"
    assert mature_until({**labeled, "newest_event_time": None}, schema(form="incidents")) is None


def test_an_alert_that_began_after_the_rows_says_nothing_of_them():
    times = pd.Series(pd.date_range("2026-01-01", periods=24, freq="h", tz="UTC"))
    began = Found(onset="2026-01-01T20:00:00+00:00")
    assert began.rose(times, rolls=False) and not began.rose(times, rolls=True)
    assert not Found(onset="2026-01-01T23:30:00+00:00").rose(times, rolls=False)


def test_a_batch_is_read_once_while_rows_are_waited_for(tmp_path, monkeypatch):
    read, opened = drift_batch.read_pairs, []
    monkeypatch.setattr(
        drift_batch, "read_pairs", lambda file, *how: opened.append(file.name) or read(file, *how)
    )
    count = RowCount(tmp_path / "labeled", wanted())
    assert count.now() == 0
    write(tmp_path / "labeled" / "a.parquet", "old", [0, 9])
    write(tmp_path / "labeled" / "b.parquet", "new", [1])
    assert [count.now(), count.now()] == [1, 1]
    write(tmp_path / "labeled" / "c.parquet", "new", [2, 3])
    assert count.now() == 3
    assert sorted(opened) == ["a.parquet", "b.parquet", "c.parquet"]


def ticking():
    times = iter(range(1000))
    return lambda: float(next(times))


@pytest.mark.parametrize(
    ("done", "unwritten", "rows", "looks"),
    [(True, 0, 0, 1), (False, 0, 9, 0), (False, 0, 0, 60), (True, 3, 0, 60)],
)
def test_only_what_a_simulated_network_streams_is_waited_for(done, unwritten, rows, looks):
    seen = []

    def answer(_method, path, _body):
        seen.append(path)
        return 200, {"done": done, "unwritten": unwritten}

    with fake_endpoint(answer) as address:
        wait_for_stream(
            address, f"{address}/stream", lambda: rows >= 9, 60, clock=ticking(), sleep=lambda _: None
        )
    assert seen.count("/stream") == pytest.approx(looks, abs=1)


def evaluated(monkeypatch, rows):
    """Have the model that is served be evaluated on these rows; None if nobody knows them any more."""

    def found(_project, _version):
        if rows is None:
            raise NetopsError("its evaluation is gone")
        return "model", rows

    monkeypatch.setattr(drift_base, "evaluated_model", found)


class Context:
    project = "p"

    def __init__(self):
        self.results = {}
        self.logger = SimpleNamespace(info=print)

    def log_result(self, key, value):
        self.results[key] = value

    def log_artifact(self, key, **_):
        self.results[key] = "logged"


@pytest.mark.parametrize(("seconds", "needed"), [(60, "1,000"), (1, "3,000")])
@pytest.mark.parametrize("before", ["", "; the alert of version v0 before was open"])
def test_a_run_does_not_wait_for_nor_fail_on_a_quiet_endpoint(tmp_path, monkeypatch, seconds, needed, before):
    """Nobody streams, and nobody has labeled anything yet; windows are five minutes long."""
    answers = {
        "/v2/models/model": {"versions": ["v1"]},
        "/labeled": {"directory": str(tmp_path / "labeled"), "unwritten": 2},
    }

    monkeypatch.setenv("NETOPS_HOME", str(tmp_path))
    monkeypatch.setenv("MLRUN_DBPATH", "")  # MLRun may have put something there that is no address.
    monkeypatch.setattr(drift_magnitude, "endpoint_address", lambda *_: address)
    monkeypatch.setattr(drift_magnitude, "generator_address", lambda *_: "")
    monkeypatch.setattr(drift_magnitude, "wait_for_stream", None)
    asked = []

    def drift_of_before(folder, project, served):
        asked.append((folder, project, served))
        return before.removeprefix("; ")

    monkeypatch.setattr(drift_magnitude, "drift_of_before", drift_of_before)
    context = Context()
    times = pd.date_range("2024-01-01", periods=3, freq=f"{seconds}s", tz="UTC")
    monkeypatch.setattr(drift_base, "get_json", get_json)
    evaluated(monkeypatch, pd.DataFrame({DEVICE: "a", SCHEMA.time: times}))
    with fake_endpoint(lambda _method, path, _body: (200, answers[path])) as address:
        measure_drift_magnitude(context, None, "serving", generator="telemetry-generator")
    assert [served for _, _, served in asked] == ["v1"]
    assert context.results == {
        "base_rows": 3,
        "base_version": "v1",
        "labeled_rows": 0,
        "batch_rows": 0,
        "measured_on": "",
        "verdict": f"not measured: live traffic has 0 of the {needed} labeled rows needed since this model"
        + before,
    }


def stream(shift, count=600):
    """Labeled rows of one feature, which shifts for the newest 200."""
    random = np.random.default_rng(1)
    late = np.arange(count) >= count - 200
    return pd.DataFrame(
        {
            DEVICE: "a",
            SCHEMA.time: pd.date_range("2026-01-01", periods=count, freq="1h", tz="UTC"),
            "load": random.normal(0, 1, count) + shift * late,
            **{name: (random.random(count) < 0.3).astype(int) for name in (SCHEMA.target, PREDICTION)},
        }
    )


@pytest.mark.parametrize(("shift", "drifted"), [(0.0, False), (2.0, True)])
def test_a_reference_that_rolls_is_the_rows_before_the_newest_ones(shift, drifted):
    # The base has long been left: against it everything drifts.
    base = stream(0.0).assign(load=lambda rows: rows["load"] + 9)
    measured = drift_magnitude._measured
    assert measured(base, stream(shift), SCHEMA, "fixed", 200, Found())["drifted"] is True
    found = measured(base, stream(shift), SCHEMA, "rolling", 200, Found())
    assert (found["drifted"], found["kind"]) == (drifted, "data drift" if drifted else "no drift")
    event = found["event"] or {}
    assert (event.get("severity"), event.get("detail")) == (
        ("severe", "feature load") if drifted else (None, None)
    )
    assert not drifted or (event["confidence"] >= 0.99 and event["sample_labels"] == 9 * 24)
    few = measured(base, stream(shift, 200), SCHEMA, "rolling_week", 200, Found())
    assert "not enough data" in few["reason"]


@pytest.mark.parametrize(
    ("last_drift", "kind"),
    [
        ("", "no drift"),
        ("2026-01-05T00:00:00+00:00", "no drift"),
        ("2026-01-20T00:00:00+00:00", "concept drift"),
        ("2027-01-01T00:00:00Z", "no drift"),
    ],
)
def test_a_drift_that_detectors_found_counts_for_the_rows_in_which_it_was(last_drift, kind):
    """The newest nine of 25 days, of which 200 rows are enough, begin on 17 January."""
    found = drift_magnitude._measured(stream(0.0), stream(0.0), SCHEMA, "rolling", 200, Found(last_drift))
    assert found["kind"] == kind


def test_a_base_shorter_than_a_season_is_warned_of_where_drift_is_called():
    short, live = stream(0.0).head(150), stream(2.0)
    found = drift_magnitude._measured(stream(0.0), live, SCHEMA, "day", 200, Found())
    assert found["warnings"] == []
    found = drift_magnitude._measured(short, live, SCHEMA, "week", 200, Found())
    assert found["drifted"] is True
    assert found["warnings"][0].startswith("the test rows span 149.0 hours, which is less than a week: ")
    # Advice for what was not called drift is of no use to anybody.
    found = drift_magnitude._measured(short, stream(0.0), SCHEMA, "week", 200, Found())
    assert found["drifted"] is False and found["warnings"] == []
    assert drift_magnitude._measured(short, live, SCHEMA, "fixed", 200, Found())["warnings"] == []


@pytest.mark.parametrize("season", ["day", "week", "fixed"])
def test_a_short_base_is_not_warned_of_where_nothing_is_called_drift_or_none(season):
    found = drift_magnitude._measured(stream(0.0).head(20), stream(0.0), SCHEMA, season, 200, Found())
    assert found["drifted"] is None and found["reason"].startswith("not enough data")
    assert found["warnings"] == []


def test_other_hours_than_those_of_a_base_of_less_than_a_day_are_no_drift():
    """Whatever moved may be the hour: only where the base has these hours, too, it is drift."""
    base = stream(0.0)[lambda rows: rows[SCHEMA.time] < pd.Timestamp("2026-01-01T12:00Z")]
    many = pd.concat([base.assign(**{DEVICE: f"d{number}"}) for number in range(40)], ignore_index=True)
    many["load"] = np.random.default_rng(3).normal(0, 1, len(many))
    same = many.assign(**{SCHEMA.time: many[SCHEMA.time] + pd.Timedelta(days=1), "load": many["load"] + 2})
    other = same.assign(**{SCHEMA.time: same[SCHEMA.time] + pd.Timedelta(hours=12)})
    measured = drift_magnitude._measured
    assert measured(many, same, SCHEMA, "week", 200, Found())["kind"] == "data drift"
    assert measured(many, other, SCHEMA, "fixed", 200, Found())["kind"] == "data drift"
    found = measured(many, other, SCHEMA, "week", 200, Found())
    assert (found["drifted"], found["kind"], found["event"]) == (None, "not enough data", None)
    assert found["reason"].startswith("not enough data: 1 of 1 columns moved: feature load 0.")
    assert found["reason"].endswith(
        ", but 12 of the 12 hours of the day that the batch is of are none of the test rows'"
    )
    # Here it is the short base that leaves no verdict.
    assert found["warnings"][0].startswith("the test rows span 11.0 hours, which is less than a day: ")


def test_what_moved_on_some_devices_is_told_with_the_model_that_only_they_have(monkeypatch):
    """In the text and in the event; of a device whose model was another before, that of now counts."""
    at_site = replace(SCHEMA, entity=("site", "port"), separator="|", static=("model",))
    keys = [f"s{number % 2}|{number}" for number in range(12)]
    models = pd.DataFrame(
        {
            DEVICE: [*keys, keys[0]],
            "valid_from": pd.to_datetime([2] * 12 + [1], unit="s", utc=True),
            "model": ["new" if number < 4 else "old" for number in range(12)] + ["before"],
        }
    )
    history = SimpleNamespace(attributes=models)
    monkeypatch.setattr(device_values.TelemetryHistory, "of", lambda _: history)
    of_port, of_model = device_values.device_values(keys, at_site).values()
    assert (of_port[keys[3]], of_model[keys[0]]) == ("s1", "new")
    base = pd.concat([stream(0.0, 300).assign(**{DEVICE: key}) for key in keys], ignore_index=True)
    base["load"] = np.random.default_rng(5).normal(0, 1, len(base))
    first = base[SCHEMA.time].min()
    base[SCHEMA.time] = first + (base[SCHEMA.time] - first) / 4  # Enough rows a day of each.
    live = base.assign(**{SCHEMA.time: base[SCHEMA.time] + pd.Timedelta(days=14)})
    live["load"] += 9.0 * live[DEVICE].isin(keys[:4])
    found = drift_magnitude._measured(base, live, at_site, "fixed", 200, Found())
    assert found["where"].startswith("load moved on 4 of 12 devices, all of model new (s")
    assert found["moved_on"]["shared"] == ({"column": "model", "value": "new", "devices": 4},)
    assert found["event"]["detail"].endswith(found["where"])


@pytest.mark.parametrize(
    ("of_week", "drifted", "alone"), [(False, False, 9), (None, False, None), (True, True, 9)]
)
def test_a_week_that_says_nothing_does_not_take_back_what_the_day_says(monkeypatch, of_week, drifted, alone):
    said = iter([False, of_week])
    errors = []

    def compared(base, batch, error_rows, *_):
        errors.append(len(error_rows.live))
        return {"drifted": next(said)}

    monkeypatch.setattr(drift_magnitude, "_compared", compared)
    days = iter([stream(0.0).head(9), stream(0.0).head(99)])
    monkeypatch.setattr(drift_magnitude, "newest_batch", lambda *_, **__: next(days))
    found = drift_magnitude._measured(stream(0.0), stream(0.0), SCHEMA, "week", 200, Found())
    of_day = False if alone else None
    assert found == {"drifted": drifted, "newest_alone": alone, "newest_alone_drifted": of_day}
    assert errors == [99, 99], "a day has few errors, so those of the week are counted in any case"


NEWEST = "the newest 1,200 rows alone"


@pytest.mark.parametrize(
    ("drifted", "alone", "of_day", "told"),
    [
        (True, 1200, False, f"{NEWEST} do not show it: it is over, or too rare to be seen in them"),
        (True, 1200, None, f"{NEWEST} are too few for a verdict"),
        (True, None, None, ""),
        (False, 1200, False, ""),
    ],
)
def test_of_a_drift_of_the_week_it_is_told_what_the_newest_day_shows(drifted, alone, of_day, told):
    document = {"drifted": drifted, "newest_alone": alone, "newest_alone_drifted": of_day}
    assert drift_magnitude._in_newest(document) == told


def test_the_verdict_says_which_rows_were_measured_and_knows_what_detectors_found(tmp_path, monkeypatch):
    asked = []
    answers = {
        "/v2/models/model": {"versions": ["v1"]},
        "/labeled": {"directory": str(tmp_path)},
        "/drift": {
            "last_drift": {"time": "2026-01-20T00:00:00Z", "detectors": ["glr"], "labels_ago": 7},
            "alert": {"onset": "2026-01-19T00:00:00Z"},
        },
    }

    def measured(*given):
        asked.append(given[-1])
        return {
            "base_rows_same_hours": 1,
            "batch_rows": 600,
            "batch_from": "2026-01-01T00:00:00+00:00",
            "batch_to": "2026-01-25T23:00:00+00:00",
            "drifted": False,
            "kind": "no drift",
            "reason": "none",
            "where": "",
            "event": None,
            "warnings": ["the base is short"],
        }

    context = Context()
    monkeypatch.setenv("NETOPS_HOME", str(tmp_path))
    monkeypatch.setenv("MLRUN_DBPATH", "")
    monkeypatch.setattr(drift_magnitude, "endpoint_address", lambda *_: "http://here")
    for module in (drift_magnitude, drift_base):
        monkeypatch.setattr(module, "get_json", lambda address: answers[address[len("http://here") :]])
    evaluated(monkeypatch, stream(0.0))
    rows = LabeledRows(stream(0.0), LIVE, "so")
    monkeypatch.setattr(drift_magnitude, "chosen_rows", lambda *_: rows)
    monkeypatch.setattr(drift_magnitude, "_measured", measured)
    measure_drift_magnitude(context, None, "serving")
    assert context.results["verdict"] == (
        "no drift: none; measured on 600 labeled rows of live traffic, 2026-01-01 00:00 to 2026-01-25 23:00, "
        "so; the base is short"
    )
    assert (context.results["labeled_rows"], context.results["batch_rows"]) == (600, 600)
    assert context.results["batch_from"] == "2026-01-01T00:00:00+00:00"
    assert asked == [Found("2026-01-20T00:00:00Z", "2026-01-19T00:00:00Z")]


def test_that_the_stream_goes_on_is_said_of_the_rows_of_it(tmp_path, monkeypatch):
    measured = {"base_rows_same_hours": 1, "drifted": False, "kind": "no drift", "reason": "none"}
    measured |= {"warnings": [], "where": "", "batch_rows": 600}
    measured |= {"batch_from": "2026-01-01T00:00:00+00:00", "batch_to": "2026-01-25T23:00:00+00:00"}
    done = []

    def answer(_method, path, _body):
        return 200, {
            "/v2/models/model": {"versions": ["v1"]},
            "/labeled": {"directory": str(tmp_path), "unwritten": 0},
            "/drift": {},
            "/stream": {"done": bool(done)},
        }[path]

    monkeypatch.setenv("NETOPS_HOME", str(tmp_path))
    monkeypatch.setenv("MLRUN_DBPATH", "")
    monkeypatch.setattr(drift_magnitude, "_measured", lambda *_: {**measured, "event": None})
    stream(0.0).assign(version="v1").to_parquet(tmp_path / "1.parquet")
    evaluated(monkeypatch, stream(0.0).iloc[:0])
    with fake_endpoint(answer) as address:
        monkeypatch.setattr(drift_magnitude, "endpoint_address", lambda *_: address)
        monkeypatch.setattr(drift_magnitude, "generator_address", lambda *_: f"{address}/stream")
        for said in (
            "2026-01-25 23:00; more came later, as the simulated network still streamed",
            "2026-01-25 23:00",
        ):
            context = Context()
            measure_drift_magnitude(context, None, "serving", generator="g", min_rows=100)
            assert context.results["verdict"] == (
                f"no drift: none; measured on 600 labeled rows of live traffic, 2026-01-01 00:00 to {said}"
            )
            done.append(True)


def test_a_generator_that_is_not_up_streams_nothing(monkeypatch):
    def absent(_project, function):
        raise NetopsError(f"function '{function}' must be deployed, got none")

    monkeypatch.setattr(stream_state, "endpoint_address", absent)
    assert stream_state.generator_address("p") == stream_state.generator_address("p", "") == ""
    assert stream_state.goes_on("") is False


@pytest.mark.parametrize("gone", [False, True])
def test_the_base_is_of_the_model_that_is_served_and_the_batch_is_later(tmp_path, monkeypatch, gone):
    """A candidate was kept out; its rows are live ones of after the change, and tell of no drift."""
    live = stream(2.0)
    candidates = live.iloc[420:]
    before = pd.Timedelta(hours=600)
    own = stream(0.0).assign(**{SCHEMA.time: lambda rows: rows[SCHEMA.time] - before})
    own = pd.concat([own, live.iloc[:100].assign(load=0.0)], ignore_index=True)
    answers = {
        "/v2/models/model": {"versions": ["champion"]},
        "/labeled": {"directory": str(tmp_path / "labeled")},
        "/drift": {},
    }
    monkeypatch.setenv("NETOPS_HOME", str(tmp_path))
    monkeypatch.setenv("MLRUN_DBPATH", "")
    (tmp_path / "labeled").mkdir()
    live.assign(version="champion").to_parquet(tmp_path / "labeled" / "1.parquet")
    monkeypatch.setattr(drift_magnitude, "endpoint_address", lambda *_: "http://here")
    for module in (drift_magnitude, drift_base):
        monkeypatch.setattr(module, "get_json", lambda address: answers[address[len("http://here") :]])
    evaluated(monkeypatch, None if gone else own)
    context = Context()
    given = {"min_rows": 150, "drift_reference": "fixed"}
    measure_drift_magnitude(context, SimpleNamespace(as_df=lambda: candidates), "serving", **given)
    found = context.results
    assert found["base_version"] == "champion"
    if gone:
        assert found["base_rows"] == len(candidates)
        assert found["verdict"].endswith("the base is the test rows of this run, as its evaluation is gone")
        return
    assert (found["base_rows"], found["labeled_rows"], found["measured_on"]) == (700, 500, LIVE)
    assert (found["batch_rows"], found["batch_to"]) == (168, "2026-01-25T23:00:00+00:00")
    assert (found["drifted"], found["kind"]) == (True, "data drift")


def test_live_rows_that_are_no_later_than_the_base_do_not_count_and_are_told(tmp_path):
    write(tmp_path / "a.parquet", "new", [0, 1, 2, 3])
    found = chosen_rows(tmp_path, wanted(after=1), 2)
    assert (found.source, found.rows["x"].tolist()) == (LIVE, [2, 3])
    assert RowCount(tmp_path, wanted(after=1)).now() == 2
    none = chosen_rows(tmp_path, wanted(after=3), 2)
    assert (none.source, len(none.rows)) == ("", 0)
    assert none.why.endswith(
        "has 0 of the 2 labeled rows needed since this model, and 4 not later than what it was evaluated on"
    )


@pytest.mark.parametrize(
    ("rate", "before", "onset"), [(0.02, 0.03, ""), (0.05, 0.03, "then"), (0.05, None, "then")]
)
def test_an_open_alert_whose_newest_labels_are_as_good_as_before_it_says_nothing_of_now(rate, before, onset):
    told = {
        "last_drift": {"time": "then"},
        "alert": {"onset": "then"},
        "newest": {"rate": rate, "before": before},
    }
    assert drift_magnitude._found(told) == Found(onset, onset)
    assert drift_magnitude._found({**told, "newest": None}) == Found("then", "then")
