"""What the loop does in a local installation: asks the MLRun API, starts runs, looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from drift.drift_event import utc_time
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.split_rule import COLUMN, TIME
from project import parameters, run_lock
from project.api_reader import ready_endpoint
from project.disk_errors import write_failure
from project.errors import NetopsError
from project.function_names import MODEL, SERVING
from project.http_json import get_json
from project.last_run import ONCE, LastRun, recall, resolve
from project.local.workflow_records import (
    ABORTED,
    ENDED,
    GIVEN_UP_FILE,
    PROCESS_ENDED,
    PROCESS_FILE,
    read_status,
    workflow_records,
)
from project.production_model import production_artifact, version_of
from project.registered_versions import end_promotion
from project.retraining.coping import Realised
from project.retraining.evidence import LabeledErrors, LabeledRows
from project.retraining.history_spans import history_spans
from project.retraining.loop_operations import ABSENT, KILLED, RUNNING, RunLook
from project.retraining.loop_operations import ENDED as OVER
from project.retraining.mlrun_events import MlrunEvents
from project.retraining.next_run import Evidence
from project.retraining.realised_errors import RealisedErrors
from project.retraining.rows_of_both import RowsOfBoth
from project.retraining.state import Trial
from project.retraining.trial import TrialEvidence
from project.retraining.trial_operations import EndpointRoles, TrialOperations
from project.retraining.weak_model import Weakness
from project.settings import Settings
from project.summary.alerts import not_usable
from project.summary.facts import read_steps, step_results
from project.workflow_process import WorkflowProcess
from training.dataset.split_arguments import SplitArguments
from training.evaluation.promotion_gate import (
    EVALUATED_UNTIL,
    NO_BETTER_THAN,
    PENDING,
    PROMOTED,
    after_rehearsal,
)
from training.job.training_window import is_since

_TIMEOUT = 10.0
_EVER = "1970-01-01T00:00:00+00:00"


class LocalOperations:
    """The operations of one project, see ``Operations``.

    :param dbpath: address of the MLRun API.
    """

    def __init__(self, settings: Settings, project: str, dbpath: str) -> None:
        self._settings = settings
        self._project = project
        self._dbpath = dbpath.rstrip("/")
        spans_of = partial(history_spans, project)
        self._rows = LabeledRows(settings.labeled_pairs(project), spans_of)
        self._errors = LabeledErrors(settings.labeled_pairs(project), spans_of)
        self._events = MlrunEvents(project)
        self._realised = RealisedErrors(settings.labeled_pairs(project), spans_of)
        self._both = RowsOfBoth(settings.labeled_pairs(project))

    def champion(self) -> str:
        """Version of the model in production, empty without one.

        Where whoever promoted it was killed before that was recorded, it is recorded now.
        """
        artifact = production_artifact(self._dbpath, self._project)
        if artifact is None:
            return ""
        parameters = (artifact.get("spec") or {}).get("parameters") or {}
        if after_rehearsal(str(parameters.get("promotion", ""))):
            end_promotion(self._project)
        return version_of(artifact)

    def evidence(self, onset: str) -> Evidence:
        """What was labeled since a time."""
        schema, split = self._split(self._given())
        return self._rows.since(
            onset, schema, split.test_devices or split.test_fraction, split.split_rule(schema)
        )

    def weakness(self) -> Weakness | None:
        """Why the model in production is of no use; None if it is, or nobody can say.

        It may be so on the newest labels, or have been since its evaluation, where a rule of a single feature
        does as well.
        """
        artifact = production_artifact(self._dbpath, self._project)
        address = ready_endpoint(self._dbpath, self._project, SERVING).address.rstrip("/")
        served = get_json(f"{address}/v2/models/{MODEL}", _TIMEOUT)
        if artifact is None or served["versions"][-1] != version_of(artifact):
            return None  # Another one is on its way.
        told = not_usable(get_json(f"{address}/drift", _TIMEOUT))
        parameters = (artifact.get("spec") or {}).get("parameters") or {}
        rule = str(parameters.get(NO_BETTER_THAN) or "")
        why = told[0] if told else rule and f"it was no better than {rule} when it was evaluated"
        if not why:
            return None
        # Episodes that it was evaluated on are no new ones.
        ends = (served["parameters"]["training_end"], parameters.get(EVALUATED_UNTIL))
        since = max(utc_time(end or _EVER) for end in ends)
        schema, _ = self._split(self._given())
        episodes, newest = self._errors.since(since, schema)
        return Weakness(why, since, episodes, newest)

    def realised(self, version: str, since: str, before: str) -> Realised:
        """How a version has done on mature labeled rows since a time, in production or in shadow."""
        from project.registered_versions import registered_versions

        schema, _ = self._split(self._given())
        address = ready_endpoint(self._dbpath, self._project, SERVING).address.rstrip("/")
        labeled = get_json(f"{address}/labeled", _TIMEOUT)
        mature = datetime.fromisoformat(labeled["newest_event_time"] or _EVER)
        mature -= timedelta(seconds=labeled["deadline_seconds"])
        known = {each.version: each.artifact.spec.metrics for each in registered_versions(self._project)}
        caught = (known.get(before) or {}).get("recall")
        return self._realised.since(version, since, mature, schema, None if caught is None else float(caught))

    def arguments(self) -> dict[str, Any]:
        """Arguments of the run that made the champion; without its record, those of the last success.

        Nobody says which part live rows are of, so where a column of the labels does, they are split by time.
        """
        kept = {
            name: value
            for name, value in self._given().items()
            if name in parameters.NAMES["main"] and name not in ONCE and not is_since(value)
        }
        # Not those that were remembered since: what the champion's run did not say had its default.
        memory = replace(self._memory(), arguments={})
        found = resolve(self._project, parameters.NAMES["main"], kept, memory).arguments
        schema, split = self._split(found)
        return {**found, "split": TIME} if split.split_rule(schema).by == COLUMN else found

    def busy(self) -> str:
        """Which run holds the project, in words; empty for none."""
        holder = run_lock.holder(self._settings.home, self._project)
        return str(holder) if holder else ""

    def write_failure(self) -> str:
        """Why nothing can be written in the home, in words; empty if it can."""
        return write_failure(self._settings.home)

    def begin(self, key: str, workflow: str, arguments: Mapping[str, Any]) -> None:
        """Start a run in a folder of this name.

        One that trains serves what passes, and repeats nothing that was tried since the champion's run.
        """
        given = dict(arguments)
        if workflow == "main":
            tried = [
                name
                for name in self._memory().arguments
                if name in parameters.NAMES["main"] and name not in parameters.WATCH
            ]
            given = {**{name: parameters.DEFAULTS[name] for name in tried}, **given, "deploy_streaming": True}
        WorkflowProcess.start(self._settings, self._project, workflow, given, key)

    def look(self, key: str) -> RunLook:
        """A run by the name of its folder. One that has not begun is kept from it for good."""
        folder = self._settings.home / "workflows" / key
        if not folder.is_dir():
            return RunLook(ABSENT)
        known = next((each for each in WorkflowProcess.all(self._settings) if each.folder.name == key), None)
        if known is None:
            # Killed while it was started: it may begin yet, unless it sees this before.
            (folder / GIVEN_UP_FILE).touch()
            if self.busy() or (folder / PROCESS_FILE).exists():
                return RunLook(RUNNING)
            return RunLook(ABSENT, read_status(folder)["run_id"])
        if known.is_running():
            return RunLook(RUNNING, read_status(folder)["run_id"])
        said, told = read_status(folder), known.status()
        killed = said["state"] not in ENDED or said["state"] == ABORTED
        killed |= str(said["error"]).startswith(PROCESS_ENDED)
        return RunLook(
            KILLED if killed else OVER, told["run_id"], told["state"] == "succeeded", str(told["error"])
        )

    def steps(self, run_id: str) -> dict[str, dict[str, Any]]:
        """Results of the steps of a run by name."""
        found = read_steps(self._dbpath, self._project, run_id)
        return {name: step_results(found, name) for name in found}

    def shadow(self, version: str, until: str) -> str:
        """Have the endpoint score a version beside the champion; the event time of the newest event then."""
        return self._trials().shadow(version, until)

    def compare(self, trial: Trial, last: bool) -> TrialEvidence:
        """What both versions of a trial said on mature labeled rows."""
        return self._trials().compare(trial, last)

    def promote(self, trial: Trial) -> bool:
        """Make the candidate the champion, and watch it; False if that takes a release."""
        trials = self._trials()
        if trials.schema.further_horizons:
            trials.record(trial.version, PENDING[PROMOTED], trial.reason)
            return False
        trials.promote(trial)
        return True

    def record(self, version: str, outcome: str, reason: str) -> None:
        """Have a model, and the page of its run, say what came of its trial."""
        EndpointRoles(self._settings, self._project, self._dbpath).record(version, outcome, reason)

    def end_trial(self) -> None:
        """Forget what was kept for the comparisons of a trial."""
        self._both.forget()

    def retract(self, version: str) -> None:
        """Take a version out of the shadow, if it is there."""
        EndpointRoles(self._settings, self._project, self._dbpath).retract(version)

    def hand_on(self, told: Mapping[str, Any]) -> None:
        """Tell the MLRun API of a drift event; one without events is left alone."""
        self._events.generate(told)

    def _trials(self) -> TrialOperations:
        given = self._given()
        schema, split = self._split(given)
        column = str(given.get("scores_by") or "") or split.split_rule(schema).group_column
        columns = (column,) if column else schema.entity[:-1]
        detectors = str(given.get("detectors") or "")
        return TrialOperations(
            self._settings, self._project, self._dbpath, schema, columns, detectors, self._both
        )

    def _given(self) -> dict[str, Any]:
        """Arguments of the run that made the champion, on the history that the project stands on now.

        How it is watched is what was chosen last.
        """
        remembered, made_it = self._memory().arguments, self._of_champion()
        if not made_it:
            return remembered
        source = {name: value for name, value in remembered.items() if name in parameters.SOURCE}
        watch = {name: value for name, value in remembered.items() if name in parameters.WATCH}
        made_it = {name: value for name, value in made_it.items() if name not in parameters.WATCH}
        return {**source, **made_it, **watch}

    @staticmethod
    def _split(given: Mapping[str, Any]) -> tuple[TelemetrySchema, SplitArguments]:
        value = {**parameters.DEFAULTS, **given}
        names = ("test_fraction", "test_devices", "train_rows", "seed", "split")
        return TelemetrySchema.load(value["schema"]), SplitArguments(**{name: value[name] for name in names})

    def _memory(self) -> LastRun:
        memory = recall(self._dbpath, self._project)
        if memory is None:
            raise NetopsError(
                f"project '{self._project}' must remember a successful run to be trained again, got none"
            )
        return memory

    def _of_champion(self) -> dict[str, Any]:
        """Arguments of the workflow that made the champion, if its record is here."""
        artifact = production_artifact(self._dbpath, self._project) or {}
        workflow_id = str(((artifact.get("spec") or {}).get("producer") or {}).get("workflow") or "")
        for record in workflow_records(self._settings.home) if workflow_id else []:
            if record.status["run_id"] == workflow_id:
                return dict(record.request.get("arguments") or {})
        return {}
