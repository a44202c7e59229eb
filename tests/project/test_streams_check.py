"""A job of a cluster whose pod has no volume at the folder of the streams says so."""

from pathlib import Path

import pytest

from feature_sets.checks import InputError
from project.settings import Settings
from project.streams_check import check_streams


def test_only_a_job_of_a_cluster_is_refused_without_a_volume(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setattr(
        "graphs.streams_volume.check_on_volume.__defaults__", (None, lambda path: path == "/mnt/netops")
    )
    check_streams(Settings(tmp_path))  # A laptop's profile, also in a pod.
    cluster = {"profile": "kubernetes", "mlrun_dbpath": "http://x", "source": "git://x"}
    check_streams(Settings(tmp_path, **cluster, streams=Path("/mnt/netops/streams")))
    with pytest.raises(InputError, match=r"NETOPS_STREAMS: must be on a volume .* got '/streams'"):
        check_streams(Settings(tmp_path, **cluster, streams=Path("/streams")))
