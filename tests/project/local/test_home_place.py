"""A home that was moved, or is a copy, is refused: what is recorded in it leads to the first one."""

import os
import pwd
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from project.cli.app import main
from project.home_owner import ForeignHomeError, check_owner
from project.local.home_place import MovedHomeError, check_place, note_place
from project.local.stack import Stack
from project.settings import Settings

CLUSTER = {
    "NETOPS_PROFILE": "kubernetes",
    "NETOPS_SOURCE": "git://here",
    "NETOPS_STREAMS": "/streams",
    "MLRUN_DBPATH": "http://api",
}


def test_a_home_is_where_it_was_made_and_a_new_or_older_one_anywhere(tmp_path):
    home = tmp_path / "home"
    check_place(home)
    home.mkdir()
    check_place(home)
    note_place(home)
    check_place(home)
    assert (home / "place").read_text() == f"{home}\n"
    shutil.copytree(home, tmp_path / "copy")
    note_place(tmp_path / "copy")  # Whoever notes it once has it so.
    with pytest.raises(MovedHomeError):
        check_place(tmp_path / "copy")


def test_a_moved_home_and_a_copy_are_refused_with_what_to_do(tmp_path):
    home, copy, moved = tmp_path / "home", tmp_path / "copy", tmp_path / "moved"
    home.mkdir()
    note_place(home)
    shutil.copytree(home, copy)
    with pytest.raises(MovedHomeError) as error:
        Stack(copy, tmp_path)
    assert str(error.value) == (
        f"NETOPS_HOME {copy}: must be where it was made, at {home}, which is another folder now: what is "
        f"recorded in it leads there; next: move it there, or have that path lead here, 'ln -s {copy} {home}'"
    )
    home.rename(moved)
    with pytest.raises(MovedHomeError, match="which is gone: "):
        Stack(moved, tmp_path)
    home.symlink_to(moved)
    assert Stack(moved, tmp_path).home == Stack(home, tmp_path).home == moved


def test_a_home_of_another_user_is_refused_unless_it_is_open_to_this_one(tmp_path, monkeypatch):
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr("os.geteuid", lambda: 12_345_678)
    monkeypatch.setattr("os.access", lambda path, mode: True)
    check_place(tmp_path)
    monkeypatch.setattr("os.access", lambda path, mode: (path, mode) != (tmp_path, os.W_OK))
    name = pwd.getpwuid(owner).pw_name
    with pytest.raises(ForeignHomeError) as error:
        Stack(tmp_path, tmp_path)
    assert str(error.value) == (
        f"NETOPS_HOME {tmp_path}: must be of, or writable for, user 12345678, who runs this, got user "
        f"{name}; next: run this as user {name}, or set NETOPS_HOME to another folder"
    )


def of_user(monkeypatch, paths):
    """Have paths be of the user 4711, and this be run by root."""
    stat = Path.stat

    def owned(self, **options):
        found = stat(self, **options)
        if self not in paths:
            return found
        return SimpleNamespace(st_uid=4711, st_mode=found.st_mode)

    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(Path, "stat", owned)


def test_root_is_refused_in_the_home_of_a_user_before_anything_is_written_there(
    tmp_path, monkeypatch, capsys
):
    home = tmp_path / "home"
    home.mkdir()
    note_place(home)
    of_user(monkeypatch, (home, home / "place"))
    monkeypatch.setenv("NETOPS_HOME", str(home))
    monkeypatch.setenv("NETOPS_PROFILE", "local")
    said = (
        f"NETOPS_HOME {home}: must be of root, who runs this, got user 4711, who could not change the files "
        "that root leaves there; next: run this as user 4711, 'sudo -u 4711 ...', or set NETOPS_HOME to "
        "another folder"
    )
    for arguments in (["run"], ["token", "admin"], ["status"], ["stop"], ["runs"], ["ingest"]):
        monkeypatch.setattr("sys.argv", ["netops", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        assert (end.value.code, capsys.readouterr().err) == (1, f"netops: {said}\n"), arguments
    assert [each.name for each in home.iterdir()] == ["place"]
    assert Settings.from_environment({"NETOPS_HOME": str(home), **CLUSTER}).home == home


def test_root_may_work_with_a_home_that_it_has_made_in_the_folder_of_somebody_else(tmp_path, monkeypatch):
    of_user(monkeypatch, (tmp_path,))
    check_owner(tmp_path)  # An empty one, as of a container.
    note_place(tmp_path)
    check_owner(tmp_path)
    (tmp_path / "place").unlink()
    check_owner(tmp_path)
    (tmp_path / "stack.json").touch()
    with pytest.raises(ForeignHomeError):
        check_owner(tmp_path)


def test_a_copy_of_a_home_in_use_leaves_its_servers_alone(local_stack, tmp_path):
    found = local_stack.stack.find()
    assert found is not None
    for name in ("place", "stack.json", "valkey/state.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(local_stack.stack.home / name, tmp_path / name)
    for act in ("up", "stop", "orphans"):
        with pytest.raises(MovedHomeError):
            getattr(Stack(tmp_path, local_stack.stack.source_root), act)()
    assert local_stack.stack.find() == found
