"""A run database in memory, enough for MLRun's feature store, runs and artifacts inside one test process."""

from __future__ import annotations

import copy

import mlrun
import mlrun.feature_store as fstore


class MemoryRunDB:
    """What MLRun's client calls here; keys and tags as the API keeps them."""

    def __init__(self):
        self.feature_sets = {}
        self.feature_vectors = {}
        self.artifacts = {}
        self.tags = {}
        self.runs = {}

    def connect(self, secrets=None):
        return self

    def verify_authorization(self, authorization_verification_input):
        return None

    def store_feature_set(self, feature_set, name=None, project="", tag=None, uid=None, versioned=True):
        self.feature_sets[feature_set["metadata"]["name"]] = copy.deepcopy(feature_set)

    def get_feature_set(self, name, project="", tag=None, uid=None):
        if name not in self.feature_sets:
            raise mlrun.errors.MLRunNotFoundError(f"feature set {name}")
        return fstore.FeatureSet.from_dict(copy.deepcopy(self.feature_sets[name]))

    def store_feature_vector(self, feature_vector, name=None, project="", tag=None, uid=None, versioned=True):
        self.feature_vectors[feature_vector["metadata"]["name"]] = copy.deepcopy(feature_vector)

    def get_feature_vector(self, name, project="", tag=None, uid=None):
        if name not in self.feature_vectors:
            raise mlrun.errors.MLRunNotFoundError(f"feature vector {name}")
        return fstore.FeatureVector.from_dict(copy.deepcopy(self.feature_vectors[name]))

    def store_artifact(self, key, artifact, iter=None, tag="", project="", tree=None, uid=None):
        stored = copy.deepcopy(artifact)
        stored["metadata"]["uid"] = f"{tree}-{iter or 0}"
        self.artifacts[(key, tree, iter or 0)] = stored
        if tag:
            self.tags[key, tag] = (key, tree, iter or 0)
        return stored

    def read_artifact(self, key, tag=None, iter=None, project="", tree=None, uid=None):
        if tag and tag != "latest" and not tree:
            return copy.deepcopy(self.artifacts.get(self.tags.get((key, tag))))
        found = [
            value
            for (stored_key, stored_tree, stored_iter), value in self.artifacts.items()
            if stored_key == key
            and tree in (None, "", stored_tree)
            and (iter is None or int(iter) == stored_iter)
        ]
        return copy.deepcopy(found[-1]) if found else None

    def list_artifacts(self, name="", project="", tree=None, tag=None):
        found = [
            value
            for (key, stored_tree, _), value in self.artifacts.items()
            if key == name and tree in (None, "", stored_tree)
        ]
        return copy.deepcopy(found)

    def tag_artifacts(self, artifacts, project, tag_name, replace=False):
        self.tags[artifacts.spec.db_key, tag_name] = (
            artifacts.spec.db_key,
            artifacts.metadata.tree,
            artifacts.metadata.iter or 0,
        )

    def delete_artifacts_tags(self, artifacts, project, tag_name):
        del self.tags[artifacts.spec.db_key, tag_name]

    def store_run(self, struct, uid, project="", iter=0):
        self.runs[(uid, iter)] = copy.deepcopy(struct)

    def update_run(self, updates, uid, project="", iter=0):
        run = self.runs.setdefault((uid, iter), {})
        for path, value in updates.items():
            place = run
            *parents, last = path.split(".")
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = copy.deepcopy(value)

    def read_run(self, uid, project="", iter=0, format_=None):
        return copy.deepcopy(self.runs[(uid, iter)])

    def store_function(self, function, name, project="", tag=None, versioned=False):
        return "hash"

    def store_log(self, uid, project="", body=None, append=True):
        return None

    def get_project(self, name):
        return None
