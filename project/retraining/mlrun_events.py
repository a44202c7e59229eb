"""Alerts of drift as events of MLRun, so that its own alert configurations can act on them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from project.errors import NetopsError

log = logging.getLogger("netops.retraining")

ENTITY = "model.drift.result.error_rate"
"""Id of the entity, for alert configurations: the error rate of whichever version is in production."""

_FOR_GOOD = frozenset((400, 404, 405, 422, 501))
"""Answers of a server that has no such events. Any other, as to a token that is too old, may pass."""


class MlrunEvents:
    """Generates events by the client's own API. A server without events is told of once, and left alone.

    :param project: name of the project.
    """

    def __init__(self, project: str) -> None:
        self._project = project
        self._absent = False

    def generate(self, told: Mapping[str, Any]) -> None:
        """Generate the event of an alert that was raised, or became worse.

        Its kind is ``concept-drift-detected``; ``value_dict`` has the whole drift event, id and version.

        :param told: see ``taken_drift.take``.
        :raises NetopsError: if the server cannot take it now.
        """
        if self._absent:
            return
        import mlrun
        from mlrun.common.schemas import alert

        if mlrun.mlconf.alerts.mode == alert.AlertsModes.disabled:
            self._give_up("its alerts are disabled")
            return
        kind = alert.EventKind.CONCEPT_DRIFT_DETECTED
        entity = alert.EventEntities(
            kind=alert.EventEntityKind.MODEL_ENDPOINT_RESULT, project=self._project, ids=[ENTITY]
        )
        about = {"id": told["id"], "version": told["version"], **told["event"]}
        event = alert.Event(kind=kind, timestamp=told["event"]["event_time"], entity=entity, value_dict=about)
        try:
            mlrun.get_run_db().generate_event(str(kind), event, self._project)
        except mlrun.errors.MLRunHTTPError as error:
            answer = getattr(error, "response", None)
            status = int(getattr(error, "error_status_code", 0) or getattr(answer, "status_code", 500))
            if status not in _FOR_GOOD:
                raise NetopsError(f"MLRun API: must take an event, got {error}") from error
            self._give_up(str(error))
        except (mlrun.errors.MLRunRuntimeError, OSError) as error:
            raise NetopsError(f"MLRun API: must take an event, got {error}") from error

    def _give_up(self, why: str) -> None:
        self._absent = True
        log.warning(f"drift of project {self._project} is told to no MLRun alerts: {why}")
