"""What a project remembers of its last successful run, as an artifact of the MLRun project itself.

An artifact, because ``mlrun project ./project`` stores the project's specification anew, without what it
held.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from feature_sets.checks import InputError, check_choice
from project import parameters
from project.conflicting_arguments import overruled, without_effect
from project.http_json import AbsentError, get_json
from project.model_addresses import artifacts_address
from training.job.training_window import is_since

KEY = "project-memory"
"""Key of the artifact."""

ONCE = frozenset({"promote", "approve", "trial", "champion", "replace", "live"})
"""Decisions about one run, which no later run repeats."""
_TIMEOUT = 10.0


@dataclass(frozen=True)
class LastRun:
    """What a project stands on.

    :param arguments: workflow arguments that are not the defaults; paths are absolute.
    :param schema: content of the telemetry schema.
    :param digest: of what a history depends on of it, see ``schema_digest``.
    :param run_id: of the last successful workflow that ingested.
    :param workflow: its name.
    :param finished: when it ended, ISO 8601 UTC.
    """

    arguments: dict[str, Any]
    schema: dict[str, Any]
    digest: str
    run_id: str
    workflow: str
    finished: str


@dataclass(frozen=True)
class Resolved:
    """Arguments of a run.

    :param arguments: those given and those remembered; what is absent has its default.
    :param repeated: those of them that were remembered and not given.
    :param memory: what the project stands on, or None before its first run.
    :param overruled: remembered values that are not repeated, by name, each with what was given against it.
    :param without_effect: a sentence for each thing given that changes nothing.
    """

    arguments: dict[str, Any] = field(default_factory=dict)
    repeated: dict[str, Any] = field(default_factory=dict)
    memory: LastRun | None = None
    overruled: dict[str, tuple[Any, str]] = field(default_factory=dict)
    without_effect: list[str] = field(default_factory=list)

    def value(self, name: str) -> Any:
        """Value of a workflow parameter."""
        return self.arguments.get(name, parameters.DEFAULTS[name])

    def lines(self) -> list[str]:
        """What is repeated and what is not, and what was given for nothing; a line each."""
        told = [
            f"not as last time, as {by} is given: {name}={value}"
            for name, (value, by) in self.overruled.items()
        ]
        return [line for line in (self.line(), *told, *self.without_effect) if line]

    def line(self) -> str:
        """What is repeated, in one line; empty if nothing is."""
        if not self.repeated or self.memory is None:
            return ""
        values = ", ".join(f"{name}={value}" for name, value in self.repeated.items())
        return (
            f"as in run {self.memory.run_id[:8]} of {self.memory.finished[:16].replace('T', ' ')}: {values}"
        )


def schema_digest(content: Mapping[str, Any]) -> str:
    """Digest of the content of a telemetry schema; the order of its fields does not matter."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def recall(dbpath: str, project: str) -> LastRun | None:
    """What a project stands on, or None before its first successful run.

    :param dbpath: address of the MLRun API; empty where MLRun works without one.
    :raises UnreachableError: if the API does not answer.
    :raises InputError: if a newer release has stored it.
    """
    if not dbpath:
        return None
    try:
        found = get_json(f"{artifacts_address(dbpath, project)}/{KEY}", _TIMEOUT, tag="latest")
    except AbsentError:
        return None
    try:
        return LastRun(**json.loads(found["spec"]["inline"]))
    except (ValueError, TypeError) as error:
        raise InputError(
            f"project '{project}': artifact {KEY}",
            "must be what a project remembers, as this release knows it; next: install the release again "
            "that wrote it, or put back the copy of before that release",
            str(error),
        ) from error


