"""Where the models and other artifacts of a project are; imports no MLRun."""

from __future__ import annotations

from feature_sets.model_package.horizon_names import name_of_horizon
from feature_sets.model_package.tags import MODEL_KEY

_RUN = "evaluate"
MODEL_ARTIFACT = f"{_RUN}_{MODEL_KEY}"
"""Key of the models that the run ``evaluate`` registers: MLRun prefixes a key with the name of its run."""

TEST_SET_ARTIFACT = "evaluate_test_set_preds"
"""Key of the data sets of their predictions of their test rows."""

REPORT_ARTIFACT = "report_report"
"""Key of the pages of the runs that made them."""


def horizon_of_key(key: str) -> str:
    """Further horizon of a model, by its key; empty of any other key.

    >>> horizon_of_key("evaluate-10m_model"), horizon_of_key("evaluate_model")
    ('10m', '')
    """
    before, after = name_of_horizon(_RUN, ""), f"_{MODEL_KEY}"
    is_one = key.startswith(before) and key.endswith(after)
    return key.removeprefix(before).removesuffix(after) if is_one else ""


def artifacts_address(dbpath: str, project: str) -> str:
    """Where the MLRun API answers for the artifacts of a project; one of them has its key behind.

    :param dbpath: address of the API.
    """
    return f"{dbpath.rstrip('/')}/api/v2/projects/{project}/artifacts"


def model_address(project: str, tag: str) -> str:
    """Address of the registered model with a tag."""
    return f"store://models/{project}/{MODEL_ARTIFACT}:{tag}"
