"""The bill of materials has what the lock has, and says who needs it."""

import tomllib
from pathlib import Path

import pytest

from tools.bill_of_materials import ROOT, bill_of_materials, locked

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads(Path(ROOT, "pyproject.toml").read_text(encoding="utf-8"))["project"]

SMALL = """\
one==1.0 \\
    --hash=sha256:{0} \\
    --hash=sha256:{1}
    # via netops (pyproject.toml)
Two.Parts[extra]==2.0+local \\
    --hash=sha256:{0}
    # via
    #   netops (pyproject.toml)
    #   one
three==3
    # via
    #   Two_Parts
    #   work
work==4
    # via netops (pyproject.toml)
""".format("a" * 64, "b" * 64)


@pytest.fixture(scope="module")
def document():
    return bill_of_materials(LOCK, PROJECT)


def test_every_line_of_the_lock_is_a_component_with_all_its_digests(document):
    lines = {line.split(" ")[0].partition("==")[::2] for line in LOCK.splitlines() if line[0].isalnum()}
    assert {(each["name"], each["version"]) for each in document["components"]} == lines
    assert sum(len(each["hashes"]) for each in document["components"]) == LOCK.count("--hash=sha256:")
    assert document == bill_of_materials(LOCK, PROJECT)


def test_every_package_is_needed_by_some_and_known_by_its_address(document):
    known = {each["bom-ref"] for each in document["components"]}
    needed = {ref for each in document["dependencies"] for ref in each["dependsOn"]}
    assert needed == known
    assert {each["ref"] for each in document["dependencies"]} == known | {"netops"}
    scopes = {each["name"]: each["scope"] for each in document["components"]}
    assert (scopes["mlrun"], scopes["cryptography"], scopes["pytest"]) == ("required", "required", "optional")
    licensed = [each for each in document["components"] if "licenses" in each]
    assert len(licensed) > 0.9 * len(known)


def test_what_only_work_on_the_code_needs_is_optional():
    project = {"name": "p", "version": "0", "license": "MIT", "dependencies": ["One>=1"]}
    document = bill_of_materials(SMALL, project)
    assert {each["name"]: each["scope"] for each in document["components"]} == {
        "one": "required",
        "two-parts": "required",
        "three": "required",
        "work": "optional",
    }
    depends = {each["ref"]: each["dependsOn"] for each in document["dependencies"]}
    assert depends["pkg:pypi/two-parts@2.0+local"] == ["pkg:pypi/three@3"]
    assert depends["netops"] == ["pkg:pypi/one@1.0", "pkg:pypi/two-parts@2.0+local", "pkg:pypi/work@4"]


def test_a_lock_that_does_not_pin_is_refused():
    with pytest.raises(ValueError, match="must pin every package, got 'one>=1'"):
        locked("one>=1\n")
