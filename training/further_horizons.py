"""The further horizons: selection, search, evaluation and gate of each, in runs of their own."""

# No postponed annotations here: MLRun reads a handler's type hints and cannot resolve them from text.

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mlrun
import mlrun.feature_store as fstore
from mlrun.runtimes.utils import RunError

from feature_sets.checks import InputError, check_boolean
from feature_sets.feature_vector import of_horizon
from feature_sets.model_package.horizon_names import name_of_horizon
from feature_sets.model_package.package import fetch_model_package
from feature_sets.telemetry.each_horizon import further
from feature_sets.telemetry.schema import TelemetrySchema
from training.dataset.horizons_fit import horizons_too_long
from training.evaluate import evaluate
from training.evaluation.lead_times import (
    NOT_TRAINED,
    LeadTime,
    figures_of,
    lead_time_figure,
    lead_time_table,
)
from training.job.defaults import (
    COMBINATIONS,
    MAX_CORRELATION,
    MAX_DRIFT,
    MIN_VOTES,
    PROMOTE,
    SCORES_BY,
    SEARCH,
    SEED,
    SELECT_K,
    SPLIT,
    TEST_DEVICES,
    TEST_FRACTION,
    THRESHOLD_RULE,
    TRAIN_ROWS,
    TRAINING_WINDOW,
)
from training.job.run_artifacts import log_figures, log_tables
from training.packaging.staged_models import stage_production
from training.select_features import select_features
from training.train import train

TABLE_KEY = "lead_times"
NO_LABELS = "no error is known to start within it"

_ROWS = ("seed", "test_fraction", "test_devices", "train_rows", "training_window", "split")
_SELECT = (*_ROWS, "select_k", "min_votes", "max_correlation", "max_drift")
_TRAIN = (*_ROWS, "search", "combinations", "threshold_rule", "scores_by")
_EVALUATE = (*_ROWS, "promote", "rehearse", "approve", "trial", "scores_by")
"""Arguments that each of the three jobs is given."""


def train_further_horizons(
    context: mlrun.MLClientCtx,
    feature_vector: str,
    model_path: str,
    test_scores_table: mlrun.DataItem,
    test_episodes: mlrun.DataItem,
    schema: Mapping[str, Any] | str = "",
    promotion: str = "",
    promotion_reason: str = "",
    seed: int = SEED,
    test_fraction: float = TEST_FRACTION,
    test_devices: float = TEST_DEVICES,
    train_rows: int = TRAIN_ROWS,
    training_window: str = TRAINING_WINDOW,
    split: str = SPLIT,
    scores_by: str = SCORES_BY,
    select_k: int = SELECT_K,
    min_votes: float = MIN_VOTES,
    max_correlation: float = MAX_CORRELATION,
    max_drift: float = MAX_DRIFT,
    search: str = SEARCH,
    combinations: int = COMBINATIONS,
    threshold_rule: str = THRESHOLD_RULE,
    promote: bool = PROMOTE,
    rehearse: bool = False,
    approve: bool = False,
    trial: bool = False,
) -> None:
    """MLRun job: make a model for each further horizon of the schema; with one horizon there is none to make.

    Each is selected for, trained, evaluated and judged by the gate for itself, as the primary one is, in runs
    named like ``train-10m``. One that cannot be trained or does not pass holds up no other.

    Results: ``horizons``, for each its outcome and figures, see ``lead_time_table``. Data set:
    ``lead_times``, the same. Plot: ``lead_time_curve``, where there are several.

    :param context: of the run.
    :param feature_vector: address of the vector of all features.
    :param model_path: address of the registered model of the primary horizon.
    :param test_scores_table: data set of its evaluation.
    :param test_episodes: the same.
    :param schema: telemetry schema, as content or path; empty for the simulated network's.
    :param promotion: what the gate decided of the primary horizon.
    :param promotion_reason: why.
    :param seed: see ``select_features``, ``train`` and ``evaluate``; so are all that follow.
    :param test_fraction: the same as of the primary horizon.
    :param test_devices: the same.
    :param train_rows: the same.
    :param training_window: the same.
    :param split: the same.
    :param scores_by: the same.
    :param select_k: the same.
    :param min_votes: the same.
    :param max_correlation: the same.
    :param max_drift: the same.
    :param search: the same.
    :param combinations: the same.
    :param threshold_rule: the same.
    :param promote: the same, of every horizon.
    :param rehearse: the same.
    :param approve: the same.
    :param trial: the same.
    """
    arguments = dict(locals())  # By name, before there are other variables.
    telemetry = TelemetrySchema.load(schema)
    primary = fetch_model_package(model_path).schema
    figures = {}
    if not primary.unlabeled:  # Without labels nobody knows what it caught.
        figures = figures_of(telemetry.horizon, test_scores_table.as_df(), test_episodes.as_df())
    leads = [LeadTime(telemetry.horizon, promotion, promotion_reason, primary.version, figures)]
    given = _Given(*({name: arguments[name] for name in names} for names in (_SELECT, _TRAIN, _EVALUATE)))
    too_long = {} if primary.unlabeled else horizons_too_long(feature_vector, telemetry)
    for horizon, one in further(telemetry).items():
        if primary.unlabeled:
            lead = LeadTime(horizon, NOT_TRAINED, "there are no labels yet")
        else:
            if check_boolean("argument 'rehearse'", rehearse):
                stage_production(context.project, horizon)
            if horizon in too_long:
                lead = LeadTime(horizon, NOT_TRAINED, too_long[horizon])
            else:
                lead = _Runs(context, horizon, one).lead(feature_vector, given)
        if lead.promotion == NOT_TRAINED:
            context.logger.warning(f"horizon {horizon}: {lead.promotion}: {lead.reason}")
        leads.append(lead)
    table = lead_time_table(leads)
    log_tables(context, {TABLE_KEY: table})
    if len(leads) > 1:
        log_figures(context, {"lead_time_curve": lead_time_figure(table)})
    context.log_result("horizons", [lead.describe() for lead in leads])


