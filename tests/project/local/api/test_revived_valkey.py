"""An online store that died is started again, with growing pauses, and not beside a command that does so."""

import pytest

from project.local import valkey
from project.local.api.deployments import revived_valkey
from project.local.api.deployments.backoff import pause_after
from project.local.api.deployments.revived_valkey import RevivedValkey
from project.local.servers import ServerError
from project.local.stack_lock import stack_lock
from project.local.valkey import ValkeyInstance

URL = "redis://127.0.0.1:5"


class Store:
    """A server that lives or not, the attempts to start it, and what was told."""

    def __init__(self, home, lives):
        self.home = home
        self.alive, self.starts, self.told, self.now, self.broken = lives, [], [], 0.0, False
        self.revived = RevivedValkey(home, self.told.append, lambda: self.now)

    def lives(self, home):
        # A control plane that the session of the tests has in this process looks after its own store.
        return self.alive if home == self.home else None

    def start(self, home, keep_port):
        assert keep_port  # Endpoints know it by that.
        self.starts.append(self.now)
        if self.broken:
            raise ServerError("the Valkey server did not start")
        self.alive = True
        return ValkeyInstance(URL, 7)

    def look(self, seconds):
        for _ in range(seconds):
            self.revived.tick()
            self.now += 1.0


@pytest.fixture
def store_that(tmp_path, monkeypatch):
    def make(lives):
        store = Store(tmp_path, lives)
        monkeypatch.setattr(valkey, "lives", store.lives)
        monkeypatch.setattr(valkey, "start", store.start)
        return store

    return make


@pytest.mark.parametrize("lives", [True, None])
def test_one_that_lives_is_left_and_so_is_one_that_never_was(store_that, lives):
    store = store_that(lives)
    store.look(100)
    assert (store.starts, store.told) == ([], [])


def test_one_that_died_is_started_at_once_and_its_address_is_told(store_that):
    store = store_that(False)
    store.look(100)
    assert (store.starts, store.told) == ([0.0], [URL])


def test_one_that_does_not_start_is_tried_after_growing_pauses(store_that, caplog):
    store = store_that(False)
    store.broken = True
    store.look(400)
    assert store.starts == [0.0, 2.0, 6.0, 14.0, 30.0, 62.0, 126.0, 246.0, 366.0]
    assert store.told == []
    assert "next attempt in 120 s: the Valkey server did not start" in caplog.text


def test_after_a_steady_minute_the_first_pause_counts_again(store_that):
    store = store_that(False)
    store.look(1)
    store.alive = False
    store.look(4)
    assert store.starts == [0.0, 2.0]
    store.look(100)
    store.alive = False
    store.look(1)
    assert store.starts == [0.0, 2.0, 105.0]


def test_a_command_that_starts_or_stops_servers_is_not_disturbed(store_that, tmp_path):
    store = store_that(False)
    with stack_lock(tmp_path):
        store.look(3)
    assert store.starts == []
    store.look(1)
    assert store.starts == [3.0]


def test_pauses_are_bounded_however_often_it_dies():
    assert [pause_after(attempts) for attempts in (0, 1, 2, 7, 5000)] == [0.0, 2.0, 4.0, 120.0, 120.0]


def test_a_log_that_cannot_be_put_aside_keeps_nobody_from_starting_it(store_that, monkeypatch, caplog):
    store = store_that(False)

    def full(file):
        if file.is_relative_to(store.home):  # As with `lives`, not the log of the session's own store.
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(revived_valkey, "put_aside", full)
    store.look(3)
    assert (store.starts, store.told) == ([0.0], [URL])
    assert caplog.text.count("No space left on device") == 1
