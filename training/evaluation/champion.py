"""The model in production beside a new one, on test rows that neither was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import mlrun
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import average_precision_score, f1_score

from feature_sets.checks import InputError
from feature_sets.feature_vector import every_feature_beside
from feature_sets.listed import listed
from feature_sets.model_package.columns import PREDICTION, PROBABILITY
from feature_sets.model_package.package import ModelPackage, fetch_model_package
from feature_sets.model_package.schema import ModelSchema
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.split_rule import BY_TIME
from training.dataset.incident_spans import NO_INCIDENTS, IncidentSpans
from training.dataset.split import Split
from training.dataset.vector_rows import read_vector
from training.evaluation.bootstrap import bootstrap
from training.evaluation.clusters import AUTO, Apart, row_clusters
from training.evaluation.comparison import Caught, Comparison
from training.evaluation.episodes import ALARM, episode_view
from training.evaluation.scores import Scored

_NAMED = 3
CANDIDATE, CHAMPION = "candidate", "champion"
NO_BASELINES: Mapping[str, Scored] = MappingProxyType({})


@dataclass(frozen=True)
class Champion:
    """The model in production on the test rows.

    :param comparison: with the new model.
    :param predictions: as those of an evaluation report, of the rows that it was not trained on, or of all
        if there are none; None if it cannot be scored.
    :param unlabeled: whether it was made without labels.
    """

    comparison: Comparison
    predictions: pd.DataFrame | None
    unlabeled: bool = False


def find_champion(address: str) -> ModelPackage | None:
    """The model in production, or None before the first.

    :param address: ``store://models/...`` with the tag of the production model.
    :raises ModelPackageError: if it is there, but a file is absent or differs from its digest.
    """
    try:
        found = mlrun.datastore.get_store_resource(address)
    except mlrun.errors.MLRunNotFoundError:
        return None
    return fetch_model_package(address) if found else None


def compare(
    champion: ModelPackage,
    split: Split,
    candidate: Scored,
    feature_vector: str,
    telemetry: TelemetrySchema,
    seed: int,
    bootstrap_by: str = AUTO,
    baselines: Mapping[str, Scored] = NO_BASELINES,
    label_history: pd.DataFrame | None = None,
) -> Champion:
    """Score the model in production beside a new one; rows that it was trained on are left out for both.

    :param split: of the evaluation.
    :param candidate: what the new model says of the test rows.
    :param feature_vector: that the new model was trained on. What it lacks of the champion's inputs is read
        from the vector of all features.
    :param telemetry: schema of the new model's telemetry.
    :param seed: of the resamples.
    :param bootstrap_by: the resampling unit, see ``row_clusters``.
    :param baselines: what needs no model, in words -> what it says of the test rows.
    :param label_history: of the evaluated devices, see ``episode_view``; None tells of no episodes.
    """
    schema = champion.schema
    unseen = _unseen(split.test, split.time, schema)
    # Another split asks the same of the same telemetry.
    other = replace(schema.telemetry, split=BY_TIME) != replace(telemetry, split=BY_TIME)
    unlabeled = schema.unlabeled
    try:
        _check_same_question(schema.telemetry, telemetry)
        rows = _with_inputs(split.test, champion, split, feature_vector)
    except (InputError, mlrun.errors.MLRunNotFoundError) as error:
        found = Comparison(schema.version, int(unseen.sum()), obstacle=str(error), other_schema=other)
        return Champion(found, None, unlabeled)
    probability = champion.session().probability(schema.matrix(rows))
    scored = Scored(probability, schema.threshold, probability)
    predictions = rows[[DEVICE, split.time, *schema.input_names, split.label]].assign(
        **{PREDICTION: scored.predicted.astype("int8"), PROBABILITY: probability}
    )
    if not unseen.any():
        return Champion(Comparison(schema.version), predictions, unlabeled)
    beside, there = _part(candidate, unseen), _part(scored, unseen)
    units = Units(split.time, split.label, Apart.of(telemetry, split.incidents), split.groups, bootstrap_by)
    without_model = {what: _part(scored, unseen) for what, scored in baselines.items()}
    comparison = compared(schema.version, rows[unseen], units, beside, there, seed, without_model)
    if label_history is not None:
        starts = split.test_starts if unseen.all() else _starts(rows[unseen], label_history, split.time)
        of_both = beside.predicted, there.predicted
        comparison = with_caught(
            comparison, rows[unseen], of_both, label_history, telemetry, starts, split.incidents
        )
    return Champion(comparison, predictions[unseen].reset_index(drop=True), unlabeled)


def with_caught(
    comparison: Comparison,
    rows: pd.DataFrame,
    predicted: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]],
    label_history: pd.DataFrame,
    telemetry: TelemetrySchema,
    starts: pd.Timestamp | pd.Series,
    incidents: IncidentSpans = NO_INCIDENTS,
) -> Comparison:
    """The comparison with what an operator would have seen of both models.

    :param rows: that were compared on: device and time (UTC).
    :param predicted: which of them the new model, and the champion, calls an error.
    :param label_history: see ``episode_view``, as ``starts`` and ``incidents``.
    """
    keys = rows[[DEVICE, telemetry.time]]
    views = [
        episode_view(keys.assign(**{ALARM: alarms}), label_history, telemetry, starts, incidents)
        for alarms in predicted
    ]
    new, old = (
        Caught(
            int(facts["episodes"]), int(facts["episodes_caught"]), facts.get("false_alarms_per_device_day")
        )
        for facts in (view.describe() for view in views)
    )
    return replace(comparison, caught=new, champion_caught=old)


def _starts(rows: pd.DataFrame, label_history: pd.DataFrame, time: str) -> pd.Series:
    """When each device of the history has its first row; one that has none has no episode that counts."""
    after = label_history[time].max() + pd.Timedelta(microseconds=1)
    devices = pd.Index(label_history[DEVICE].unique())
    first = rows.groupby(DEVICE, observed=True)[time].min()
    return first.reindex(devices).fillna(after)


def _unseen(rows: pd.DataFrame, time: str, schema: ModelSchema) -> npt.NDArray[np.bool_]:
    """Rows that a model was not trained on: an embargo later than its last row, or that of the device."""
    learned: pd.Timestamp | pd.Series = pd.Timestamp(schema.training_end)
    if schema.trained_devices:
        learned = pd.to_datetime(rows[DEVICE].map(schema.trained_devices), utc=True, format="ISO8601")
    seen = rows[time] <= learned + pd.Timedelta(seconds=schema.telemetry.embargo_seconds)
    return ~seen.to_numpy(dtype=np.bool_)


def _check_same_question(before: TelemetrySchema, now: TelemetrySchema) -> None:
    """Raise InputError unless two models predict the same."""
    for name in ("label", "horizon_seconds"):
        asked, asks = getattr(before, name), getattr(now, name)
        if asked != asks:
            raise InputError(name.removesuffix("_seconds"), f"must be {asks!r} to be compared", asked)


def _part(scored: Scored, rows: npt.NDArray[np.bool_]) -> Scored:
    return Scored(scored.score[rows], scored.threshold, scored.probability[rows])


def _with_inputs(
    rows: pd.DataFrame, champion: ModelPackage, split: Split, feature_vector: str
) -> pd.DataFrame:
    """The rows with every input of the champion.

    :raises InputError: if an input is not known of these rows any more.
    """
    names = champion.schema.input_names
    if not set(names) <= set(rows.columns):
        every = read_vector(every_feature_beside(feature_vector), champion.schema.telemetry, rows)
        missing = sorted(set(names) - set(every.columns))
        if missing:
            named = listed(missing, _NAMED)
            raise InputError("features", f"must hold its inputs {named}", "none of that name")
        keys = [DEVICE, split.time]
        rows = rows[[*keys, split.label]].merge(every[[*keys, *names]], on=keys, how="left", validate="1:1")
    return rows


@dataclass(frozen=True)
class Units:
    """What is resampled where two models are compared, see ``row_clusters``.

    :param time: name of the time column.
    :param label: name of the label column.
    :param apart: from when on error rows are of two episodes.
    :param groups: group of each device, where whole groups are evaluated on.
    :param by: the resampling unit.
    """

    time: str
    label: str
    apart: Apart
    groups: Mapping[str, str] = field(default_factory=dict)
    by: str = AUTO


def compared(
    version: str,
    rows: pd.DataFrame,
    units: Units,
    candidate: Scored,
    champion: Scored,
    seed: int,
    baselines: Mapping[str, Scored] = NO_BASELINES,
) -> Comparison:
    """Two models on the same rows; the difference has an interval where enough units have errors.

    :param version: of the champion.
    :param rows: device, time (UTC) and label (0 or 1).
    :param candidate: what the new model says of these rows.
    :param champion: what the model in production says of them.
    :param seed: of the resamples.
    :param baselines: what needs no model, in words -> what it says of these rows.
    """
    labels: npt.NDArray[np.int8] = rows[units.label].to_numpy()
    alarmed = _false_alarm_share(labels, candidate), _false_alarm_share(labels, champion)
    if not labels.any() or labels.all():
        return Comparison(
            version,
            rows=len(rows),
            units="resampling units",
            false_alarm_share=alarmed[0],
            champion_false_alarm_share=alarmed[1],
        )
    clusters = row_clusters(rows, units.time, units.label, units.by, units.apart, units.groups)
    scorers = {CANDIDATE: candidate, CHAMPION: champion}
    intervals = bootstrap(labels, scorers, clusters, float(labels.mean()), seed)
    without_model = {what: _f1(labels, scored) for what, scored in baselines.items()}
    baseline = max(without_model, key=lambda what: without_model[what], default="")
    return Comparison(
        version=version,
        rows=len(rows),
        units=f"{clusters.unit}s",
        with_errors=intervals.with_errors,
        candidate=float(average_precision_score(labels, candidate.score)),
        champion=float(average_precision_score(labels, champion.score)),
        difference=intervals.gains.get(CHAMPION),
        f1_difference=intervals.f1_gains.get(CHAMPION),
        candidate_f1=_f1(labels, candidate),
        champion_f1=_f1(labels, champion),
        base_rate=float(labels.mean()),
        baseline=baseline,
        baseline_f1=without_model.get(baseline, 0.0),
        false_alarm_share=alarmed[0],
        champion_false_alarm_share=alarmed[1],
    )


def _f1(labels: npt.NDArray[np.int8], scored: Scored) -> float:
    """F1 at the threshold of a scorer; 0 where nothing is called an error."""
    return float(f1_score(labels, scored.predicted, zero_division=0.0))


def _false_alarm_share(labels: npt.NDArray[np.int8], scored: Scored) -> float | None:
    """Share of the healthy rows that a scorer calls an error; None without healthy rows."""
    healthy = labels == 0
    return float(np.mean(scored.predicted[healthy])) if healthy.any() else None
