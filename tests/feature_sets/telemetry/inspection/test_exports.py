"""Exports of systems that many networks have: what is proposed for them, and what is told of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.inspection.folder_check import check_folder

TIMES = pd.date_range("2026-11-01", periods=40, freq="5min", tz="UTC")


def checked(folder: Path, header: str, rows: list[str], **kwargs: Any) -> tuple[dict[str, Any], list[str]]:
    """The schema that is proposed for a file of metrics, and what is to be decided."""
    (folder / "metrics.csv").write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    found = check_folder(folder, **kwargs)
    assert found.proposal.content is not None
    return found.proposal.content, found.proposal.decide


def test_the_history_of_zabbix_is_one_row_a_value_beside_its_nanoseconds(tmp_path: Path) -> None:
    rows = [
        f"{host},{key},{int(at.timestamp())},{base + at.minute % 7}.5,{at.minute * 7919 + base}"
        for at in TIMES
        for host in ("r1", "r2")
        for key, base in (("system.cpu.util", 40), ("icmppingloss", 1))
    ]
    content, _ = checked(tmp_path, "host,key_,clock,value,ns", rows)
    assert content["files"] == {"layout": "long", "metric": "key_", "value": "value"}
    assert (content["entity"], content["time"]) == (["host"], "clock")
    assert list(content["metrics"]) == ["system_cpu_util", "icmppingloss"]


def test_the_event_time_of_influxdb_is_not_that_of_the_query(tmp_path: Path) -> None:
    ends = "2026-11-01T00:00:00Z,2026-11-02T00:00:00Z"
    rows = [
        f",,{table},{ends},{at.strftime('%Y-%m-%dT%H:%M:%SZ')},{at.minute % 7}.25,{field},cpu,{host}"
        for table, (host, field) in enumerate(
            (host, field) for host in ("r1", "r2") for field in ("user", "idle")
        )
        for at in TIMES
    ]
    header = ",result,table,_start,_stop,_time,_value,_field,_measurement,host"
    content, _ = checked(tmp_path, header, rows)
    assert content["rename"]["_time"] == content["time"] == "time"
    assert content["files"]["layout"] == "long" and list(content["metrics"]) == ["user", "idle"]
    assert content["entity"] == ["host"]


def test_what_no_reading_needs_to_be_told_apart_is_no_key(tmp_path: Path) -> None:
    rows = [
        f"{at.strftime('%Y-%m-%d %H:%M')},NE1/Cell:CellID={cell},Reliable,{(at.minute + cell) % 9}.5,{word}"
        for at in TIMES
        for cell in (1, 2, 3)
        for word in ["ja" if (at.minute + cell) % 11 == 0 else "nein"]
    ]
    content, _ = checked(tmp_path, "Result Time,Object Name,Reliability,load,Alarm", rows)
    assert content["entity"] == ["Object_Name"] and list(content["metrics"]) == ["load"]


def test_numbers_with_several_units_and_those_among_a_few_words_are_told(tmp_path: Path) -> None:
    rows = [
        f"{at.isoformat()},r1,{at.minute % 7}.5,{number}.5 {'Mbps' if number % 3 else 'Gbps'},"
        f"{'U' if number % 13 == 0 else f'{number}.25'}"
        for number, at in enumerate(TIMES)
    ]
    content, decide = checked(tmp_path, "time,device,cpu,rate,octets", rows)
    assert list(content["metrics"]) == ["cpu"]
    told = "\n".join(decide)
    assert "'rate' has numbers with 'Gbps', 'Mbps' behind, such as '0.5 Gbps'" in told
    assert "'octets' has numbers, but for 'U' in 4 rows: if that means no value, name it in no_value" in told


def test_a_sheet_in_the_letters_of_windows_is_told_what_to_save_it_as(tmp_path: Path) -> None:
    text = "Gerät;Zeit;Last\nKöln-1;2026-11-01T00:00:00Z;1,5\n"
    (tmp_path / "metrics.csv").write_bytes(text.encode("cp1252"))
    with pytest.raises(TelemetryError, match=r"must be UTF-8, or UTF-16 .* may be in Windows-1252"):
        check_folder(tmp_path)
