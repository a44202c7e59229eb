import copy

import pytest
from mlrun.artifacts.base import fill_artifact_object_hash

from project.local.api.errors import InvalidError
from project.local.api.records.artifact_uids import artifact_uid


@pytest.mark.parametrize(
    "kind", ["", "artifact", "dataset", "model", "table", "plot", "document", "llm-prompt"]
)
@pytest.mark.parametrize("iteration", [None, 0, 3])
def test_the_uid_is_the_one_mlrun_computes(kind, iteration):
    artifact = {
        "kind": kind,
        "metadata": {"key": "k", "project": "p", "labels": {"a": "b"}, "updated": "x", "created": "y"},
        "spec": {
            "db_key": "t_k",
            "metrics": {"auc": 1},
            "schema": {},
            "features": [1],
            "size": 3,
            "header": [],
        },
        "status": {"state": "created"},
    }
    if not kind:
        del artifact["kind"]
    ours, theirs = copy.deepcopy(artifact), copy.deepcopy(artifact)
    assert artifact_uid(ours, iteration, "tree") == fill_artifact_object_hash(theirs, iteration, "tree")
    assert ours["metadata"]["iter"] == theirs["metadata"]["iter"]
    assert ours["metadata"]["tree"] == theirs["metadata"]["tree"]


def test_an_artifact_without_key_takes_the_one_of_the_path_but_a_hash_needs_one():
    with pytest.raises(InvalidError, match=r"'metadata\.key' must not be empty"):
        artifact_uid({"metadata": {}}, 0, "tree")
