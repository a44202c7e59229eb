"""The README and the page of commands name what there is, and nothing else."""

import re

from typer.main import get_command

from project import parameters, settings
from project.cli.app import app
from project.summary.lines import candidate_lines
from tests.docs.pages import PAGES, ROOT
from tests.project.test_workflow import played
from training.search.families import FAMILIES

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
ALL = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
COMMANDS = get_command(app).commands


def rows(heading):
    """Cells of the table under a heading of the page."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_command_has_its_row():
    assert [name.strip("`") for name, _ in rows("Commands of netops")] == [
        f"netops {name}" for name in COMMANDS
    ]


def test_every_option_has_its_row_and_the_commands_that_take_it():
    takes = {}
    for name, command in COMMANDS.items():
        for option in command.params:
            if option.param_type_name == "option":
                takes.setdefault(option.opts[0], set()).add(name)
    written = {}
    for option, commands, _ in rows("Options"):
        named = set(re.findall(r"\w+", commands)) - {"all", "but", "and"}
        written[option.strip("`")] = set(COMMANDS) - named if commands.startswith("all but") else named
    assert written == takes


def test_every_workflow_parameter_has_its_row_and_default():
    table = rows("Workflow parameters")
    written = {name.strip("`"): default for name, default, _ in table}
    assert written == {name: cell(value) for name, value in parameters.DEFAULTS.items()}
    assert [name.strip("`") for name, *_ in table] == list(parameters.DEFAULTS)


def cell(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_every_variable_of_the_settings_has_its_row():
    variables = re.findall(r"^``(\w+)``", settings.__doc__, re.M)
    written = [name.strip("`") for name, _ in rows("Environment variables")]
    assert len(variables) >= 10
    assert set(variables) <= set(written)


def test_commands_of_any_page_exist():
    assert set(re.findall(r"(?:`|^\$ )netops ([a-z]+)", ALL, re.M)) == set(COMMANDS)


def test_every_make_target_of_any_page_exists():
    targets = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.M))
    assert set(re.findall(r"(?:`|^\$ )make ([a-z-]+)", ALL, re.M)) <= targets
    assert {"run", "test", "check", "docs", "help"} <= targets


CANDIDATE = re.compile(r"^(?:candidates| {10}) {4}[* ] (\w+) +average precision \d", re.M)
"""A line of the summary on a combination, with the family of its model."""


def test_the_summary_writes_candidates_as_the_readme_is_read():
    entry = {"family": "lightgbm", "average_precision": 0.9, "f1": 0.8, "parameters": "num_leaves=7"}
    lines = candidate_lines([{**entry, "best": True, "rung": 2}, {**entry, "best": False, "rung": 2}])
    assert CANDIDATE.findall("\n".join(lines)) == ["lightgbm", "lightgbm"]


def test_the_models_of_the_readmes_run_are_families_there_are():
    families = CANDIDATE.findall(README)
    assert families and set(families) <= set(FAMILIES)


def test_the_steps_of_the_readmes_run_are_the_first_of_the_workflow(monkeypatch):
    shown = re.findall(r"^  done   (\S+) +[0-9.]+ s$", README, re.M)
    steps = [arguments["name"] for _, arguments in played(monkeypatch).runs]
    assert len(shown) >= 3
    assert shown == steps[: len(shown)]


def test_the_readme_is_short_enough_to_be_read():
    assert len(README.encode()) < 7000
