import asyncio

import pytest

from feature_sets.checks import InputError
from project.local.http_host.functions import load_function
from tests.project.local.http_host.support import document


def test_an_unknown_kind_is_named():
    with pytest.raises(InputError, match="must be 'serving', 'nuclio' or 'remote', got 'job'"):
        asyncio.run(load_function(document(kind="job"), None))
