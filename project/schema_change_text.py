"""What a schema makes of readings that an endpoint accepted by another one, for people."""

from __future__ import annotations

from collections import Counter

from feature_sets.telemetry.schema import TelemetrySchema
from graphs.state.read_anew import ReadAnew
from project.live_rows import LiveRows


def lacking_by_metric(found: LiveRows) -> dict[str, int]:
    """Readings without a value of each metric, as another schema accepted them."""
    counts: Counter[str] = Counter()
    for (name, _), count in found.lacking.items():
        counts[name] += count
    return dict(counts)


def anew_lines(found: LiveRows) -> list[str]:
    """What became of readings of other schemas, metric by metric; nothing if there are none."""
    count = found.counts["readings_read_anew"]
    lines = [f"  {count:,} readings of a schema with other metrics are read by this one"] if count else []
    lines += [f"    {count:,} without {name}: {why}" for (name, why), count in sorted(found.lacking.items())]
    return lines + [f"    {count:,} with {name}, which is ignored" for name, count in found.ignored.items()]


def expected(requests: Counter[str], schema: TelemetrySchema) -> str:
    """What a history of a schema would have of what arrived live, in one sentence; empty of nothing.

    What is outside of a range is not looked for.

    :param requests: see ``requests_by_columns``.
    """
    anew = ReadAnew(schema)
    if not requests:
        return ""
    lacks: Counter[str] = Counter()
    nothing = 0
    for columns, count in requests.items():
        told = anew.told(columns)
        if told is None:
            nothing += count
            continue
        lacks.update({f"without {name}, which {why}": count for name, why in told.lacks})
        lacks.update({f"with {name}, which is ignored": count for name in told.ignored})
    parts = [f"{count:,} {text}" for text, count in lacks.items()]
    parts += [f"{nothing:,} with none of its metrics, which are left out"] if nothing else []
    said = f"What arrived live, in {requests.total():,} requests, is read anew by the new schema"
    return f"{said}: {'; '.join(parts)}." if parts else f"{said}; all of it has its metrics."
