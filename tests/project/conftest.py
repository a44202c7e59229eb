"""An endpoint beside a random history, whose pairs are audited."""

import pytest

from feature_sets.feature_vector import all_features
from feature_sets.model_package.package import fetch_model_package
from project import audit as audits
from project.audit import audit
from tests.feature_sets.ingestion.folders import forget_all
from tests.project.live_network import INPUTS, Past, open_endpoint


@pytest.fixture
def audited(project, local_stack, tmp_path, monkeypatch):
    """Begins a random history with an endpoint beside it, and gives what audits the pairs of that.

    Its ``folder`` has the files of the history.
    """

    def begin(generator, schema, inputs=INPUTS, **settings):
        forget_all()
        begin.folder = Past.random(generator).folder(tmp_path / "files", schema)
        begin.folder.ingest()
        all_features(schema).save()
        pairs, redis_url = tmp_path / "pairs", local_stack.info.redis_url
        settings |= {"labeled_directory": str(pairs)}
        endpoint = open_endpoint(tmp_path, project, redis_url, schema, inputs, **settings)
        package = fetch_model_package(str(endpoint.package))
        monkeypatch.setattr(audits, "model_of", lambda project, version: package)

        def look(most=1_000_000, since="3650d"):
            return audit(project, pairs, endpoint.journal, schema, most, since)

        return endpoint, pairs, look

    return begin
