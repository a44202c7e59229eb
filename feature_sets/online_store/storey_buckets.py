"""The buckets from which MLRun's own online feature service computes windows, as storey keeps them in Redis.

storey asks for the windows as of the moment of the request, so it needs the readings behind them. For each
metric and raw aggregate (count, sum, sum of squares, ...) it keeps two arrays, ``a`` and ``b``. Each covers
one longest window, aligned to the epoch, with one number a period: the even windows since the epoch are in
``a``, the odd ones in ``b`` (storey 1.12, ``RedisDriver._build_feature_store_lua_update_script``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from storey.aggregation_utils import get_all_raw_aggregates, is_aggregation_name
from storey.redis_driver import RedisDriver

from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.windows.definition import WindowDefinition

_VALUES = RedisDriver.AGGREGATION_ATTRIBUTE_PREFIX
_START = RedisDriver.AGGREGATION_TIME_ATTRIBUTE_PREFIX


def raw_aggregates(definition: WindowDefinition) -> list[str]:
    """What storey keeps for the operations, always with the count; those it does not know need nothing.

    Nothing for ``first``, which storey's reader takes from the newest bucket: without it, it says so.
    """
    known = [name for name in definition.operations if is_aggregation_name(name)]
    return sorted({*get_all_raw_aggregates(known), "count"} - {"first"}) if known else []


def table_schema(definition: WindowDefinition) -> str:
    """What storey's reader must know of the buckets, as JSON."""
    raw = raw_aggregates(definition)
    period = definition.period_micros // 1000
    metric = {
        "period_millis": period,
        "aggregates": raw,
        "window_type": "SlidingWindow",
        "max_window_millis": period * definition.longest_buckets,
    }
    return json.dumps(dict.fromkeys(definition.metrics, metric) if raw else {})


def bucket_fields(rows: KeyedRows, definition: WindowDefinition) -> dict[object, dict[str, str]]:
    """Fields of each entity's hash.

    :param rows: at least all rows in the newest longest window of each entity, each time of an entity once.
    """
    span = definition.longest_buckets
    codes, entities, micros = rows.codes, rows.keys, rows.micros
    buckets = micros // definition.period_micros
    newest = np.full(len(entities), np.iinfo(np.int64).min)
    np.maximum.at(newest, codes, buckets)
    chosen = np.flatnonzero(buckets > newest[codes] - span)
    # In order of time, so that the last reading of a bucket is found by position.
    chosen = chosen[np.argsort(micros[chosen], kind="stable")]
    # The array with the newest bucket, and the one before it: positions 0 to 2 * span - 1.
    starts = (newest // span - 1) * span
    cells = codes[chosen] * 2 * span + buckets[chosen] - starts[codes[chosen]]
    raw = raw_aggregates(definition)
    fields: list[dict[str, str]] = [{} for _ in entities]
    for metric in definition.metrics:
        values = rows.frame[metric].to_numpy(dtype=np.float64, na_value=np.nan)[chosen]
        finite = np.isfinite(values)
        for name in raw:
            arrays = _aggregate(name, cells[finite], values[finite], len(entities) * 2 * span)
            _append_arrays(fields, f"{_VALUES}{metric}_{name}", arrays.reshape(-1, 2, span), starts // span)
        for entity, start in enumerate(starts.tolist()):
            for half in (0, 1):
                first = start + half * span
                letter = "ab"[first // span % 2]
                fields[entity][f"{_START}{metric}_{letter}"] = str(first * definition.period_micros // 1000)
    return dict(zip(entities, fields, strict=True))


def _append_arrays(
    fields: Sequence[dict[str, str]], name: str, arrays: npt.NDArray[Any], numbers: npt.NDArray[Any]
) -> None:
    for entity, (halves, number) in enumerate(zip(arrays.tolist(), numbers.tolist(), strict=True)):
        for half, values in enumerate(halves):
            fields[entity][f"{name}_{'ab'[(number + half) % 2]}"] = ",".join(map(repr, values))


def _aggregate(name: str, cells: npt.NDArray[Any], values: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """One raw aggregate of the values in each cell; storey's own value in a cell without any."""
    # Whole numbers are counts, and what becomes of no values at all.
    if name == "count":
        return np.bincount(cells, minlength=size).astype(np.float64)
    with np.errstate(over="ignore"):
        if name == "sum":
            return np.bincount(cells, weights=values, minlength=size).astype(np.float64)
        if name == "sqr":
            return np.bincount(cells, weights=values * values, minlength=size).astype(np.float64)
    if name in ("min", "max"):
        out = np.full(size, np.inf if name == "min" else -np.inf)
        (np.minimum if name == "min" else np.maximum).at(out, cells, values)
        return out
    # The last one: of equal positions numpy keeps what comes last.
    out = np.full(size, np.nan)
    out[cells] = values
    return out
