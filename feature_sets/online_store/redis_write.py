"""The newest row of each key into Redis: an older batch never takes the place of a newer row.

The comparison and the write of a key are one Lua script, which Redis runs alone, so batches may come in any
order and from several processes at once. Many keys go in one round trip.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import redis

from feature_sets.online_store.errors import OnlineStoreError
from feature_sets.online_store.redis_table import EVENT_TIME, WRITE_TIME, OnlineTable

KEYS_A_ROUND_TRIP = 1000

# The whole hash is replaced, so that a feature that is missing now does not show its earlier value. Lua's
# stack does not hold the arguments of a very wide row at once.
_SCRIPT = """
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if stored and tonumber(stored) > tonumber(ARGV[2]) then return 0 end
redis.call('DEL', KEYS[1])
for first = 1, #ARGV, 4000 do
    redis.call('HSET', KEYS[1], unpack(ARGV, first, math.min(first + 3999, #ARGV)))
end
return 1
"""


@dataclass(frozen=True)
class OnlineWrite:
    """What became of a batch of newest rows.

    :param written: keys whose row is now this batch's.
    :param older: keys that keep the row they had, because its event time is later.
    """

    written: int
    older: int


def write_newest(
    table: OnlineTable, rows: Iterable[tuple[object, int, Mapping[str, str]]], schema: str | None = None
) -> OnlineWrite:
    """Write rows whose event time is not before that of the row in the table.

    A row of the same event time is written again: repeating a batch changes nothing, and a correction wins.
    A row that storey wrote has no event time, and counts as older.

    :param rows: key, event time in microseconds since the epoch, fields and their texts; each key once.
    :param schema: text for storey, see ``storey_buckets.table_schema``.
    :raises OnlineStoreError: if Redis does not answer, or answers with an error.
    """
    answers: list[int] = []
    try:
        with redis.Redis.from_url(table.url) as client:
            if schema is not None:
                client.set(table.schema_key, schema)
            script = client.script_load(_SCRIPT)
            pending = client.pipeline(transaction=False)
            for key, event_time, fields in rows:
                texts = [text for field in fields.items() for text in field]
                now = str(time.time_ns() // 1000)
                pending.evalsha(
                    script, 1, table.key(key), EVENT_TIME, str(event_time), WRITE_TIME, now, *texts
                )
                if len(pending) >= KEYS_A_ROUND_TRIP:
                    answers += pending.execute()
            answers += pending.execute()
    except redis.RedisError as error:
        where = table.url.rpartition("@")[2]
        raise OnlineStoreError(
            f"the online store must take the newest rows, got {error!r} from {where}"
        ) from error
    return OnlineWrite(written=sum(answers), older=len(answers) - sum(answers))
