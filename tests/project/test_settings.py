import stat

import pytest

from feature_sets.checks import InputError
from project.settings import SOURCE_ROOT, Settings


def test_state_lives_in_the_checkout_unless_told_otherwise(tmp_path):
    assert Settings.from_environment({}).home == SOURCE_ROOT / ".netops"
    assert Settings.from_environment({"NETOPS_HOME": str(tmp_path / "x")}).home == tmp_path / "x"


def test_without_a_checkout_state_lives_in_the_users_home(tmp_path, monkeypatch):
    monkeypatch.setattr("project.settings.SOURCE_ROOT", tmp_path / "site-packages")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings.from_environment({}).home == tmp_path / ".netops"


def test_empty_variables_count_as_absent():
    settings = Settings.from_environment({"NETOPS_PROFILE": "", "MLRUN_DBPATH": "", "NETOPS_PROJECT": ""})
    assert (settings.profile, settings.mlrun_dbpath, settings.project) == ("local", "", "netops")


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"NETOPS_PROFILE": "moon"}, "NETOPS_PROFILE: must be among local, kubernetes, iguazio, got 'moon'"),
        ({"NETOPS_RETRAIN": "yes"}, "NETOPS_RETRAIN: must be among auto, approve, off, got 'yes'"),
        ({"NETOPS_RETRAIN_POLICY": "growth=0"}, "retraining policy: growth: must be"),
        (
            {"NETOPS_PROFILE": "kubernetes", "NETOPS_RETRAIN": "auto"},
            "NETOPS_RETRAIN: must be off with profile kubernetes, got 'auto'",
        ),
        ({"MLRUN_DBPATH": "./db"}, r"MLRUN_DBPATH: must be an http\(s\) address, got './db'"),
        (
            {"NETOPS_PROFILE": "kubernetes"},
            "NETOPS_SOURCE: must be the address of this repository with profile kubernetes, got ''",
        ),
        (
            {"NETOPS_PROFILE": "iguazio", "NETOPS_SOURCE": "git://x"},
            "NETOPS_STREAMS: must be a folder that its pods share with profile iguazio, got None",
        ),
        (
            {"NETOPS_PROFILE": "iguazio", "NETOPS_SOURCE": "git://x", "NETOPS_STREAMS": "/x"},
            "MLRUN_DBPATH: must be the address of its MLRun API with profile iguazio, got ''",
        ),
    ],
)
def test_bad_variables_are_refused_by_name(environment, words):
    with pytest.raises(InputError, match=words):
        Settings.from_environment(environment)


def test_the_token_is_made_once_and_is_private(tmp_path):
    settings = Settings(home=tmp_path / "home")
    token = settings.bearer_token()
    assert len(token) >= 24
    assert settings.bearer_token() == token
    assert stat.S_IMODE((tmp_path / "home" / "token").stat().st_mode) == 0o600
    assert Settings(home=tmp_path / "home", token="given").bearer_token() == "given"


def test_drift_starts_a_training_on_a_laptop_unless_told_otherwise():
    assert Settings.from_environment({}).retrain == "auto"
    assert Settings.from_environment({"NETOPS_RETRAIN": "off"}).retrain == "off"
    cluster = {"NETOPS_PROFILE": "kubernetes", "NETOPS_SOURCE": "git://x", "NETOPS_STREAMS": "/x"}
    assert Settings.from_environment({**cluster, "MLRUN_DBPATH": "http://x"}).retrain == "off"


def test_a_deployed_function_reads_the_same_loop():
    given = {"NETOPS_RETRAIN": "approve", "NETOPS_RETRAIN_POLICY": "cool_down=30m"}
    settings = Settings.from_environment(given)
    again = Settings.from_environment(settings.function_environment("p"))
    assert (again.retrain, again.retraining) == ("approve", settings.retraining)
