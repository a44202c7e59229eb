"""A search in MLRun: each combination as an iteration of the run, and one table of all."""

from __future__ import annotations

import mlrun
import pandas as pd

from training.search.successive_halving import SearchOutcome

TABLE_KEY = "search_results"


def log_iterations(context: mlrun.MLClientCtx, outcome: SearchOutcome) -> None:
    """Log each combination as a child run of its own iteration, and mark the best.

    Parameters of an iteration: ``candidate`` (family and parameters, for people), ``family``, ``parameters``.
    Results: the scores, ``rung`` and ``rows_fitted``. MLRun copies the results of the best iteration to the
    run, whose own results of the same name must be logged after this.

    :param context: of the run, not of an iteration.
    """
    for trial in outcome.trials:
        child = context.get_child_context(
            candidate=str(trial.candidate), family=trial.candidate.family, parameters=trial.candidate.text
        )
        child.log_results({**trial.scores, "rung": trial.rung, "rows_fitted": trial.rows})
        # With a parent, each commit of a child would log the table and plot of all of them anew: seconds.
        child._parent = None
    context.update_child_iterations(best_run=outcome.best + 1, commit_children=True)


def results_table(outcome: SearchOutcome) -> pd.DataFrame:
    """One row an iteration.

    :returns: columns iteration (from 1), family, parameters (text), rung (last one it was in), rows (that the
        latest fold was fitted with there), the scores (means over the folds in that rung), seconds (of all
        its fits), best (True for the winner).
    """
    return pd.DataFrame(
        [
            {
                "iteration": number,
                "family": trial.candidate.family,
                "parameters": trial.candidate.text,
                "rung": trial.rung,
                "rows": trial.rows,
                **trial.scores,
                "seconds": round(trial.seconds, 3),
                "best": number == outcome.best + 1,
            }
            for number, trial in enumerate(outcome.trials, start=1)
        ]
    )
