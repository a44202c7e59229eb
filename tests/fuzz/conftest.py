"""The endpoint of the tests of the serving graph, and the project of those of the ingestion."""

from __future__ import annotations

from tests.feature_sets.conftest import project
from tests.graphs.conftest import package, schema

__all__ = ["package", "project", "schema"]
