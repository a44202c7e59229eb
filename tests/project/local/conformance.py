"""Which MLRun API the conformance suite drives.

By default the local control plane. With ``NETOPS_CONFORMANCE_DBPATH`` it is the MLRun API at that address;
what only a local control plane can show is skipped then.
"""

from __future__ import annotations

import os
import uuid

import pytest

DBPATH = os.environ.get("NETOPS_CONFORMANCE_DBPATH", "")

local_only = pytest.mark.skipif(bool(DBPATH), reason="NETOPS_CONFORMANCE_DBPATH names another MLRun API")


def new_project() -> str:
    """Name of a project that nobody has used."""
    return f"conf-{uuid.uuid4().hex[:10]}"
