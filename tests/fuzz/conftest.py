"""The endpoint of the tests of the serving graph."""

from __future__ import annotations

from tests.graphs.conftest import package, schema

__all__ = ["package", "schema"]