def resolve(
    project: str,
    names: Sequence[str],
    given: Mapping[str, Any],
    memory: LastRun | None,
    *,
    local: bool = True,
    keep: bool = False,
) -> Resolved:
    """Arguments of a run: given before remembered before default. Nothing is written.

    What is remembered and would make what is given count for nothing has its default, see ``overruled``.

    :param names: parameters of the workflow, such as ``parameters.NAMES["main"]``.
    :param given: arguments that were given for this run.
    :param local: whether the paths are of this machine; on a cluster they are those of its pods.
    :param keep: whether endpoints are to be left up afterwards.
    :raises InputError: for an unknown name or a value of another type, for another schema than the one that
        the project stands on unless ``replace`` is given, and for telemetry that is not there.
    """
    given = parameters.check(names, given)
    remembered = {
        name: value for name, value in (memory.arguments if memory else {}).items() if name in names
    }
    against = overruled(given, remembered, keep)
    repeated = {n: value for n, value in remembered.items() if n not in given and n not in against}
    arguments = {**remembered, **{name: parameters.DEFAULTS[name] for name in against}, **given}
    if local:
        for name in ("telemetry", "schema"):
            if arguments.get(name):
                arguments[name] = str(Path(arguments[name]).expanduser().resolve())
        if names:
            _check_source(project, arguments, repeated, memory)
    values = {name: (remembered[name], by) for name, by in against.items()}
    return Resolved(arguments, repeated, memory, values, without_effect(given, arguments, keep))


def set_on_workflow(dbpath: str, project: str, workflow: str) -> dict[str, Any]:
    """Arguments that somebody has set on a workflow in the MLRun project, and not the project's memory.

    They count as given. Nothing is set in a project that is not there yet.

    :raises UnreachableError: if the API does not answer.
    """
    if not dbpath:
        return {}
    try:
        found = get_json(f"{dbpath}/api/v1/projects/{project}", _TIMEOUT)
    except AbsentError:
        return {}
    return own_arguments(found["spec"].get("workflows") or [], workflow, recall(dbpath, project))


def own_arguments(
    workflows: Sequence[Mapping[str, Any]], workflow: str, memory: LastRun | None
) -> dict[str, Any]:
    """Arguments of a workflow that the project does not remember; those are stored on it as well.

    :param workflows: of the specification of an MLRun project.
    """
    stored = next((each.get("args") for each in workflows if each["name"] == workflow), None) or {}
    known = memory.arguments if memory else {}
    return {name: value for name, value in stored.items() if name not in known}


def refuse_simulation(project: str, resolved: Resolved) -> None:
    """Raise InputError where a project that stands on telemetry of its own would simulate a network."""
    stands_on = resolved.memory.arguments.get("telemetry") if resolved.memory else ""
    if stands_on and not resolved.value("telemetry"):
        rule = (
            f"must be a folder, as project '{project}' stands on {stands_on}; another --project may simulate"
        )
        raise InputError("telemetry", rule, resolved.value("telemetry"))


def _check_source(
    project: str, arguments: Mapping[str, Any], repeated: Mapping[str, Any], memory: LastRun | None
) -> None:
    from feature_sets.telemetry.schema import TelemetrySchema
    from feature_sets.telemetry.schema_content import TOOL, gets_calendar

    folder = arguments.get("telemetry")
    if folder and not Path(folder).is_dir():
        if "telemetry" not in repeated:
            raise InputError("telemetry", "must be a folder", folder)
        rule = (
            f"must still be the folder that project '{project}' stands on; tell where it is with --telemetry"
        )
        raise InputError("telemetry", rule, folder)
    schema = arguments.get("schema", "")
    if not schema or Path(schema).is_file():
        _check_columns(arguments, schema)
    if memory is None or arguments.get("replace"):
        # Who replaces the history says so, and it may be one of another schema.
        return
    if schema and "schema" in repeated and not Path(schema).is_file():
        rule = f"must still be the file that project '{project}' stands on; tell where it is with --schema"
        raise InputError("schema", rule, schema)
    given = TelemetrySchema.load(schema)
    content = given.to_dict()
    # A calendar of maintenance may be added, see ``feature_sets.ingestion.added_calendar``.
    digests = {memory.digest}
    if TOOL in memory.schema:  # It was in the digest once.
        digests.add(schema_digest(TelemetrySchema.load(memory.schema).history_content()))
    same = gets_calendar(memory.schema, content) or schema_digest(given.history_content()) in digests
    if not same:
        changed = [key for key in {**content, **memory.schema} if content.get(key) != memory.schema.get(key)]
        rule = (
            f"must be the schema '{memory.schema['name']}' that project '{project}' stands on since run "
            f"{memory.run_id[:8]}; give that one, or another --project, or replace its history first with "
            f"'netops ingest --replace'. It differs in {', '.join(changed)}"
        )
        raise InputError("schema", rule, schema or "that of the simulated network")


