"""Where a run puts its artifacts."""

from __future__ import annotations

import mlrun


def artifact_path(context: mlrun.MLClientCtx) -> str:
    """Artifact folder of one run.

    MLRun's default path repeats from run to run, so a second training would overwrite the files of the
    model that is being served.
    """
    return str(context.artifact_subpath(context.uid))
