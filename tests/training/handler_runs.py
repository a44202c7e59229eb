"""The handlers of this room, run by MLRun itself on a small network."""

from __future__ import annotations

from pathlib import Path

import mlrun

from tests.training.feature_store import PROJECT
from tests.training.pages import loaded_from_network

REGRESSION = [{"family": "logistic_regression"}]
STUMPS = [{"family": "ada_boost"}]
HANDLERS = {
    "explore": "training.explore.explore",
    "select-features": "training.select_features.select_features",
    "train": "training.train.train",
    "evaluate": "training.evaluate.evaluate",
    "report": "training.report.report",
    "horizons": "training.further_horizons.train_further_horizons",
}


class Network:
    """Runs handlers by their dotted names, as the workflow does."""

    def __init__(self, uri, schema, folder):
        self.uri = uri
        self.folder = folder
        self.schema_file = folder / "schema.json"  # JSON is YAML
        self.schema_file.write_text(mlrun.utils.dict_to_json(schema.to_dict()))

    def train(self, candidates=REGRESSION, **params):
        return self.run("train", candidates=candidates, **params)

    def run(self, name, inputs=None, **params):
        function = mlrun.new_function(name, kind="job", image="mlrun/mlrun", project=PROJECT)
        params = {"schema": str(self.schema_file), **params}
        if name in ("evaluate", "report"):
            del params["schema"]  # the model's own counts
        if not inputs and name != "horizons":
            params.setdefault("feature_vector", self.uri)
        return function.run(
            name=name,
            handler=HANDLERS[name],
            local=True,
            output_path=str(self.folder / "artifacts"),
            project=PROJECT,
            params=params,
            inputs=inputs,
        )


def assert_opens_without_network(run, key):
    page = Path(run.outputs[key]).read_text()
    assert "Plotly.newPlot" in page
    assert loaded_from_network(page) == []


def table(run, key):
    return mlrun.get_dataitem(run.outputs[key]).as_df()
