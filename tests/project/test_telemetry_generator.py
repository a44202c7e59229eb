import threading
from types import SimpleNamespace

import mlrun
import pytest

from feature_sets.checks import InputError
from project import telemetry_generator
from project.errors import NetopsError
from project.live_telemetry import NothingNewerError
from project.parameters import DEFAULTS, STREAM
from project.telemetry_generator import GeneratorOptions, serving_address


def test_options_are_the_workflow_parameters_with_their_defaults():
    options = GeneratorOptions.from_environment({"SEED": "7", "TICKS": "60", "OTHER": "x"})
    assert vars(options) == {**{name: DEFAULTS[name] for name in STREAM}, "seed": 7, "ticks": 60}
    with pytest.raises(InputError, match="'ticks': must be a whole number of at least 0, got 'many'"):
        GeneratorOptions.from_environment({"TICKS": "many"})
    with pytest.raises(InputError, match="'train_rows': must be among telemetry"):
        GeneratorOptions.from_arguments({"train_rows": 100})


def test_a_stream_waits_for_its_endpoint_as_after_a_start_of_the_machine(monkeypatch):
    """Both are started again at once; a start that failed meanwhile would be counted and told."""
    asked, waits = [], []

    def starting(project, name):
        asked.append((project, name))
        if len(asked) < 4:
            raise NetopsError("function 'serving' must be ready, got state 'error'")
        return "http://there"

    monkeypatch.setattr(telemetry_generator, "endpoint_address", starting)
    stop = SimpleNamespace(wait=lambda seconds: bool(waits.append(seconds)))
    assert serving_address("p", stop) == "http://there"
    assert asked == [("p", "serving")] * 4 and waits == [1.0] * 3
    asked.clear()
    with pytest.raises(NetopsError, match="must be ready, got state 'error'"):
        serving_address("p", SimpleNamespace(wait=lambda seconds: True))
    assert len(asked) == 1
    monkeypatch.setattr(telemetry_generator, "_READY_SECONDS", 2)
    asked.clear()
    with pytest.raises(NetopsError, match="must be ready"):
        serving_address("p", stop)
    assert len(asked) == 3


def test_a_stream_whose_endpoint_is_never_ready_is_done_and_says_so(monkeypatch, tmp_path):
    def away(*_):
        raise mlrun.errors.MLRunHTTPError("the API is away")

    ended = threading.Event()
    monkeypatch.setenv("NETOPS_HOME", str(tmp_path))
    monkeypatch.setattr(telemetry_generator, "endpoint_address", away)
    context = SimpleNamespace(
        user_data=SimpleNamespace(), logger=SimpleNamespace(error=lambda _message: ended.set())
    )
    telemetry_generator.init_context(context)
    assert ended.wait(10)
    report = context.user_data.report.to_dict()
    assert (report["done"], report["error"]) == (True, "the API is away")


@pytest.mark.parametrize(
    ("error", "field"),
    [
        (InputError("folder", "must hold newer metrics", "none"), "error"),
        (NetopsError("away"), "error"),
        (NothingNewerError("folder", "must hold newer metrics", "none"), "nothing_newer"),
    ],
)
def test_a_stream_that_cannot_start_is_done_and_says_why(monkeypatch, tmp_path, error, field):
    """Whoever waits for the end of the stream would wait for ever otherwise."""
    ended = threading.Event()

    def refuse(*_):
        raise error

    monkeypatch.setenv("NETOPS_HOME", str(tmp_path))
    monkeypatch.setattr(telemetry_generator, "endpoint_address", lambda *_: "http://127.0.0.1:9")
    monkeypatch.setattr(telemetry_generator, "generate", refuse)
    logger = SimpleNamespace(error=lambda _message: ended.set(), info=lambda _message: ended.set())
    context = SimpleNamespace(user_data=SimpleNamespace(), logger=logger)
    telemetry_generator.init_context(context)
    assert ended.wait(10)
    report = context.user_data.report.to_dict()
    assert (report["done"], report[field]) == (True, str(error))
    assert report["error"] == (str(error) if field == "error" else "")
