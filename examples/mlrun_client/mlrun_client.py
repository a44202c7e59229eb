"""Plain MLRun against the control plane: a project and a job of one's own, on features that netops made."""

# No postponed annotations: MLRun reads the type hints of a handler.

import os
import sys
import tempfile

if not os.environ.get("MLRUN_DBPATH"):
    sys.exit("MLRUN_DBPATH must be the address of an MLRun API, such as 'netops up' prints")

import mlrun
import mlrun.feature_store as fstore

VECTOR = "store://feature-vectors/netops/device_features"


def compare(context: mlrun.MLClientCtx, vector: str, metric: str) -> None:
    """MLRun job: how a metric differs between healthy rows and rows in error."""
    rows = fstore.get_feature_vector(vector).get_offline_features().to_dataframe()
    table = rows.groupby("is_error")[metric].agg(["size", "mean", "std"]).round(2).reset_index()
    context.log_result("rows", len(rows))
    context.log_result("difference", round(table["mean"].iloc[1] - table["mean"].iloc[0], 2))
    context.log_dataset("table", df=table, index=False)


if __name__ == "__main__":
    mlrun.utils.logger.set_logger_level("WARNING")
    project = mlrun.get_or_create_project("hello", context=tempfile.mkdtemp())
    project.set_function(__file__, "compare", kind="job", image="mlrun/mlrun")
    params = {"vector": VECTOR, "metric": "latency"}
    run = project.run_function("compare", name="compare", handler="compare", params=params, local=True)

    # From here on all is read back from the API, as another process would.
    stored = mlrun.get_run_db().read_run(run.metadata.uid, project.name)
    print("run       ", stored["metadata"]["name"], stored["status"]["state"])
    print("parameters", stored["spec"]["parameters"])
    print("results   ", stored["status"]["results"])
    print("data set  ", stored["status"]["artifact_uris"]["table"])
    print(mlrun.get_dataitem(run.outputs["table"]).as_df().to_string(index=False))
