"""MLRun's client in the test process, against the control plane and the Valkey of ``local_stack``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import LocalStack
from tests.mlrun_connection import new_project


@pytest.fixture(scope="module")
def project(local_stack: LocalStack) -> Iterator[str]:
    """Name of an empty project, active while the tests of one module run."""
    with new_project(local_stack.info.mlrun_dbpath) as name:
        yield name
