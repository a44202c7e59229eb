import pytest

from project.local.api.errors import InvalidError, NotFoundError
from project.local.api.records.versioned import (
    FEATURE_SET,
    FUNCTION,
    delete_record,
    find_record,
    list_records,
    read_record,
    write_record,
)


def _write(store, name="f", image="a", kind=FUNCTION, **options):
    return write_record(store, kind, "demo", name, {"metadata": {}, "spec": {"image": image}}, **options)


def test_a_versioned_record_is_found_by_hash_and_by_the_newest_tag(store):
    first, second = _write(store, image="a"), _write(store, image="b")
    assert read_record(store, FUNCTION, "demo", "f")["spec"]["image"] == "b"
    assert read_record(store, FUNCTION, "demo", "f", uid=first)["spec"]["image"] == "a"
    assert read_record(store, FUNCTION, "demo", "f", uid=second)["metadata"]["tag"] == ""


def test_an_unversioned_record_is_overwritten_in_place(store):
    _write(store, image="a", versioned=False)
    _write(store, image="b", versioned=False)
    assert [record["spec"]["image"] for record in list_records(store, FUNCTION, "demo")] == ["b"]


def test_storing_old_content_again_gives_it_the_tag_back(store):
    first = _write(store, image="a")
    _write(store, image="b")
    assert _write(store, image="a") == first
    assert read_record(store, FUNCTION, "demo", "f")["spec"]["image"] == "a"
    assert len(list(list_records(store, FUNCTION, "demo"))) == 2


def test_an_unversioned_record_that_lost_its_tag_is_not_listed(store):
    _write(store, image="a", versioned=False)
    _write(store, image="b", versioned=True)
    assert [record["spec"]["image"] for record in list_records(store, FUNCTION, "demo")] == ["b"]


def test_a_record_is_listed_once_for_each_tag(store):
    _write(store, tag="v1")
    _write(store, tag="v2")
    tags = [record["metadata"]["tag"] for record in list_records(store, FUNCTION, "demo")]
    assert sorted(tags) == ["v1", "v2"]
    assert len(list(list_records(store, FUNCTION, "demo", tag="v1"))) == 1
    assert len(list(list_records(store, FUNCTION, "demo", tag="*"))) == 2


def test_kinds_and_names_do_not_meet(store):
    _write(store, name="stocks")
    assert find_record(store, FEATURE_SET, "demo", "stocks") is None
    assert list(list_records(store, FUNCTION, "other")) == []


def test_an_unversioned_feature_set_shows_no_uid_that_nobody_could_read(store):
    _write(store, kind=FEATURE_SET, versioned=False)
    assert "uid" not in read_record(store, FEATURE_SET, "demo", "f")["metadata"]


def test_deleting_by_tag_leaves_the_other_versions(store):
    first = _write(store, image="a", tag="v1")
    _write(store, image="b", tag="v2")
    delete_record(store, FUNCTION, "demo", "f", tag="v2")
    assert read_record(store, FUNCTION, "demo", "f", uid=first)["spec"]["image"] == "a"
    delete_record(store, FUNCTION, "demo", "f")
    with pytest.raises(NotFoundError, match="Function not found demo/f:v1"):
        read_record(store, FUNCTION, "demo", "f", tag="v1")


def test_a_name_in_the_body_that_differs_is_refused(store):
    with pytest.raises(InvalidError, match="must be 'f' as in the path, got 'g'"):
        write_record(store, FUNCTION, "demo", "f", {"metadata": {"name": "g"}})


def test_a_record_named_by_uid_can_not_change(store):
    with pytest.raises(InvalidError, match="Changing uid"):
        _write(store, uid="0" * 40)
