"""The serving graph's model package and Valkey server, for the contracts of its parts."""

from tests.graphs.conftest import package, redis_url, schema

__all__ = ["package", "redis_url", "schema"]
