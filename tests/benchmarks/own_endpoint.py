"""Where a benchmark has an endpoint of its own: a folder, a model, and a local installation."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from feature_sets.telemetry.schema import TelemetrySchema
from project.local import valkey
from project.local.stack import Stack
from tests.conftest import SOURCE_ROOT
from tests.graphs.conftest import INPUTS, write_package


@dataclass(frozen=True)
class OwnEndpoint:
    """What is there while the block is open.

    :param folder: has everything; it is deleted with the block.
    :param package: of a model.
    :param stack: nothing of it runs yet.
    """

    folder: Path
    package: Path
    stack: Stack

    def store(self) -> str:
        """Address of a Valkey of its own, without a control plane."""
        return valkey.start(self.stack.home).url


@contextmanager
def own_endpoint(schema: TelemetrySchema, inputs: tuple[str, ...] = INPUTS) -> Iterator[OwnEndpoint]:
    """A folder with a model; whatever was started in it is stopped at the end of the block, failed or not."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        package = folder / "model"
        package.mkdir()
        write_package(package, schema, inputs=inputs)
        stack = Stack(folder / "home", SOURCE_ROOT)
        try:
            yield OwnEndpoint(folder, package, stack)
        finally:
            stack.stop()
