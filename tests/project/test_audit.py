"""What was served against the history: nothing differs, and what does differ is found and named."""

import numpy as np
import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.feature_vector import all_features
from feature_sets.model_package.package import fetch_model_package
from project import audit as audits
from project.audit import audit
from project.live_history import take_live
from tests.feature_sets.ingestion.folders import forget_all
from tests.mlrun_connection import new_project
from tests.project.live_network import ARRIVING, GROUPED_ARRIVING, PLAIN, Past, conversation, open_endpoint


@pytest.fixture(scope="module")
def project(local_stack):
    with new_project(local_stack.info.mlrun_dbpath) as name:
        yield name


@pytest.mark.parametrize("schema", [PLAIN, ARRIVING, GROUPED_ARRIVING], ids=["plain", "arrival", "groups"])
def test_what_was_served_is_what_the_history_says(project, local_stack, tmp_path, monkeypatch, schema):
    forget_all()
    generator = np.random.default_rng(8)
    past = Past.random(generator)
    past.folder(tmp_path / "files", schema).ingest()
    all_features(schema).save()
    pairs = tmp_path / "pairs"
    endpoint = open_endpoint(
        tmp_path, project, local_stack.info.redis_url, schema, labeled_directory=str(pairs)
    )
    client = endpoint.start()
    package = fetch_model_package(str(endpoint.package))
    monkeypatch.setattr(audits, "model_of", lambda project, version: package)

    def look(most=1_000_000):
        return audit(project, pairs, endpoint.journal, schema, most)

    assert look().pairs == 0 and look().lines()[0].startswith("no labeled pairs")
    for path, body in conversation(generator):
        assert endpoint.send(path, body).status == 200
    client.shut_down()
    count = sum(map(len, map(pd.read_parquet, pairs.glob("*.parquet"))))
    assert count > 100

    before = look()
    assert before.pairs == count and before.not_in_history > count / 2 and not before.mismatches
    take_live(endpoint.journal, schema)
    found = look()
    assert (found.pairs, found.not_in_history, found.mismatches) == (count, 0, 0)
    assert found.compared + found.after_late == count and found.compared > count / 10
    assert bool(found.after_late) == (schema is PLAIN)

    path = sorted(pairs.glob("*.parquet"))[-1]
    rows = pd.read_parquet(path)
    # One in which every row differs in one bit, and an answer that its model does not give.
    rows["cpu_avg_1m"] = np.nextafter(rows["cpu_avg_1m"].to_numpy(), np.inf)
    rows.loc[rows.index[-1], "probability"] += 0.01
    rows.to_parquet(path)
    found = look(most=1)
    assert found.pairs == len(rows)
    compared = found.compared
    assert found.mismatches == found.by_feature["cpu_avg_1m"] == compared > 0
    assert any(line.endswith(f"{compared:,} in cpu_avg_1m") for line in found.lines())

    monkeypatch.setattr(audits, "model_of", lambda project, version: None)
    assert look().unknown_models == count


def test_without_a_history_there_is_nothing_to_compare_with(project, local_stack, tmp_path):
    forget_all()
    endpoint = open_endpoint(tmp_path, project, local_stack.info.redis_url, PLAIN)
    with pytest.raises(InputError, match="history"):
        audit(project, tmp_path, endpoint.journal, PLAIN, 10)
