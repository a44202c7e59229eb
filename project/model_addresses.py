"""Where the models of a project are registered; imports no MLRun."""

from __future__ import annotations

from feature_sets.model_package.tags import MODEL_KEY

MODEL_ARTIFACT = f"evaluate_{MODEL_KEY}"
"""Key of the models that the run ``evaluate`` registers: MLRun prefixes a key with the name of its run."""

TEST_SET_ARTIFACT = "evaluate_test_set_preds"
"""Key of the data sets of their predictions of their test rows."""

REPORT_ARTIFACT = "report_report"
"""Key of the pages of the runs that made them."""


def model_address(project: str, tag: str) -> str:
    """Address of the registered model with a tag."""
    return f"store://models/{project}/{MODEL_ARTIFACT}:{tag}"
