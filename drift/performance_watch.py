"""How well the model does now: estimated on the newest predictions, counted on the newest labels."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from drift.alarm_share import AlarmShare
from drift.newest_devices import fleet_episodes
from drift.performance import LEAST_OF_EACH, Performance, performance
from drift.recalibration import Recalibration
from feature_sets.checks import InputError

Floats = npt.NDArray[np.float64]

WINDOW = 5000
"""Newest predictions, and newest labels, that scores are told of; more where errors are rare."""

LONGEST = 50_000
"""The same at most: a tenth of a second for the scores when they are asked for, and ten megabytes."""

_WANTED = 4 * LEAST_OF_EACH
"""So many errors has the window at the share of the base: more than it takes, as they come in episodes."""

SCORES = ("roc_auc", "average_precision", "f1", "precision", "recall")


class BasePerformance(NamedTuple):
    """What the base data say of a model.

    :param reference: its scores there.
    :param recalibration: curve from its probabilities to the share of errors there.
    """

    reference: Performance
    recalibration: Recalibration

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        return {"reference": self.reference._asdict(), "recalibration": self.recalibration.to_dict()}

    @classmethod
    def from_dict(cls, field: str, saved: Any) -> BasePerformance:
        """Read what ``to_dict`` gave.

        :raises InputError: unless it has both, in their form.
        """
        if not isinstance(saved, Mapping) or set(saved) != {"reference", "recalibration"}:
            raise InputError(field, "must be an object with 'reference' and 'recalibration'", saved)
        return cls(
            Performance.from_dict(f"{field}.reference", saved["reference"]),
            Recalibration.from_dict(f"{field}.recalibration", saved["recalibration"]),
        )


def rarer_share(reference: Performance) -> float:
    """Share of the rarer class in the base, errors as a rule."""
    return min(reference.errors, reference.rows - reference.errors) / max(reference.rows, 1)


def window_of(reference: Performance) -> int:
    """How many of the newest rows are scored, so that there are enough of both classes.

    >>> window_of(Performance(1000, 20.0, None, None, None, None, None))
    5000
    >>> window_of(Performance(100_000, 150.0, None, None, None, None, None))
    26667
    """
    share = rarer_share(reference)
    return min(LONGEST, max(WINDOW, math.ceil(_WANTED / share))) if share else LONGEST


class PerformanceWatch:
    """Remembers the newest predictions and labeled pairs of one model, and scores them when asked.

    The estimate needs no label, but it takes for granted that a probability means what it meant on the base
    data. So it sees that the mix of readings has changed, and not that the same readings now lead to other
    errors. ``estimated_of_labeled`` is the estimate for the very pairs of ``realized``: where the two differ,
    the estimate of the newest predictions is not to be trusted either. One thread at a time.
    """

    def __init__(self) -> None:
        self._base: BasePerformance | None = None
        self._predictions: deque[tuple[float, int]] = deque(maxlen=LONGEST)
        self._pairs: deque[tuple[float, int, int]] = deque(maxlen=LONGEST)
        self._devices: deque[str] = deque(maxlen=LONGEST)
        self._scored: dict[str, Any] | None = None

    @property
    def base(self) -> BasePerformance | None:
        """What scores are compared with; without it there are none."""
        return self._base

    @base.setter
    def base(self, base: BasePerformance | None) -> None:
        self._base, self._scored = base, None
        if base is not None:
            window = window_of(base.reference)
            self._predictions = deque(self._predictions, maxlen=window)
            self._pairs = deque(self._pairs, maxlen=window)
            self._devices = deque(self._devices, maxlen=window)

    def add_prediction(self, probability: float, prediction: int) -> None:
        """Note a prediction when it is made.

        :param probability: of an error, as the model gave it.
        :param prediction: 0 or 1.
        """
        self._predictions.append((probability, prediction))
        self._scored = None

    def add_predictions(self, made: Iterable[tuple[float, int]]) -> None:
        """Note several of them, oldest first: probability and prediction of each."""
        self._predictions.extend(made)
        self._scored = None

    def add_pair(self, probability: float, prediction: int, label: int, device: str = "") -> None:
        """Note a prediction when its label is known.

        :param device: key of its device, for the number of error episodes; empty if nobody tells.
        """
        self._pairs.append((probability, prediction, label))
        self._devices.append(device)
        self._scored = None

    def noted(self) -> tuple[Floats, Floats]:
        """Predictions and pairs, oldest first: shapes (n, 2) and (m, 3), columns as in ``add_prediction``."""
        made = np.array(self._predictions, dtype=np.float64).reshape(-1, 2)
        return made, np.array(self._pairs, dtype=np.float64).reshape(-1, 3)

    def noted_devices(self) -> dict[str, list[Any]]:
        """Devices of the pairs, each once, and the place of that of each pair; plain content for JSON."""
        places: dict[str, int] = {}
        labels = [places.setdefault(device, len(places)) for device in self._devices]
        return {"devices": list(places), "labels": labels}

    def note_all(
        self, predictions: Floats, pairs: Floats, devices: Mapping[str, list[Any]] | None = None
    ) -> None:
        """Note what ``noted`` gave.

        :param devices: what ``noted_devices`` gave; None of before they were noted: nobody knows them.
        """
        named = [""] * len(pairs) if devices is None else [devices["devices"][n] for n in devices["labels"]]
        self._devices.extend(named)
        self._predictions.extend((chance, int(made)) for chance, made in predictions.tolist())
        self._pairs.extend((chance, int(made), int(label)) for chance, made, label in pairs.tolist())
        self._scored = None

    def note_none(self) -> None:
        """Begin anew, with another model."""
        self._predictions.clear()
        self._pairs.clear()
        self._devices.clear()
        self._scored = None

    @property
    def alarm_share(self) -> AlarmShare:
        """How many of the newest healthy rows were alarms; known without a base, too."""
        newest = islice(reversed(self._pairs), WINDOW)
        healthy = [made for _, made, label in newest if label == 0]
        return AlarmShare(len(healthy), sum(healthy))

    def status(self) -> dict[str, Any] | None:
        """``reference``, ``estimated``, ``realized`` and ``estimated_of_labeled``; None without a base."""
        if self._scored is None and self._base is not None:
            self._scored = self._scores(self._base)
        return self._scored

    def score(self, of: str, name: str) -> float:
        """One score of ``status``; NaN while there is none.

        :param of: ``reference``, ``estimated``, ``realized`` or ``estimated_of_labeled``.
        :param name: among ``SCORES``.
        """
        value = (self.status() or {}).get(of, {}).get(name)
        return math.nan if value is None else float(value)

    def _scores(self, base: BasePerformance) -> dict[str, Any]:
        made, labeled = self.noted()
        expected = base.recalibration.apply
        found = {
            "reference": base.reference,
            "estimated": performance(expected(made[:, 0]), made[:, 0], made[:, 1] == 1),
            "realized": performance(labeled[:, 2], labeled[:, 0], labeled[:, 1] == 1),
            "estimated_of_labeled": performance(expected(labeled[:, 0]), labeled[:, 0], labeled[:, 1] == 1),
        }
        told = {name: scores.to_dict() for name, scores in found.items()}
        for name, scores in told.items():
            if name != "reference" and "not_enough_data" in scores:
                scores["not_enough_data"] += self._outlook(base.reference, scores["rows"])
        if (episodes := self._error_episodes()) is not None:
            told["realized"]["error_episodes"] = episodes
        return told

    def _error_episodes(self) -> int | None:
        """Episodes of errors of the labeled pairs; None unless the devices of all of them are known.

        Of too few labels of each device to tell episodes, devices with errors count.
        """
        devices = set(self._devices)
        if not devices or "" in devices:
            return None
        labels = [(device, pair[2]) for device, pair in zip(self._devices, self._pairs, strict=True)]
        episodes = fleet_episodes(labels, len(devices))
        return len({device for device, label in labels if label}) if episodes is None else episodes

    def _outlook(self, reference: Performance, rows: int) -> str:
        """Whether there will be enough rows for scores, at the share of errors in the base."""
        window, share = window_of(reference), rarer_share(reference)
        expected = f"{window * share:.3g}, at their share on the test data, {share:.2g}"
        if window * share < LEAST_OF_EACH:
            return (
                f"; with such rare errors there are never enough: the newest {window:,} rows have {expected}"
            )
        return f"; {rows:,} of the newest {window:,} rows are there, which have about {expected}"
