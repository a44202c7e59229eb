"""Which of several batches wins in the online store."""

from __future__ import annotations

import itertools
import threading

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from feature_sets.online_store.errors import OnlineStoreError
from feature_sets.online_store.redis_table import OnlineTable
from feature_sets.online_store.redis_write import KEYS_A_ROUND_TRIP, OnlineWrite, write_newest

_tables = itertools.count()


@pytest.fixture(scope="module")
def url(local_stack):
    return local_stack.info.redis_url


def new_table(url):
    return OnlineTable(url, f"tests/online-write/{next(_tables)}/")


def stored(table, *keys):
    with redis.Redis.from_url(table.url, decode_responses=True) as client:
        return [client.hget(table.key(key), "x") for key in keys]


def batch(*rows):
    return [(key, event_time, {"x": text}) for key, event_time, text in rows]


def test_an_older_batch_changes_nothing_and_is_counted(url):
    table = new_table(url)
    assert write_newest(table, batch(("a", 20, "new"), ("b", 5, "b5"))) == OnlineWrite(written=2, older=0)
    assert write_newest(table, batch(("a", 19, "old"), ("b", 6, "b6"))) == OnlineWrite(written=1, older=1)
    assert stored(table, "a", "b") == ["new", "b6"]


def test_a_batch_of_the_same_event_time_is_written_again(url):
    table = new_table(url)
    for _ in range(2):
        assert write_newest(table, batch(("a", 20, "one"))) == OnlineWrite(written=1, older=0)
    assert write_newest(table, batch(("a", 20, "corrected"))) == OnlineWrite(written=1, older=0)
    assert stored(table, "a") == ["corrected"]


def test_times_before_the_epoch_and_beyond_this_century_are_compared_as_numbers(url):
    table = new_table(url)
    for event_time in (-(10**15), -5, 9, 10, 4 * 10**15, 4 * 10**15 + 1):
        assert write_newest(table, batch(("a", event_time, str(event_time)))).written == 1
        assert write_newest(table, batch(("a", event_time - 1, "old"))).older == 1
    assert stored(table, "a") == [str(4 * 10**15 + 1)]


def test_a_feature_that_the_new_row_lacks_is_gone(url):
    table = new_table(url)
    write_newest(table, [("a", 1, {"x": "1", "y": "1"})])
    write_newest(table, [("a", 2, {"x": "2"})])
    with redis.Redis.from_url(url, decode_responses=True) as client:
        assert client.hget(table.key("a"), "y") is None


def test_a_row_that_storey_wrote_counts_as_older(url):
    table = new_table(url)
    with redis.Redis.from_url(url) as client:
        client.hset(table.key("a"), mapping={"x": "storey", "\x01_mtime_": "9"})
    assert write_newest(table, batch(("a", 1, "ours"))).written == 1


def test_a_wide_row_and_many_keys_are_written_whole(url):
    table = new_table(url)
    wide = {f"f{at}": str(at) for at in range(9001)}
    write_newest(table, [("wide", 1, wide)])
    with redis.Redis.from_url(url, decode_responses=True) as client:
        found = client.hgetall(table.key("wide"))
    assert {name: found[name] for name in wide} == wide
    many = 2 * KEYS_A_ROUND_TRIP + 1
    rows = batch(*((f"k{at}", 1, "x") for at in range(many)))
    assert write_newest(table, rows) == OnlineWrite(written=many, older=0)
    assert write_newest(table, []) == OnlineWrite(written=0, older=0)


@given(st.data())
def test_in_whatever_order_batches_come_the_newest_of_each_device_wins(url, data):
    keys = ["a", "b", "c"]
    batches = data.draw(
        st.lists(
            st.dictionaries(st.sampled_from(keys), st.integers(0, 8), min_size=1), min_size=1, max_size=5
        )
    )
    table = new_table(url)
    written = older = 0
    for at in data.draw(st.permutations(range(len(batches)))):
        rows = batch(*((key, event_time, str(event_time)) for key, event_time in batches[at].items()))
        result = write_newest(table, rows)
        written, older = written + result.written, older + result.older
    newest = [max((made[key] for made in batches if key in made), default=None) for key in keys]
    assert stored(table, *keys) == [None if time is None else str(time) for time in newest]
    assert written + older == sum(map(len, batches))


def test_of_writers_at_the_same_time_the_newest_wins(url):
    table = new_table(url)
    times = [list(range(start, 400, 4)) for start in range(4)]

    def write(mine):
        for event_time in mine:
            write_newest(table, batch(("a", event_time, str(event_time))))

    threads = [threading.Thread(target=write, args=(mine,)) for mine in times]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stored(table, "a") == ["399"]


def test_a_store_that_is_away_is_an_error_without_its_password():
    table = OnlineTable("redis://user:secret@127.0.0.1:2", "t/")
    with pytest.raises(OnlineStoreError, match=r"the online store must take .* from 127.0.0.1:2$") as raised:
        write_newest(table, batch(("a", 1, "x")))
    assert "secret" not in str(raised.value)
