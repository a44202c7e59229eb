import base64
import sys

import pytest

from project.local.api.errors import InvalidError, UnsupportedError
from project.local.api.jobs.command import job_command

RUN = {"metadata": {"name": "train", "uid": "u1"}, "spec": {"handler": "train"}}
MLRUN = [sys.executable, "-m", "mlrun", "run", "--name", "train", "--from-env", "--handler", "train"]


def test_code_that_travels_with_the_function_becomes_a_file_of_the_job(tmp_path):
    code = base64.b64encode(b"def train(): ...").decode()
    build = {"functionSourceCode": code, "origin_filename": "/home/me/jobs.ipynb"}
    function = {"kind": "job", "spec": {"build": build, "args": ["a", 1]}}
    assert job_command(function, RUN, tmp_path, None) == [*MLRUN, "jobs.py", "a", "1"]
    assert (tmp_path / "jobs.py").read_text() == "def train(): ..."


def test_a_handler_of_a_package_needs_nothing_else(tmp_path):
    assert job_command({"kind": "job"}, RUN, tmp_path, None) == MLRUN


def test_source_working_folder_and_command_are_passed_on(tmp_path):
    build = {"source": "git://x", "load_source_on_run": True}
    function = {"spec": {"build": build, "command": "train.py", "mode": "pass"}}
    command = job_command(function, RUN, tmp_path, tmp_path)
    options = ["--mode", "pass", "--source", "git://x", "--workdir", str(tmp_path), "train.py"]
    assert command == [*MLRUN, *options]


def test_what_needs_a_cluster_and_what_can_not_run_is_refused(tmp_path):
    with pytest.raises(
        UnsupportedError, match="functions of kind 'spark' do not run on the local control plane"
    ):
        job_command({"kind": "spark"}, RUN, tmp_path, None)
    with pytest.raises(InvalidError, match="a job must have code, a command or a handler"):
        job_command({"kind": "job"}, {"metadata": {"name": "x"}}, tmp_path, None)
