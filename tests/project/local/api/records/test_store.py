import json
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading

import pytest

from project.local.api.records.store import (
    _SCHEMAS,
    SCHEMA_VERSION,
    DamagedStoreError,
    NewerStoreError,
    Store,
)


def _projects(store):
    return [row["name"] for row in store.rows("SELECT name FROM projects ORDER BY created")]


def _add(store, name):
    with store.write() as connection:
        connection.execute("INSERT INTO projects VALUES (?, (SELECT COUNT(*) FROM projects), '{}')", (name,))


def test_a_failed_write_leaves_no_trace(store):
    _add(store, "kept")
    with pytest.raises(ZeroDivisionError), store.write():
        _add(store, "lost")
        raise ZeroDivisionError
    assert _projects(store) == ["kept"]


def test_a_write_within_a_write_is_one_transaction(store):
    with store.write():
        _add(store, "a")
        assert _projects(store) == ["a"]
        _add(store, "b")
    assert _projects(store) == ["a", "b"]


def test_many_threads_write_without_losing_anything(store):
    threads = [
        threading.Thread(target=lambda n=n: [_add(store, f"p-{n}-{i}") for i in range(25)]) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(_projects(store)) == 200


def test_what_was_written_is_there_after_kill_9(tmp_path):
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from project.local.api.records.store import Store
        store = Store(Path(sys.argv[1]))
        for number in range(100_000):
            with store.write() as connection:
                connection.execute("INSERT INTO projects VALUES (?, ?, '{}')", (f"p{number}", number))
            print(number, flush=True)
        """
    )
    path = tmp_path / "store.sqlite3"
    writer = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        acknowledged = -1
        while acknowledged < 300:
            acknowledged = int(writer.stdout.readline())
    finally:
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read().split()
        writer.wait()
        writer.stdout.close()
    acknowledged = int(rest[-1]) if rest else acknowledged
    names = _projects(Store(path))
    assert names[: acknowledged + 1] == [f"p{number}" for number in range(acknowledged + 1)]


def test_only_the_owner_can_read_the_file(tmp_path):
    Store(tmp_path / "deep" / "store.sqlite3")
    assert stat.S_IMODE((tmp_path / "deep" / "store.sqlite3").stat().st_mode) == 0o600


def test_a_file_of_a_newer_version_is_refused(tmp_path):
    path = tmp_path / "store.sqlite3"
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(NewerStoreError) as error:
        Store(path)
    assert str(error.value) == (
        f"{path}: its tables must be of version {SCHEMA_VERSION} at most, got {SCHEMA_VERSION + 1}: a newer "
        "release of NetOps has written it; next: use that release, or put back the copy of before the upgrade"
    )


def test_a_file_of_the_version_before_is_brought_up_to_date_and_loses_nothing(tmp_path):
    path = tmp_path / "old.sqlite3"
    connection = sqlite3.connect(path)
    connection.executescript(f"{_SCHEMAS[0]} PRAGMA user_version=1;")
    connection.execute("INSERT INTO projects VALUES ('kept', 0, '{}')")
    connection.commit()
    connection.close()
    store = Store(path)
    assert _projects(store) == ["kept"]
    assert store.rows("SELECT * FROM schedules") == []
    assert store.row("PRAGMA user_version")[0] == SCHEMA_VERSION


def test_labels_of_runs_of_a_version_before_are_known(tmp_path):
    path = tmp_path / "old.sqlite3"
    connection = sqlite3.connect(path)
    connection.executescript(f"{''.join(_SCHEMAS[:4])} PRAGMA user_version=4;")
    labels = {"u0": {"who": "me", "round": 2}, "u1": None, "u2": {}}
    for uid, had in labels.items():
        body = json.dumps({"metadata": {"labels": had}, "note": "ü"}).encode()
        connection.execute("INSERT INTO runs VALUES ('p', ?, 0, 'n', 'completed', 1, 1, 1, ?)", (uid, body))
    connection.commit()
    connection.close()
    found = Store(path).rows("SELECT project, uid, iteration, name, value FROM run_labels ORDER BY name")
    assert [tuple(row) for row in found] == [("p", "u0", 0, "round", ""), ("p", "u0", 0, "who", "me")]


def test_a_damaged_file_is_told_with_what_to_do(tmp_path):
    path = tmp_path / "store.sqlite3"
    Store(path).close()
    path.write_bytes(path.read_bytes()[:5000])
    (tmp_path / "store.sqlite3-wal").unlink(missing_ok=True)
    with pytest.raises(DamagedStoreError, match=r"is damaged .*next: put a backup in its place"):
        Store(path)


def _of_another_program(path):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE other (name TEXT)")
    connection.close()


def _without_its_middle(path):
    content = path.read_bytes()
    page = 4096
    path.write_bytes(content[:page] + bytes(len(content) - 2 * page) + content[-page:])


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda path: path.write_bytes(b""), "it is empty"),
        (lambda path: path.write_bytes(path.read_bytes()[:-4096]), "malformed"),
        (lambda path: path.write_bytes(b"no database" * 1000), "not a database"),
        (lambda path: (path.unlink(), _of_another_program(path)), "it has no tables of ours"),
        (_without_its_middle, "malformed|page|Tree"),
        (lambda path: path.rename(f"{path}-wal"), "it is gone, and store.sqlite3-wal is there"),
    ],
    ids=["empty", "no end", "no database", "another one", "holes", "gone"],
)
def test_a_file_that_is_not_whole_is_never_taken_for_a_new_one(tmp_path, damage, why):
    path = tmp_path / "store.sqlite3"
    store = Store(path)
    with store.write() as connection:
        connection.executemany(
            "INSERT INTO projects VALUES (?, 0, ?)", [(f"p{number}", "x" * 900) for number in range(50)]
        )
    store.row("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    damage(path)
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(DamagedStoreError) as refused:
        Store(path)
    assert str(path) in str(refused.value) and re.search(why, str(refused.value)), refused.value
    assert "put a backup in its place, or move it and store.sqlite3-wal away" in str(refused.value)
    assert (path.read_bytes() if path.exists() else None) == before


def test_a_start_that_was_killed_while_it_made_the_file_begins_again(tmp_path):
    (tmp_path / "store.sqlite3.new").write_bytes(b"half")
    store = Store(tmp_path / "store.sqlite3")
    assert _projects(store) == [] and not (tmp_path / "store.sqlite3.new").exists()
