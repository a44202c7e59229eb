"""Attaches warmed-up detectors to an endpoint: they know the usual error rate of the model that it serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pandas as pd

from drift.detector_choice import DetectorChoice
from drift.fit_recalibration import fit_recalibration
from drift.grouped_monitor import OFF, GroupedMonitor, group_monitors
from drift.missed_incidents import LabeledPrediction, MissedIncidents
from drift.performance import performance
from drift.performance_watch import BasePerformance
from drift.reference_rows import in_arrival_order, shorter_than_season
from drift.warm_up import warmed_monitor
from feature_sets.devices import NAME as DEVICES
from feature_sets.model_package.columns import PREDICTION, PROBABILITY
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.state.device_group import check_group_column, device_group
from graphs.state.device_store import DeviceStore
from project.errors import NetopsError
from project.function_names import SERVING, what_brings_back
from project.http_json import get_json
from project.settings import Settings
from training.dataset.device_times import label_gap_seconds, moments_of
from training.evaluation.clusters import SECOND, Apart

_TIMEOUT = 30
_SAID = 200
"""Characters of an answer that are shown: it may quote all of what it was sent."""


@dataclass(frozen=True)
class Attached:
    """What was attached.

    :param monitor: the detectors as they come from the base.
    :param kept: whether others of the same model were there, and stay.
    :param callback: address that is told about drift, empty for none.
    :param base_rows: rows of the base.
    :param base_error_rate: share of them on which the model is wrong.
    """

    monitor: GroupedMonitor
    kept: bool
    callback: str
    base_rows: int
    base_error_rate: float

    def results(self) -> dict[str, Any]:
        """What a run tells of it."""
        status = self.monitor.status()
        return {
            "callback": self.callback,
            "kept": self.kept,
            "base_rows": self.base_rows,
            "base_error_rate": self.base_error_rate,
            "detectors": sorted(status["detectors"]),
            "verdict": status["verdict"],
            "promise": status["promise"],
            "groups": sorted(status["groups"]),
            "missed_incidents": status["missed_incidents"]["summary"],
        }


def attach_detectors(
    test_set: pd.DataFrame,
    telemetry: TelemetrySchema,
    address: str,
    callback: str,
    settings: Settings,
    choice: DetectorChoice,
    devices: str = "",
) -> Attached:
    """Attach detectors, what performance is compared with, and the callback.

    Those of the same model stay, as long as they are the chosen ones.

    :param test_set: label, ``prediction`` and ``probability`` of rows the model was not trained on.
    :param address: of the endpoint.
    :param callback: address that is told about drift that is the verdict; empty for none.
    :param choice: which detectors, and whose finding counts.
    :param devices: ``store://`` address of their feature set, for groups by a static column.
    :raises httpx.HTTPError: if the endpoint does not take them.
    """
    label = telemetry.target
    base = in_arrival_order(test_set, DEVICE, telemetry.time)
    # Errors come in episodes. Detectors that start anew in the middle of one, on few values, take its end
    # for the next drift; so after an alarm they wait for a thousand values, or the size of their base.
    limits = choice.settings(min_instances_after_drift=min(len(base), 1000))
    labels, predictions = base[label].astype(int).tolist(), base[PREDICTION].astype(int).tolist()
    whole = warmed_monitor(labels, predictions, limits, choice.cool_down, choice.hysteresis)
    if warning := shorter_than_season(base[telemetry.time]):
        whole.promise = f"{whole.promise}; {warning}" if whole.promise else warning
    missed = (
        missed_incidents_after(base, telemetry, settings.label_deadline_seconds)
        if choice.missed_incidents
        else OFF
    )
    monitor = GroupedMonitor(whole, missed=missed)
    if choice.group_column:
        grouped = _by_group(base, telemetry, choice.group_column, devices)
        after = limits.min_instances_after_drift
        groups = group_monitors(grouped, choice.most_groups, choice.cool_down, choice.hysteresis, after)
        monitor = GroupedMonitor(whole, choice.group_column, groups, missed)
    headers = settings.bearer()

    def put(route: str, content: Any) -> None:
        url = f"{address}/drift/{route}"
        httpx.put(url, json=content, headers=headers, timeout=_TIMEOUT).raise_for_status()

    # Those of an earlier model were detached when this one was deployed.
    there = get_json(f"{address}/drift")
    kept = bool(there["attached"]) and _is_chosen(there, monitor.status())
    if not kept:
        put("detectors", monitor.to_dict())
    if PROBABILITY in base:
        # Also beside detectors that stay: a model from before has none.
        put("performance", _performance(base, label).to_dict())
    put("callback", {"url": callback or None})
    wrong = float((base[label] != base[PREDICTION]).mean())
    return Attached(monitor, kept, callback, len(base), wrong)


def _is_chosen(there: Mapping[str, Any], chosen: Mapping[str, Any]) -> bool:
    """Whether the detectors that are there are the chosen ones."""
    same = all(
        there.get(name) == chosen[name] for name in ("verdict", "cool_down", "hysteresis", "group_column")
    )
    same = same and list(there.get("groups") or ()) == list(chosen["groups"])
    # An endpoint of before missed incidents were watched goes on without them until the next model.
    states = [(told.get("missed_incidents") or {}).get("state") for told in (there, chosen)]
    same = same and (states[0] == OFF) == (states[1] == OFF)
    return same and list(there["detectors"]) == list(chosen["detectors"])


def missed_incidents_after(
    base: pd.DataFrame, telemetry: TelemetrySchema, deadline: float
) -> MissedIncidents:
    """What is known of the incidents that the model caught.

    They are apart as the gate has them, or by two readings of a device where those are further apart.

    :param base: in the order in which labels arrive.
    :param deadline: how much later than its event, and the horizon, a label may come, in seconds.
    """
    apart, sparse = Apart.of(telemetry), label_gap_seconds(base, telemetry)
    is_sparse = sparse > telemetry.longest_window_seconds
    seconds = moments_of(base[telemetry.time]) / SECOND
    labels, predictions = base[telemetry.target].to_numpy() == 1, base[PREDICTION].to_numpy() == 1
    devices = [str(device) for device in base[DEVICE]]
    rows = zip(devices, seconds.tolist(), labels.tolist(), predictions.tolist(), strict=True)
    # What detectors see of derived labels is as old as a healthy reading, and so are errors.
    latest = deadline + telemetry.horizon_seconds
    return MissedIncidents.after(
        (LabeledPrediction(*row) for row in rows),
        gap=max(apart.own, sparse),
        together=max(apart.others, sparse / 2) if is_sparse else apart.others,
        wait=max(0, latest - telemetry.labels.healthy_seconds),
    )


def _by_group(
    base: pd.DataFrame, telemetry: TelemetrySchema, column: str, devices: str
) -> dict[str, list[int]]:
    """Error flags of the base by group, in the order in which labels arrive."""
    check_group_column(column, telemetry, "detectors: groups")
    features: Mapping[str, Mapping[str, Any]] = {}
    if column in telemetry.static:
        features = DeviceStore(devices).all()
    wrong = (base[telemetry.target] != base[PREDICTION]).astype(int)
    group = base[DEVICE].map(
        {key: device_group(column, telemetry, key, features.get(key, {})) for key in base[DEVICE].unique()}
    )
    return {str(name): [int(flag) for flag in flags] for name, flags in wrong.groupby(group)}


def watch_champion(
    project: str,
    version: str,
    telemetry: TelemetrySchema,
    address: str,
    callback: str,
    settings: Settings,
    detectors: str = "",
) -> None:
    """Attach the detectors of a version that has become the champion of a running endpoint.

    :param address: of the endpoint.
    :param callback: see ``attach_detectors``.
    :param detectors: see ``DetectorChoice``.
    :raises NetopsError: if the predictions of its evaluation are gone, or the endpoint does not take them.
    """
    from project.registered_versions import evaluated_model

    _, test_set = evaluated_model(project, version)
    try:
        choice = DetectorChoice.parse(detectors)
        devices = f"store://feature-sets/{project}/{DEVICES}"
        attach_detectors(test_set, telemetry, address, callback, settings, choice, devices)
    except httpx.HTTPStatusError as error:
        # Of an endpoint that was deployed before an upgrade, which knows an earlier form of their state.
        raise NetopsError(
            f"{address}: must take the detectors of the champion, got {error.response.status_code}; "
            f"next: '{what_brings_back(project, SERVING)}' deploys the release that is installed, and "
            f"attaches them; the endpoint said: {error.response.text[:_SAID]}"
        ) from error
    except httpx.HTTPError as error:
        raise NetopsError(f"{address}: must take the detectors of the champion, got {error}") from error


def _performance(base: pd.DataFrame, label: str) -> BasePerformance:
    """What the scores were on the base data, and what a probability meant there."""
    probability, labels = base[PROBABILITY].to_numpy(np.float64), base[label].to_numpy(np.int8)
    scores = performance(labels.astype(np.float64), probability, base[PREDICTION].to_numpy() == 1)
    return BasePerformance(scores, fit_recalibration(probability, labels))
