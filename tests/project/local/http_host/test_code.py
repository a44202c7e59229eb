import sys

import pytest

from feature_sets.checks import InputError
from project.local.http_host.code import handler_name, load_handler, load_module
from tests.project.local.http_host.support import document


@pytest.mark.parametrize("handler", ["", "main:handler", "handler", "my_code:handler", "my_code.handler"])
def test_code_that_travels_with_the_function_brings_its_handler(handler):
    module, function = load_handler(document("def handler(context, event):\n    return __name__", handler))
    assert function(None, None) == module.__name__
    sys.modules.pop(module.__name__)


def test_the_trace_of_code_that_travels_shows_its_lines():
    module = load_module(
        document("def handler(context, event):\n    raise KeyError('here')", "traced:handler")
    )
    try:
        with pytest.raises(KeyError) as raised:
            module.handler(None, None)
        assert "raise KeyError('here')" in str(raised.traceback[-1].statement)
    finally:
        sys.modules.pop("traced")


@pytest.mark.parametrize("name", ["tests.project.local.deployed:echo", "tests.project.local.deployed.echo"])
def test_a_dotted_handler_is_imported(name):
    assert load_handler(document(handler=name))[1].__name__ == "echo"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (document(), "must be 'package.module:function' if the function brings no code, got ''"),
        (document(handler="tests.project.local.deployed:absent"), "'absent': must be a function in module"),
        (document("handler = 1", "value:handler"), "'handler': must be a function in module 'value', got 1"),
    ],
)
def test_a_handler_that_is_not_there_is_named(document, words):
    with pytest.raises(InputError, match=words):
        load_handler(document)
    sys.modules.pop("value", None)


def test_the_handler_is_found_where_each_way_of_making_a_function_puts_it():
    assert handler_name({"spec": {"base_spec": {"spec": {"handler": "a:b"}}}}) == "a:b"
    assert handler_name({"spec": {"default_handler": "c"}}) == "c"
    assert handler_name({}) == ""