def _check_columns(arguments: Mapping[str, Any], schema: str) -> None:
    """Raise InputError unless the schema keeps the columns by which rows are split, scored and watched."""
    from feature_sets.telemetry.schema import TelemetrySchema
    from feature_sets.telemetry.split_rule import TIME, SplitRule

    where = "workflow parameter '{}'".format
    if arguments.get("split"):
        rule = SplitRule.parse(arguments["split"], where("split"))
        TelemetrySchema.load(schema).check_split(rule, where("split"))
    if arguments.get("test_devices"):
        rule = (
            SplitRule.parse(arguments["split"])
            if arguments.get("split")
            else TelemetrySchema.load(schema).split
        )
        if rule.by != TIME and (rule.test or not rule.holds_devices_out):
            must = f"must be 0 for the split {rule}, which says what is tested"
            raise InputError(where("test_devices"), must, arguments["test_devices"])
    if arguments.get("scores_by"):
        check_choice(where("scores_by"), arguments["scores_by"], TelemetrySchema.load(schema).group_columns)
    if ";" in arguments.get("detectors", ""):  # Without it they name no column; and it takes long to import.
        from drift.detector_choice import DetectorChoice
        from graphs.state.device_group import check_group_column

        column = DetectorChoice.parse(arguments["detectors"], where("detectors")).group_column
        if column:
            check_group_column(column, TelemetrySchema.load(schema), f"{where('detectors')}: groups")


def after_run(
    memory: LastRun | None, workflow: str, given: Mapping[str, Any], run_id: str, finished: str
) -> LastRun:
    """What a project stands on after a successful run.

    :param memory: what it stood on before.
    :param given: all arguments of the run, defaults among them.
    """
    from feature_sets.telemetry.schema import TelemetrySchema

    names = parameters.NAMES[workflow]
    before = {
        name: value for name, value in (memory.arguments if memory else {}).items() if name not in names
    }
    now = {
        name: value
        for name, value in given.items()
        if name not in ONCE and value != parameters.DEFAULTS[name]
    }
    if is_since(given.get("training_window")):
        # As it was before: the time is that of one change of the network, and live rows may need a split of
        # their own.
        once = ("training_window", "split")
        now = {name: value for name, value in now.items() if name not in once}
        now |= {k: v for k, v in (memory.arguments if memory else {}).items() if k in once}
    path = given.get("schema", "")
    # On a cluster the path is one of its pods.
    if path and not Path(path).is_file():
        return LastRun({**before, **now}, {}, schema_digest({}), run_id, workflow, finished)
    schema = TelemetrySchema.load(path)
    digest = schema_digest(schema.history_content())
    return LastRun({**before, **now}, schema.to_dict(), digest, run_id, workflow, finished)


def workflow_arguments(memory: LastRun | None, workflow: str) -> dict[str, Any]:
    """Remembered arguments of a workflow, with which MLRun's own entry points repeat it."""
    remembered = memory.arguments if memory else {}
    return {name: remembered[name] for name in parameters.NAMES[workflow] if name in remembered}


def remember(project: Any, memory: LastRun) -> None:
    """Store what a project stands on in the project itself, and as the arguments of its workflows.

    :param project: an ``MlrunProject`` with its workflows registered.
    """
    import mlrun

    # Not sorted: the order of the metrics is that of the features.
    body = json.dumps(asdict(memory), default=str)
    artifact = mlrun.artifacts.Artifact(KEY, body=body, format="json", is_inline=True)
    project.log_artifact(artifact, upload=False)
    project.spec.workflows = [
        {**workflow, "args": workflow_arguments(memory, workflow["name"])}
        if workflow["name"] in parameters.NAMES
        else workflow
        for workflow in project.spec.workflows
    ]
    project.save_to_db()
