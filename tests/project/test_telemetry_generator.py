import threading
from types import SimpleNamespace

import pytest

from feature_sets.checks import InputError
from project import telemetry_generator
from project.errors import NetopsError
from project.parameters import DEFAULTS, STREAM
from project.telemetry_generator import GeneratorOptions


def test_options_are_the_workflow_parameters_with_their_defaults():
    options = GeneratorOptions.from_environment({"SEED": "7", "TICKS": "60", "OTHER": "x"})
    assert vars(options) == {**{name: DEFAULTS[name] for name in STREAM}, "seed": 7, "ticks": 60}
    with pytest.raises(InputError, match="'ticks': must be a whole number of at least 0, got 'many'"):
        GeneratorOptions.from_environment({"TICKS": "many"})
    with pytest.raises(InputError, match="'train_rows': must be among telemetry"):
        GeneratorOptions.from_arguments({"train_rows": 100})


@pytest.mark.parametrize(
    "error", [InputError("folder", "must hold newer metrics", "none"), NetopsError("away")]
)
def test_a_stream_that_cannot_start_is_done_and_says_why(monkeypatch, tmp_path, error):
    """Whoever waits for the end of the stream would wait for ever otherwise."""
    ended = threading.Event()

    def refuse(*_):
        raise error

    monkeypatch.setenv("NETOPS_HOME", str(tmp_path))
    monkeypatch.setattr(telemetry_generator, "endpoint_address", lambda *_: "http://127.0.0.1:9")
    monkeypatch.setattr(telemetry_generator, "generate", refuse)
    logger = SimpleNamespace(error=lambda _message: ended.set())
    context = SimpleNamespace(user_data=SimpleNamespace(), logger=logger)
    telemetry_generator.init_context(context)
    assert ended.wait(10)
    report = context.user_data.report.to_dict()
    assert (report["done"], report["error"]) == (True, str(error))
