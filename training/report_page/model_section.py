"""The section of the report on the model as it is served."""

from __future__ import annotations

import pandas as pd

from feature_sets.model_package.schema import ModelSchema
from training.report_page.page import Section, Table


def model_section(model: ModelSchema) -> Section:
    """What is served: inputs in order, with units and what replaces a missing value."""
    inputs = pd.DataFrame(
        {
            "input": [column.name for column in model.inputs],
            "unit": [column.unit for column in model.inputs],
            "if missing": [column.imputation for column in model.inputs],
        }
    )
    files = ", ".join(f"{name} {digest}" for name, digest in model.sha256.items())
    return Section(
        "Model", (f"SHA-256: {files}",), (Table(inputs, "Inputs in the order the model takes them"),)
    )