@dataclass(frozen=True)
class _Given:
    """Arguments of the three jobs.

    :param select: of the selection.
    :param train: of the training.
    :param evaluate: of the evaluation.
    """

    select: Mapping[str, Any]
    train: Mapping[str, Any]
    evaluate: Mapping[str, Any]


@dataclass(frozen=True)
class _Runs:
    """The runs of one horizon.

    :param context: of the run that starts them.
    :param horizon: as the schema has it.
    :param schema: with this horizon alone.
    """

    context: mlrun.MLClientCtx
    horizon: str
    schema: TelemetrySchema

    def lead(self, feature_vector: str, given: _Given) -> LeadTime:
        """Select, train and evaluate; what the data does not allow is told, any other failure is raised."""
        schema = {"schema": self.schema.to_dict()}
        try:
            every = of_horizon(fstore.get_feature_vector(feature_vector), self.schema)
            every.save()
            vector = {"feature_vector": every.uri}
            selected = self._run(select_features, {**given.select, **vector, **schema})
            vector = {"feature_vector": selected.outputs["feature_vector"]}
            trained = self._run(train, {**given.train, **vector, **schema})
            if trained.outputs.get("unlabeled"):
                return LeadTime(self.horizon, NOT_TRAINED, NO_LABELS)
            model = {"model_path": trained.outputs["model"]}
            found = self._run(evaluate, {**given.evaluate, **vector, **model}).outputs
        except InputError as error:
            return LeadTime(self.horizon, NOT_TRAINED, str(error))
        tables = (mlrun.get_dataitem(found[key]).as_df() for key in ("test_scores_table", "test_episodes"))
        return LeadTime(
            self.horizon,
            found["promotion"],
            found["promotion_reason"],
            found["version"],
            figures_of(self.horizon, *tables),
        )

    def _run(self, job: Callable[..., None], params: Mapping[str, Any]) -> mlrun.RunObject:
        """A run of a job in this process, named after it and the horizon.

        :raises InputError: if the job does; MLRun tells of a failure only in words.
        """
        refused: list[InputError] = []

        @functools.wraps(job)
        def telling(*args: Any, **kwargs: Any) -> None:
            try:
                job(*args, **kwargs)
            except InputError as error:
                refused.append(error)
                raise

        task = mlrun.new_task(params=dict(params))
        for name, value in self.context.labels.items():
            if name == "workflow":
                task.set_label(name, value)
        try:
            return mlrun.new_function(project=self.context.project).run(
                task,
                handler=telling,
                name=name_of_horizon(job.__name__.replace("_", "-"), self.horizon),
                project=self.context.project,
                output_path=self.context.artifact_path,
            )
        except RunError:
            if refused:
                raise refused[0] from None
            raise
