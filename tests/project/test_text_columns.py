"""Facts as aligned columns."""

from project.text_columns import column_lines


def test_a_device_with_a_newline_stays_in_its_line():
    lines = column_lines(("device", "alarms"), [("a\nb", "1"), ("Zürich/ü", "22"), ("tab\there", "3")])
    assert lines == ["device     alarms", "a\\nb       1", "Zürich/ü   22", "tab\\there  3"]
