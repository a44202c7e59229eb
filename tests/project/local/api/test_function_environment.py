"""What a function's process has in its environment."""

from types import SimpleNamespace

import pytest

from project.local.api import function_environment as module
from project.local.api.function_environment import function_environment

NAMES = ("NETOPS_TOKEN", "NETOPS_TOKEN_WRITE", "NETOPS_TOKEN_READ", "NETOPS_CALLBACK_SECRET")


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """Gives the environment of a function by its own variables."""
    monkeypatch.setattr(module, "secret_values", lambda store, project: {})
    settings = SimpleNamespace(source_root=tmp_path, home=tmp_path, url="http://control-plane")

    def made(**own):
        spec = {"env": [{"name": name, "value": value} for name, value in own.items()]}
        return function_environment(None, settings, "p", {"spec": spec})

    return made


@pytest.mark.parametrize("name", NAMES)
def test_the_file_of_a_secret_counts_and_not_what_the_control_plane_was_started_with(
    environment, monkeypatch, name
):
    monkeypatch.setenv(name, "old")
    found = environment(**{f"{name}_FILE": "/kept/secret"})
    assert name not in found and found[f"{name}_FILE"] == "/kept/secret"


def test_without_a_file_what_is_inherited_stays_and_the_own_variable_counts(environment, monkeypatch):
    monkeypatch.setenv("NETOPS_TOKEN", "old")
    assert environment()["NETOPS_TOKEN"] == "old"
    assert environment(NETOPS_TOKEN_FILE="/kept", NETOPS_TOKEN="own")["NETOPS_TOKEN"] == "own"


def test_settings_that_a_later_deployment_took_back_are_not_inherited(environment, monkeypatch):
    monkeypatch.setenv("NETOPS_LOG_FORMAT", "json")
    monkeypatch.setenv("MLRUN_LOG_FORMATTER", "json")
    monkeypatch.setenv("OTHERS", "stay")
    found = environment(NETOPS_PROJECT="p")
    assert "NETOPS_LOG_FORMAT" not in found and "MLRUN_LOG_FORMATTER" not in found
    assert found["OTHERS"] == "stay" and found["NETOPS_HOME"]
    assert environment(NETOPS_PROJECT="p", NETOPS_LOG_FORMAT="json")["NETOPS_LOG_FORMAT"] == "json"
    assert environment()["NETOPS_LOG_FORMAT"] == "json"  # A function of somebody else.
