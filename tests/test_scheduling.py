"""How tests are spread over workers: one installation, long units first."""

from tests.scheduling import LONGEST_FIRST, start_rank, unit_of


def test_a_unit_is_a_file_or_the_installation():
    assert unit_of("tests/drift/test_ddm.py::test_a[x::y]") == "tests/drift/test_ddm.py"
    assert unit_of("drift/ddm.py::drift.ddm.DDM") == "drift/ddm.py"
    assert unit_of("tests/integration/test_run.py::test_a") == unit_of(
        "tests/integration/test_skew.py::test_b"
    )


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
