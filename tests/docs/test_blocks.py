"""Blocks of code: each of a language that is executed or checked, or marked as not run with the reason."""

import json
import re

import pytest
import yaml

from feature_sets.telemetry.schema import TelemetrySchema
from tests.docs.pages import PAGES, ROOT, blocks

ALL = [block for page in PAGES for block in blocks(page)]

LANGUAGES = {
    "console": "tests/integration/test_docs_commands.py",
    "python": "tests/integration/test_docs_commands.py",
    "yaml": "tests/docs/test_blocks.py",
    "text": "nothing: pictures",
}
"""Language -> what executes its blocks."""


@pytest.mark.parametrize("block", ALL, ids=lambda block: block.where)
def test_a_block_is_of_a_kind_that_is_executed(block):
    assert block.language in LANGUAGES
    if block.language == "console":
        assert block.commands
    if block.language == "text":
        assert not re.search(r"^\$ ", block.text, re.M)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_reason_stands_right_before_its_block(page):
    marked = sum(bool(block.not_run) for block in blocks(page))
    assert marked == len(re.findall(r"^<!-- *not run", page.read_text(encoding="utf-8"), re.M))
    for block in blocks(page):
        assert not block.not_run or len(block.not_run.split()) > 3


@pytest.mark.parametrize("block", [b for b in ALL if b.language == "yaml"], ids=lambda block: block.where)
def test_a_schema_is_a_schema(block):
    content = yaml.safe_load(block.text)
    if "name" not in content:  # Some fields of one; the others are those of the complete example.
        every = [b for b in ALL if b.language == "yaml" and b.text.startswith("name: my-routers\n")]
        whole = next(b for b in every if b.page.name == "telemetry.md")
        content = {**yaml.safe_load(whole.text), **content}
    assert TelemetrySchema.from_dict(content).name == "my-routers"


def test_bodies_in_the_commands_are_json():
    bodies = re.findall(r"-d '([^']*)'", "".join(block.text for block in ALL))
    assert len(bodies) >= 3
    for body in bodies:
        assert isinstance(json.loads(body), dict)
