"""The examples that need a live installation, run as their READMEs say."""

from tests.examples.readme import alike, run, shown


def test_telemetry_of_ones_own_becomes_an_evaluated_model(installation, tmp_path):
    command, output = shown("own_telemetry")
    folder = str(tmp_path / "gateways")
    printed = run(command.replace("/tmp/gateways", folder), installation.environment())
    assert alike(output.replace("/tmp/gateways", folder), printed), printed


def test_streamed_events_get_predictions_and_meet_their_labels(installation):
    command, output = shown("stream_and_label")
    printed = run(command, installation.environment())
    assert alike(output, printed), printed


def test_any_mlrun_client_runs_a_job_on_the_ingested_features(installation):
    command, output = shown("mlrun_client")
    dbpath = installation.dbpath
    printed = run(command, installation.environment(MLRUN_DBPATH=dbpath))
    assert alike(output, printed), printed
    assert [run["metadata"]["name"] for run in installation.api("projects/hello/runs")["runs"]] == ["compare"]
