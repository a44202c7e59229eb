"""Tables of the documentation that repeat what the code says: they say the same."""

import dataclasses
import json
import re

import pytest
import yaml

from feature_sets.telemetry.counter import CounterIntervals, Uptime
from feature_sets.telemetry.derived import Derived, Ratio
from feature_sets.telemetry.incident_mapping import IncidentMapping
from feature_sets.telemetry.label_form import LabelForm
from feature_sets.telemetry.maintenance_columns import MaintenanceColumns
from feature_sets.telemetry.metric import Metric
from feature_sets.telemetry.neighbors import Neighbors
from feature_sets.telemetry.peers import Peers
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.split_rule import SplitRule
from feature_sets.telemetry.topology import Topology
from feature_sets.telemetry.window_settings import OPERATIONS, Windows
from feature_sets.windows.event_status import COUNTED, STATUSES
from tests.benchmarks import results_page
from tests.docs.pages import ROOT
from tests.drift.test_false_alarms import ALARMS, LABELS, STREAMS


def text(name):
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def rows(page, heading, number=0):
    """Cells of the rows of a table after a heading, the first one by default."""
    section = re.split(rf"^#+ {heading}\n", text(page), maxsplit=1, flags=re.M)[1]
    table = re.findall(r"(?:^\|.*\n)+", section, re.M)[number]
    lines = table.replace(r"\|", "∣").splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def names(cell):
    return re.findall(r"`([\w-]+)`", cell)


@pytest.mark.parametrize(
    "kind",
    [
        *(TelemetrySchema, MaintenanceColumns, Windows, Derived, Ratio, Uptime, CounterIntervals),
        *(LabelForm, IncidentMapping, SplitRule, Neighbors, Peers, Topology),
    ],
    ids=lambda kind: kind.__name__,
)
def test_the_schema_reference_has_every_field_with_its_default(kind):
    written = {name: default for cell, default, _ in rows("schema.md", kind.__name__) for name in names(cell)}
    fields = {field.name: field for field in dataclasses.fields(kind)}
    fields.pop("further_horizons", None)  # In a file they are in the list of ``horizon``.
    assert list(written) == list(fields)
    for name, default in written.items():
        field = fields[name]
        if (default == "required") != (field.default is field.default_factory is dataclasses.MISSING):
            raise AssertionError(f"{name} is written to be {default}")
        if field.default is not dataclasses.MISSING and default.startswith("`"):
            value = field.default
            shown = f"[{', '.join(value)}]" if isinstance(value, tuple) else value
            assert default == f"`{shown}`", name


def test_the_schema_reference_has_the_fields_of_a_metric_and_every_operation():
    counter = Metric.from_content("octets", {"kind": "counter", "optional": True, "no_value": [-1]})
    every = {**counter.to_dict(), **Metric.from_content("state", {"values": {"up": 1}}).to_dict()}
    assert [names(cell) for cell, *_ in rows("schema.md", "Metric")] == [[name] for name in every]
    listed = re.search(r"^Operations: (.*?)\.", text("schema.md"), re.M)[1]
    assert names(listed) == list(OPERATIONS)


def test_every_status_of_an_event_is_explained():
    assert [
        (names(cell)[0], counted) for cell, counted, _ in rows("windows.md", "What a window contains")
    ] == [(status, "yes" if status in COUNTED else "no") for status in STATUSES]


def test_the_table_of_false_alarms_is_the_measured_one():
    tens_of_thousands = STREAMS * LABELS / 10_000
    assert rows("drift.md", "False alarms") == [
        [kind, f"{rate:g}", *(f"{count / tens_of_thousands:.1f}" for count in alarms)]
        for (kind, rate), alarms in ALARMS.items()
    ]


def test_the_page_of_benchmarks_shows_the_figures_in_the_file():
    results = json.loads(results_page.RESULTS.read_text(encoding="utf-8"))
    assert results_page.PAGE.read_text(encoding="utf-8") == results_page.page(results)
    assert results_page.RESULTS.read_text(encoding="utf-8") == results_page.to_text(results)
    assert {line["benchmark"] for line in results["results"]} == set(results_page.TABLES)


def test_newer_lines_replace_those_of_the_same_benchmark():
    before = {"benchmark": "b", "x": 1, "measured": "2026-01-02", "commit": "0a"}
    old = {"machine": "m", "results": [{"benchmark": "a", "x": 1}, before]}
    today = results_page.datetime.date(2027, 1, 2)
    new = results_page.take_in(old, [{"benchmark": "a", "x": 2}], today, "1b")
    newer = {"benchmark": "a", "x": 2, "measured": "2027-01-02", "commit": "1b"}
    assert new["results"] == [before, newer], "each keeps its own day"


def test_each_table_of_benchmarks_says_when_it_was_measured():
    line = {"benchmark": "overload", "measured": "2026-11-27", "commit": "2cb73dbb"}
    others = [
        {**line, "benchmark": name, "commit": "0a"} for name in results_page.TABLES if name != "overload"
    ]
    text = results_page.page({"machine": "m", "results": [line, {**line, "commit": "1b"}, *others]})
    assert text.count("Figures of 2026-11-27, commit ") == len(results_page.TABLES)
    assert "Figures of 2026-11-27, commit `1b`, `2cb73dbb`." in text


def test_every_benchmark_has_its_table():
    folder = ROOT / "tests" / "benchmarks"
    measuring = {
        name
        for file in folder.glob("*.py")
        if not file.name.startswith("test_")
        for name in re.findall(r'"benchmark": "(\w+)"', file.read_text(encoding="utf-8"))
    }
    assert measuring == set(results_page.TABLES)


def test_reasons_to_leave_a_row_out_are_those_of_the_reader():
    from feature_sets.telemetry import readers

    listed = readers.__doc__.split("in this order:")[1].split("Values in rows")[0]
    reasons = re.findall(r"``(\w+)``", listed)
    written = [name for cell, _ in rows("telemetry.md", "Rows that are left out") for name in names(cell)]
    assert written == reasons


def test_reasons_to_leave_an_incident_out_are_those_of_the_reader():
    from feature_sets.telemetry import incident_files

    listed = incident_files.__doc__.split("those of the device,")[1]
    reasons = re.findall(r"``(\w+)``", listed)
    written = [name for cell, _ in rows("telemetry.md", "Labels in other forms", 1) for name in names(cell)]
    assert written == reasons


def test_every_status_of_an_incident_is_explained():
    from feature_sets.telemetry.incident_events import IncidentStatus

    # The first table shows bodies.
    assert [names(cell)[0] for cell, _ in rows("serving.md", "Incidents", 1)] == list(IncidentStatus)


@pytest.mark.parametrize("tool", ["alertmanager", "servicenow", "jira"])
def test_the_mappings_of_the_documentation_are_the_tested_ones(tool):
    from tests.graphs.test_incidents_route import SHAPES

    (written,) = [
        content
        for content in map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", text("serving.md"), re.S))
        if content["incident_mapping"]["fields"]["id"] == SHAPES[tool][0]["fields"]["id"]
    ]
    assert written["incident_mapping"] == SHAPES[tool][0]


def test_decisions_are_numbered_and_have_the_four_headings():
    pages = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
    for number, page in enumerate(pages, 1):
        content = page.read_text(encoding="utf-8")
        assert page.name.startswith(f"{number:04}-")
        assert content.startswith(f"# {number:04}: ")
        headings = re.findall(r"^## (.*)$", content, re.M)
        assert headings == ["Context", "Decision", "Consequences", "When to reconsider"]
        assert page.name in text("decisions/index.md")
