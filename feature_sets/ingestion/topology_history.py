"""The links between devices that a history was made with, beside the readings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import mlrun.feature_store as fstore
import pandas as pd
import pyarrow as pa

from feature_sets import device_metrics
from feature_sets.checks import InputError
from feature_sets.devices import NAME as DEVICES
from feature_sets.groups import Groups
from feature_sets.ingestion.device_history import stored_attributes
from feature_sets.ingestion.history.stored_history import StoredHistory
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.ingestion.vectorized_ingest import Contents
from feature_sets.telemetry.links import GivenLinks, Links, following, merged
from feature_sets.telemetry.schema import TelemetrySchema

LINKS = "_topology"
"""File beside those of the feature set ``device_metrics``, as Parquet: both ends of each link, and when."""


def link_table(links: Links) -> pa.Table:
    """Links as they are kept."""
    rows = [(*pair, *span) for pair, spans in links.items() for span in spans]
    first, second, since, until = zip(*rows, strict=True) if rows else ((), (), (), ())
    return pa.table(
        {
            "first": pa.array(first, pa.string()),
            "second": pa.array(second, pa.string()),
            "since": pa.array(since, pa.int64()),
            "until": pa.array(until, pa.int64()),
        }
    )


def stored_links(history: StoredHistory | None) -> Links:
    """Links that a history of the readings was made with; none if it has none."""
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    if history is not None and history.folder.has(LINKS):
        for first, second, since, until in zip(
            *(column.to_pylist() for column in history.folder.read(LINKS).columns), strict=True
        ):
            found.setdefault((first, second), []).append((since, until))
    return {pair: merged(spans) for pair, spans in found.items()}


def attachments(schema: TelemetrySchema, links: Links) -> dict[str, pa.Table]:
    """What is kept of links; nothing if the schema has none."""
    return {} if schema.topology is None else {LINKS: link_table(links)}


def stored_groups(
    schema: TelemetrySchema, metrics: StoredHistory | None, attributes: pd.DataFrame | None
) -> Groups:
    """The groups that a history was made with.

    :param attributes: of the devices, with ``valid_from``.
    """
    return Groups(schema, stored_links(metrics) if schema.topology is not None else {}, attributes)


def project_groups(schema: TelemetrySchema, project: str) -> Groups:
    """The groups that the history of a project was made with."""
    metrics, devices = (
        StoredHistory.of(fstore.get_feature_set(f"store://feature-sets/{project}/{name}"))
        for name in (device_metrics.NAME, DEVICES)
    )
    return stored_groups(schema, metrics, stored_attributes(devices) if devices else None)


def with_links(
    contents: Contents,
    given: GivenLinks | None,
    schema: TelemetrySchema,
    history: TelemetryHistory,
    attributes: pd.DataFrame,
) -> Contents:
    """What the readings of a history are made of from now on, with links and peers.

    :param given: what a part says of links; None if nothing.
    :param attributes: of the devices with those of the part.
    :raises InputError: see ``check_past``.
    """
    last = history.metrics.manifest.last if history.metrics else None
    before = stored_groups(schema, history.metrics, history.attributes)
    now = Groups(schema, following(given, before.links, last), attributes)
    if schema.group_features:
        check_past(before, now, history)
    return replace(contents, attachments=attachments(schema, now.links), groups=now)


def check_past(before: Groups, now: Groups, history: TelemetryHistory) -> None:
    """Raise InputError if devices with readings had other neighbors or peers at times of the history.

    Devices that only sent live, and that nobody registered, are among them: their rows were made, too. Of a
    known device there may be no reading yet: no row of the history depends on what it is linked to.
    """
    last = history.last
    if last is None:
        return
    end = last.value // 1000 + 1
    if not _differing(before, now, end, None):
        return
    for what in _differing(before, now, end, set(history.seen.index)):
        newest = last.isoformat().replace("+00:00", "Z")
        rule = (
            f"must hold as the history was made, up to its newest reading at {newest}; give a later time "
            "from which it is another (valid_from, or --from), or replace the history "
            "(netops ingest --replace)"
        )
        raise InputError(what, rule, "another before that")


def _differing(before: Groups, now: Groups, end: int, devices: Collection[str] | None) -> list[str]:
    """What of links and peers of some devices is another before a time; of all if none are named."""
    devices = before.devices | now.devices if devices is None else devices
    old, new = (dict(groups.until(end, devices)) for groups in (before, now))
    return [what for what in sorted({*old, *new}) if old.get(what) != new.get(what)]
