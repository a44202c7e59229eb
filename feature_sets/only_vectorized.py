"""What MLRun's own ingestion cannot compute is refused before it deletes what there is."""

from __future__ import annotations

from typing import Any, NoReturn

from feature_sets.checks import InputError


def refuse_own_ingestion(what: str, names: Any) -> NoReturn:
    """Raise InputError; for ``validate_args`` of a step.

    ``ingest`` of a feature set replaces its history unless ``overwrite=False`` is given. It asks the classes
    of the steps first, and makes objects of them when the history is deleted.

    :param what: a feature set declares.
    :param names: of what is not computed.
    """
    rule = "must be ingested by 'netops ingest' or append_rows: MLRun's own ingestion does not compute them"
    raise InputError(what, rule, names)
