"""Where and how MLRun keeps the newest row of a key in Redis: addresses, names of fields, texts of values.

storey 1.12 (``storey/redis_driver.py``) keeps one hash a key, ``{/TABLE:KEY}:static``. Features are fields of
it, as text. Fields whose name begins with byte 1 are storey's own: the buckets of the windows (see
``storey_buckets``) and the time of the write. We add ``EVENT_TIME`` to those, and the windows themselves as
features, as of the event time. MLRun computes windows from its buckets and leaves those fields alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
from mlrun.datastore.targets import RedisNoSqlTarget, get_target_driver
from storey.redis_driver import RedisDriver
from storey.utils import schema_file_name, stringify_key

EVENT_TIME = RedisDriver.INTERFNAL_FIELD_PREFIX + "event_time"
"""Field with the event time of the row, in whole microseconds since the epoch."""

WRITE_TIME = RedisDriver.OBJECT_MTIME_ATTRIBUTE_PREFIX
"""storey's field with the time of the last write, in microseconds since the epoch."""

_TIME = RedisDriver.DATETIME_FIELD_PREFIX
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class OnlineTable:
    """The rows of one feature set in Redis.

    :param url: address of the server, with its credentials.
    :param path: of the table, inside the server.
    """

    url: str
    path: str

    @classmethod
    def of(cls, target: Any, feature_set: Any) -> OnlineTable:
        """The table of a Redis target, as written in the status or the specification of a feature set."""
        driver = get_target_driver(target, feature_set)
        url, path = RedisNoSqlTarget.get_server_endpoint(driver.get_target_path())
        return cls(url, path.lstrip("/"))

    def key(self, entity: object) -> str:
        """Key of the hash with the newest row of an entity."""
        return f"{RedisDriver.make_key('/', self.path, stringify_key(entity))}:static"

    @property
    def schema_key(self) -> str:
        """Key of the text that tells storey which buckets there are."""
        key: str = RedisDriver.make_key("/", self.path, schema_file_name)
        return key


def to_text(value: Any) -> str | None:
    """Text of a value as storey's reader understands it; None for a missing one, which is left out.

    NaN is a value: a window without readings. Floats keep every bit.
    """
    if isinstance(value, datetime):
        return None if pd.isna(value) else f"{_TIME}{value.timestamp()}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None or value is pd.NA else str(value)


def from_text(value_type: str) -> Callable[[bytes], Any]:
    """What turns the bytes in Redis into a value of a feature.

    :param value_type: MLRun's name of the feature's type.
    """
    if value_type.startswith("float"):
        return float
    if value_type.startswith(("int", "uint")):
        return _whole
    if value_type == "bool":
        return _truth
    if value_type == "datetime":
        return _moment
    return bytes.decode


def _whole(text: bytes) -> int | float:
    # A float is possible: MLRun takes a column's type from its first rows.
    return int(text) if text.lstrip(b"-").isdigit() else float(text)


def _truth(text: bytes) -> bool:
    return text.lower() in (b"true", b"1")


def _moment(text: bytes) -> datetime:
    seconds = float(text.decode().removeprefix(_TIME))
    return _EPOCH + _MICROSECOND * round(seconds * 1_000_000)
