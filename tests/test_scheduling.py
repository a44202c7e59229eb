"""How tests are spread over workers: one installation, long units first."""

import re
from pathlib import Path

from tests.scheduling import FOLDER, INSTALLATION, LONGEST_FIRST, OWN_HOME, start_rank, unit_of

ROOT = Path(__file__).parents[1]


def test_a_unit_is_a_file_or_the_installation():
    assert unit_of("tests/drift/test_ddm.py::test_a[x::y]") == "tests/drift/test_ddm.py"
    assert unit_of("drift/ddm.py::drift.ddm.DDM") == "drift/ddm.py"
    shared = {unit_of(f"{FOLDER}{name}.py::test_a") for name in ("test_run", "test_skew")}
    assert shared == {INSTALLATION}
    assert unit_of(f"{OWN_HOME[0]}::test_a") == OWN_HOME[0]


def test_a_file_shares_the_installation_or_has_a_home_of_its_own():
    for file in (ROOT / FOLDER).glob("test_*.py"):
        used = set(re.findall(r"\b(?:bare|installation)\b", file.read_text(encoding="utf-8")))
        own = str(file.relative_to(ROOT)) in OWN_HOME
        assert used == ({"bare"} if own else {"installation"}), file.name


def test_long_units_start_first():
    names = ["tests/drift/test_ddm.py::test_a", "tests/workflow/test_shapes.py::test_b"]
    assert sorted(names, key=start_rank) == names[::-1]
    assert [start_rank(start) for start in LONGEST_FIRST] == list(range(len(LONGEST_FIRST)))


def test_what_needs_a_server_is_slow(request):
    marked = {item.name for item in request.session.items if item.get_closest_marker("slow")}
    using = {
        item.name
        for item in request.session.items
        if {"installation", "local_stack"} & set(getattr(item, "fixturenames", ()))
    }
    assert using <= marked
