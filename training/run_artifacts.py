"""What identifies a run, and where it puts its artifacts."""

from __future__ import annotations

import mlrun


def run_uid(context: mlrun.MLClientCtx) -> str:
    """Uid of a run; all iterations of a hyper-parameter run have the same one.

    MLRun's ``context.uid`` of iteration 3 ends in ``-3``.
    """
    return str(context.uid).removesuffix(f"-{context.iteration}")


def artifact_path(context: mlrun.MLClientCtx) -> str:
    """Artifact folder of one run.

    MLRun's default path repeats from run to run, so a second training would overwrite the files of the
    model that is being served.
    """
    return str(context.artifact_subpath(run_uid(context)))
