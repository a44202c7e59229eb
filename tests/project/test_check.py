"""``netops check`` and ``netops init``: quick, without MLRun, and nothing is overwritten unasked."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import typer

from feature_sets.checks import InputError
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from project.cli.check import check
from project.cli.init import init
from tests.project.test_cli import environment


@pytest.fixture
def folder(tmp_path):
    """Telemetry of three routers."""
    made = tmp_path / "lab"
    made.mkdir()
    random = np.random.default_rng(1)
    keys = pd.DataFrame(
        {
            "router": ["r1", "r2", "r3"] * 20,
            "at": pd.Timestamp("2026-03-01T00:00:00Z") + pd.to_timedelta(np.arange(60) // 3 * 10, unit="s"),
        }
    )
    keys.assign(load=random.normal(5, 1, 60), note="x").to_parquet(made / "metrics.parquet")
    keys.assign(is_error=np.arange(60) % 2).to_parquet(made / "labels.parquet")
    static = pd.DataFrame({"router": ["r1", "r2", "r3"], "site": ["007", "007", "008"]})
    static.to_parquet(made / "static.parquet")
    return made


def netops(home, *arguments):
    program = "import sys; from project.cli import main\ntry:\n main()\nfinally:\n"
    program += " print('mlrun' in sys.modules, 'numba' in sys.modules, file=sys.stderr)"
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment(home),
        check=False,
    )


def test_a_check_loads_no_mlrun_and_says_what_it_found(folder, tmp_path):
    done = netops(tmp_path, "check", folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr.split() == ["False", "False"]
    assert "devices: 3 in the rows looked at, one reading every 10 s" in done.stdout
    assert "note: text; 1 value; such as 'x'" in done.stdout
    content = json.loads(netops(tmp_path, "check", folder, "--json").stdout)
    assert content["interval_seconds"] == 10.0
    assert content["schema"]["entity"] == ["router"]
    assert not (tmp_path / ".netops").exists()


def test_init_writes_the_schema_once(folder, tmp_path, monkeypatch):
    path = tmp_path / "lab.yaml"
    init(folder, output=path, yes=False)
    assert TelemetrySchema.from_yaml(path).metric_names == ("load",)
    path.write_text("mine")
    with pytest.raises(InputError, match="--output: must be confirmed where a file exists: add --yes"):
        init(folder, output=path, yes=False)
    assert path.read_text() == "mine"
    init(folder, output=path, yes=True)
    assert TelemetrySchema.from_yaml(path).name == "lab"


def test_a_folder_that_lacks_something_exits_with_one(folder, tmp_path):
    metrics = pd.read_parquet(folder / "metrics.parquet").assign(is_error=[0, 1] * 30)
    metrics.to_parquet(folder / "metrics.parquet")
    (folder / "labels.parquet").unlink()
    done = netops(tmp_path, "check", folder)
    assert done.returncode == 1
    assert "missing: There are no labels: labels.parquet or labels.csv" in done.stdout
    assert "'is_error' of metrics.parquet may be the label" in done.stdout
    done = netops(tmp_path, "init", folder)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "netops: nothing was written, as something is missing: There are no labels: labels.parquet or"
    )


def test_a_folder_is_held_against_a_schema(folder, tmp_path, capsys):
    path = tmp_path / "lab.yaml"
    content = "{name: lab, entity: [router], time: at, metrics: {load: {}}, label: is_error, "
    content += "population: {site: %s}}"
    path.write_text(content % '"007"')
    (folder / "more.csv").write_text("a,b\n")
    check(folder, schema=path, as_json=False)
    said = capsys.readouterr().out
    assert "note: not used by the schema: note" in said
    assert "note: 1 file is of no table and not read: more.csv" in said
    assert "is in no row" not in said
    path.write_text(content % "7")
    check(folder, schema=path, as_json=False)
    said = capsys.readouterr().out
    assert "note: population site: 7 is in no row; there are '007', '008'" in said
    check(folder, schema=path, as_json=True)
    assert json.loads(capsys.readouterr().out)["devices"] == 3


def test_a_file_that_cannot_be_written_is_told(folder):
    with pytest.raises(InputError, match="--output: must be a file that can be written"):
        init(folder, folder / "none" / "schema.yaml")


def lab_schema(tmp_path):
    """A schema of the folder."""
    content = {
        "name": "lab",
        "entity": ["router"],
        "time": "at",
        "metrics": {"load": {}},
        "label": "is_error",
    }
    schema = tmp_path / "schema.yaml"
    schema.write_text(json.dumps(content))
    return schema


def test_what_does_not_fit_is_told_before_the_run_is_named(folder, tmp_path, capsys):
    keys = pd.read_parquet(folder / "labels.parquet").assign(is_error=0)
    keys.to_parquet(folder / "labels.parquet")
    schema = lab_schema(tmp_path)
    check(folder, schema=schema)
    *_, last = lines = capsys.readouterr().out.splitlines()
    # Beneath its table, not beneath the last one.
    note = lines[lines.index(next(line for line in lines if line.startswith("labels: "))) + 1]
    assert note.startswith("  note: Every label is 0")
    assert last.startswith("every row was read; look at the notes first: netops run")
    check(folder, schema=schema, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["notes"] == [note.removeprefix("  note: ")]
    verdict = "every row was read; look at the notes first"
    assert (told["rows_left_out"], told["fits"], told["verdict"]) == (0, False, verdict)
    keys.assign(is_error=[2, *[0] * 30, *[1] * 29]).to_parquet(folder / "labels.parquet")
    check(folder, schema=schema)
    assert capsys.readouterr().out.splitlines()[-1].startswith("1 row would be left out; look at the reasons")
    keys.assign(is_error=[2] * 30 + [0] * 30).to_parquet(folder / "labels.parquet")
    words = "labels.parquet: must not have half of its rows, .*; what is usable would be taken. .*50% of 60"
    for as_json in (False, True):
        with pytest.raises(TelemetryError, match=words):
            check(folder, schema=schema, as_json=as_json)
        told = capsys.readouterr().out
        warnings = json.loads(told)["labels"]["warnings"] if as_json else told.splitlines()
        assert not as_json or (json.loads(told)["rows_left_out"], json.loads(told)["fits"]) == (30, False)
        assert any("most rows of labels.parquet were rejected: 50% of 60 rows" in line for line in warnings)


def test_incidents_in_whose_time_a_device_sent_nothing_are_counted_and_the_folder_fits(
    folder, tmp_path, capsys
):
    rows = pd.read_parquet(folder / "metrics.parquet")
    begin = rows["at"].min()
    gone = rows["at"].between(begin + pd.Timedelta("50s"), begin + pd.Timedelta("90s"))
    rows[(rows["router"] != "r1") | ~gone].to_parquet(folder / "metrics.parquet")
    (folder / "labels.parquet").unlink()
    starts = [begin + pd.Timedelta(seconds=seconds) for seconds in (55, 55)]
    tickets = pd.DataFrame({"id": ["T-1", "T-2"], "router": ["r1", "r2"], "start": starts})
    tickets.assign(end=tickets["start"] + pd.Timedelta("30s")).to_parquet(folder / "incidents.parquet")
    content = {
        "name": "lab",
        "entity": ["router"],
        "time": "at",
        "metrics": {"load": {}},
        "label": "is_error",
    }
    schema = tmp_path / "schema.yaml"
    schema.write_text(json.dumps({**content, "labels": {"form": "incidents", "id": "id"}}))
    check(folder, schema=schema)
    *_, last = lines = capsys.readouterr().out.splitlines()
    (note,) = [line for line in lines if "no reading to learn from" in line]
    what = "1 of 2 incidents have no reading to learn from: in 1 the devices sent nothing throughout (T-1). "
    assert note.startswith(f"  note: {what}")
    assert last.startswith("the folder fits")
    check(folder, schema=schema, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["notes"] == [note.removeprefix("  note: ")]
    assert (told["rows_left_out"], told["fits"], told["verdict"]) == (0, True, "the folder fits")
    # Half of them before the first reading: it is told with the reason, and does not fit.
    tickets = tickets.assign(start=[starts[0], begin - pd.Timedelta("1h")])
    tickets.assign(end=tickets["start"] + pd.Timedelta("30s")).to_parquet(folder / "incidents.parquet")
    check(folder, schema=schema)
    *_, last = lines = capsys.readouterr().out.splitlines()
    (note,) = [line for line in lines if "outside of the time of the readings" in line]
    assert note.startswith("  note: 1 of 2 incidents lie outside") and "1 is over before the first" in note
    assert "(T-2; the first of" in note
    assert last.startswith("every row was read; look at the notes first")


@pytest.mark.parametrize("form", ["rows", "incidents"])
def test_a_further_day_needs_no_static_file_as_for_an_ingestion(folder, tmp_path, capsys, form):
    (folder / "static.parquet").unlink()
    content = json.loads(lab_schema(tmp_path).read_text()) | {"static": ["site"]}
    if form == "incidents":
        (folder / "labels.parquet").unlink()
        begin = pd.read_parquet(folder / "metrics.parquet")["at"].min()
        ticket = {"router": ["r1"], "site": ["007"], "start": [begin], "end": [begin + pd.Timedelta("30s")]}
        pd.DataFrame(ticket).to_parquet(folder / "incidents.parquet")
        content["labels"] = {"form": "incidents", "scope": ["router", "site"]}
    schema = tmp_path / "schema.yaml"
    schema.write_text(json.dumps(content))
    check(folder, schema=schema)
    said = capsys.readouterr().out
    assert "There is no static file, which the schema takes site from: a further day" in said
    assert said.splitlines()[-1].startswith("every row was read; look at the notes first")
    with pytest.raises(TelemetryError, match=r"static: must exist as static\.parquet"):
        read_telemetry(folder, TelemetrySchema.from_yaml(schema))


def test_a_folder_with_a_copy_of_a_file_fits(folder, tmp_path, capsys):
    (folder / "metrics").mkdir()
    for name in ("a", "b"):
        shutil.copy(folder / "metrics.parquet", folder / "metrics" / f"{name}.parquet")
    (folder / "metrics.parquet").unlink()
    rows = pd.read_parquet(folder / "metrics" / "a.parquet")
    keys = rows[["router", "at"]]
    keys.assign(is_error=[0, 1] * (len(keys) // 2)).to_parquet(folder / "labels.parquet")
    schema = lab_schema(tmp_path)
    check(folder, schema=schema)
    *_, last = lines = capsys.readouterr().out.splitlines()
    assert f"  note: metrics/b.parquet: {len(rows)} rows, all in other files already, nothing is new" in lines
    assert last.startswith(f"the folder fits ({len(rows)} rows say what another one says): netops run")
    assert not any("warning" in line for line in lines)


def test_the_order_of_dates_is_an_option_of_check_and_init(folder, tmp_path, capsys):
    for name in ("metrics", "labels"):
        path = folder / f"{name}.parquet"
        frame = pd.read_parquet(path)
        frame.assign(at=frame["at"].dt.strftime("%d.%m.%Y %H:%M:%S")).to_parquet(path)
    with pytest.raises(typer.Exit):
        init(folder, output=tmp_path / "lab.yaml")
    assert not (tmp_path / "lab.yaml").exists()
    check(folder, date_order="day_first")
    assert f"netops init {folder} --date-order day_first writes it" in capsys.readouterr().out
    init(folder, output=tmp_path / "lab.yaml", date_order="day_first")
    assert TelemetrySchema.from_yaml(tmp_path / "lab.yaml").date_order == "day_first"
    with pytest.raises(InputError, match="--date-order: must be left out with --schema"):
        check(folder, schema=tmp_path / "lab.yaml", date_order="day_first")
    check(folder, schema=tmp_path / "lab.yaml")
    assert "the folder fits" in capsys.readouterr().out
