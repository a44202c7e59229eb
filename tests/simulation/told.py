"""What the history says of incidents: those of a file, and those that were sent, as of the last ingestion."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from feature_sets.ingestion.label_state import LabelState, no_statements
from feature_sets.rows.event_micros import event_micros
from feature_sets.telemetry.incident_rows import (
    CANCELLED,
    END,
    ID,
    KNOWN,
    REOPENED,
    ROW,
    SOURCE,
    START,
    at,
    incident_types,
)
from feature_sets.telemetry.incidents_that_count import LIVE
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from tests.simulation.ledgers import IncidentLedger

FILE = "incidents/tickets.csv"
_TIMES = (START, END, KNOWN, REOPENED)
_NEVER = np.iinfo(np.int64).min
_FIELDS = ("device", "start", "end", "cancelled")


class ToldHistory:
    """In the place of the labels of a project, see ``graphs.state.told_labels.LabelSource``.

    :param schema: of the labels.
    :param chance: decides what the file says.
    """

    def __init__(self, schema: TelemetrySchema, chance: random.Random) -> None:
        self._schema, self._chance = schema, chance
        self._statements = no_statements(schema)
        self._sent: dict[str, tuple[float, dict[str, Any]]] = {}
        self._file: dict[str, tuple[float | None, dict[str, Any]]] = {}
        self._reopened: dict[str, float] = {}
        self._read: tuple[Any, LabelState] | None = None

    def read(self) -> LabelState:
        """What the newest ingestion left; the same object while that is the same."""
        if self._read is None or self._read[0] != (self._file, self._sent):
            self._read = ({**self._file}, {**self._sent}), self._made()
        return self._read[1]

    def healthy(self, rows: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        """Nothing: no readings come by file."""
        return []

    def _made(self) -> LabelState:
        rows = [(FILE, name, known) for name, known in self._file.items()]
        rows += [(LIVE, name, known) for name, known in self._sent.items()]
        said = [known for _, _, (_, known) in rows]
        cells: dict[str, Sequence[Any]] = {
            SOURCE: [source if source == LIVE else f"folder|{source}" for source, _, _ in rows],
            ROW: range(len(rows)),
            ID: [name for _, name, _ in rows],
            at(DEVICE): [one["device"] for one in said],
            START: [one["start"] for one in said],
            END: [one["end"] for one in said],
            KNOWN: [when for _, _, (when, _) in rows],
            CANCELLED: [one["cancelled"] for one in said],
            REOPENED: [self._reopened.get(name) if source == LIVE else None for source, name, _ in rows],
        }
        columns = {}
        for name, kind in incident_types(self._schema).items():
            given = cells.get(name, [None] * len(rows))
            columns[name] = _moments(given) if name in _TIMES else np.array(given, dtype=kind)
        return LabelState(self._statements, pd.DataFrame(columns, copy=False), {})

    def ingest(self, known: IncidentLedger, now: float, names: Sequence[str]) -> None:
        """Take over what was sent, and a file in which something is another than before.

        :param known: what is known live.
        :param now: when the file was written, epoch seconds.
        :param names: of devices.
        """
        self._sent |= {name: (at, _of(known.incidents[name])) for name, at in known.sent.items()}
        self._reopened |= known.reopened
        chance = self._chance
        for _ in range(chance.choice((0, 1, 1, 2))):
            number = chance.randrange(12)
            name = f"i{number}" if chance.random() < 0.2 else f"t{number}"
            if chance.random() < 0.15:
                self._file.pop(name, None)
                continue
            start = float(int(now) - chance.randrange(150))
            end = None if chance.random() < 0.3 else start + chance.randrange(1, 60)
            device = names[number % len(names)]
            is_none = chance.random() < 0.1
            self._file[name] = (now, {"device": device, "start": start, "end": end, "cancelled": is_none})
        is_open = [name for name, (_, said) in self._sent.items() if said["end"] is None]
        if is_open and int(now) % 2:  # As of an export that does not say since when it knows what it says.
            name = sorted(is_open)[int(now) % len(is_open)]
            said = self._sent[name][1]
            self._file[name] = (
                None,
                {**said, "end": max(said["start"], float(int(now) - 5)), "cancelled": False},
            )

    def wanted(self, name: str) -> dict[str, Any] | None:
        """What is known last of an incident; None if there is none, or it was none."""
        known: list[tuple[float, bool, dict[str, Any]]] = []
        if name in self._file:
            at, said = self._file[name]
            known.append((at or 0.0, False, said))
        if name in self._sent:
            known.append((self._sent[name][0], True, self._sent[name][1]))
        if not known:
            return None
        _, is_sent, said = max(known, key=lambda one: one[:2])
        filed: dict[str, Any] = self._file[name][1] if is_sent and name in self._file else {"end": None}
        is_open = said["end"] is None and filed["end"] is not None and not filed["cancelled"]
        if is_open and filed["end"] > self._reopened.get(name, -1.0) and filed["end"] >= said["start"]:
            said = {**said, "end": filed["end"]}  # It was sent as open, and not opened again since.
        return None if said["cancelled"] else said

    def is_older(self, name: str, sent: Mapping[str, float]) -> bool:
        """Whether an incident was sent after the last that the history has of it."""
        return name in sent and sent[name] > self._sent.get(name, (-1.0, {}))[0]

    def differing(self, ledger: IncidentLedger) -> list[str]:
        """Incidents that who was told everything knows otherwise, where it still matters."""
        differ = []
        incidents, until = ledger.incidents, ledger.settled_until
        for name in {*incidents, *self._file, *self._sent}:
            known, wanted = incidents.get(name), self.wanted(name)
            if self.is_older(name, ledger.sent):
                continue
            both = [one for one in (known, wanted) if one is not None and not one["cancelled"]]
            if all(until is not None and one["end"] is not None and one["end"] < until for one in both):
                continue
            if wanted is None:
                if known is not None and not known["cancelled"]:
                    differ.append(name)
            elif known is None or _of(known) != wanted:
                differ.append(name)
        return sorted(differ)


def _moments(seconds: Sequence[float | None]) -> pd.DatetimeIndex:
    micros = [_NEVER if one is None else event_micros(one) for one in seconds]
    return pd.DatetimeIndex(np.array(micros, dtype="datetime64[us]").astype("datetime64[ns]"), tz="UTC")


def _of(incident: Mapping[str, Any]) -> dict[str, Any]:
    return {name: incident[name] for name in _FIELDS}
