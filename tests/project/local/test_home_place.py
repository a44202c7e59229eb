"""A home that was moved, or is a copy, is refused: what is recorded in it leads to the first one."""

import os
import pwd
import shutil

import pytest

from project.local.home_place import ForeignHomeError, MovedHomeError, check_place, note_place
from project.local.stack import Stack


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
