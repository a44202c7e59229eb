"""A log does not grow for ever, and no line of it is lost; nor is what a process said last."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from project.local.log_files import PIECES, piece, put_aside
from project.local.processes import log_tail

TALKER = """
import os, sys
from pathlib import Path
from project.local.log_files import OwnLog
own = OwnLog(Path(sys.argv[1]), most=2000, pieces=100)
for number in range(int(sys.argv[3])):
    os.write(1, f"{sys.argv[2]} {number} {'x' * 40}\\n".encode())
    if number % 7 == 0:
        os.write(2, f"{sys.argv[2]} aside {number}\\n".encode())
        own.look()
os.kill(os.getpid(), 9)
"""


def lines_of(log: Path) -> list[str]:
    """Of all pieces, the oldest first."""
    kept = [piece(log, number) for number in range(200, 0, -1) if piece(log, number).exists()]
    return [line for file in [*kept, log] for line in file.read_text().splitlines()]


def talk(log: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-c", TALKER, str(log), name, str(count)], stdout=output, stderr=output
        )


def test_every_line_of_several_processes_is_there_once_and_in_order(tmp_path: Path) -> None:
    log = tmp_path / "serving.log"
    for process in [talk(log, name, 400) for name in ("one", "two", "three")]:
        assert process.wait() == -9
    assert piece(log, 5).exists() and log.stat().st_size < 10_000
    found = lines_of(log)
    for name in ("one", "two", "three"):
        said = [line.split() for line in found if line.startswith(f"{name} ")]
        assert [int(words[1]) for words in said if words[1] != "aside"] == list(range(400))
        assert [int(words[2]) for words in said if words[1] == "aside"] == list(range(0, 400, 7))


def test_only_so_many_pieces_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "serving.log"
    assert not put_aside(log)
    for number in range(10):
        log.write_text(f"{number}" * 20)
        assert put_aside(log, most=10) and not put_aside(log, most=10)
        assert log.stat().st_size == 0
    kept = [piece(log, number).read_text()[0] for number in range(1, PIECES + 1)]
    assert kept == ["9", "8", "7", "6", "5"] and not piece(log, PIECES + 1).exists()


@pytest.mark.parametrize("taken", ["renamed", "deleted"])
def test_a_file_that_an_operator_takes_away_is_begun_anew(tmp_path: Path, taken: str) -> None:
    log, go = tmp_path / "serving.log", tmp_path / "go"
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom project.local.log_files import OwnLog\n"
        "OwnLog(Path(sys.argv[1])).follow()\nprint('first', flush=True)\n"
        "while not Path(sys.argv[2]).exists(): time.sleep(0.01)\n"
        "raise ValueError('the last line')\n"
    )
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(log), str(go)], stdout=output, stderr=output
        )
    deadline = time.monotonic() + 60
    while log.stat().st_size == 0:
        assert time.monotonic() < deadline
    if taken == "renamed":
        log.rename(tmp_path / "elsewhere")
    else:
        log.unlink()
    while not log.exists():
        assert time.monotonic() < deadline
    go.touch()
    assert process.wait() == 1
    assert log.read_text().endswith("ValueError: the last line\n")


def test_the_last_lines_of_a_log_that_began_anew_are_told(tmp_path: Path) -> None:
    log = tmp_path / "serving.log"
    log.write_text("before\n" * 10)
    start = log.stat().st_size
    log.write_text("before\n" * 10 + "trace\nfailed\n")
    assert log_tail(log, start=start) == "trace\nfailed"
    put_aside(log, most=10)
    assert log_tail(log, start=start) == "trace\nfailed"
    log.write_text("again\n")
    assert log_tail(log, lines=2, start=start) == "failed\nagain"
