"""The benchmark of missed incidents finds what it has made."""

from tests.benchmarks import missed_incidents as benchmark


def test_a_row_tells_false_alarms_and_after_how_many_incidents_a_change_is_found(monkeypatch, capsys):
    small = {"SHARES": (0.02,), "STREAMS": 2, "OF_RATE": 1, "CALM": 20, "CHANGED": 30, "OF_ONE": 40}
    for name, value in small.items():
        monkeypatch.setattr(benchmark, name, value)
    benchmark.main()
    (row,) = capsys.readouterr().out.splitlines()
    share, false, blind, _, worse, _, of_one, of_fleet = row.strip("| ").split(" | ")
    assert (share, false) == ("2.0%", "0 of 2")
    assert blind.startswith("2 of 2, ") and worse.endswith(")")
    assert of_one.endswith("of 2") and of_fleet == "0 of 2"
