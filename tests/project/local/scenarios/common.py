"""A project and a job that the scenarios share."""

from __future__ import annotations

import pickle
from typing import Any

import mlrun
import pandas as pd


def train(context: mlrun.MLClientCtx, n: int = 10) -> None:
    """A job that logs results, a data set and a model, and prints."""
    print(f"training with {n}")
    context.log_dataset("data", df=pd.DataFrame({"a": range(n), "b": [1.5] * n}), index=False)
    context.log_result("score", n / 10)
    context.log_model(
        "model",
        body=pickle.dumps({"n": n}),
        model_file="model.pkl",
        metrics={"score": n / 10},
        labels={"size": str(n)},
    )


def open_project(name: str) -> mlrun.projects.MlrunProject:
    return mlrun.get_or_create_project(name, f"./{name}")


def run_job(name: str, project: str, handler: Any = train, **options: Any) -> Any:
    function = mlrun.new_function("trainer", kind="job", image="mlrun/mlrun", project=project)
    return function.run(handler=handler, name=name, project=project, local=True, **options)
