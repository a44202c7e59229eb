"""What the JSON of a body may be: a key that is there twice is refused, as one value would be lost."""

from __future__ import annotations

import pytest

from graphs.protocol.errors import ApiError
from graphs.protocol.json_body import decode


@pytest.mark.parametrize(
    "text",
    [
        '{"device": "a", "cpu": 1, "cpu": 2}',
        '{"device":"a","cpu":1,"cpu":1}',
        '{"device" : "a", "cpu" : 1, "cpu" : 2}',
        '[{"device": "a", "cpu": 1}, {"device": "b", "cpu": 1, "cpu": 2}]',
        '{"device": "a", "cpu": NaN, "cpu": 2}',
        '{"device": "a", "cpu": {"cpu": 1, "cpu": 2}}',
        '{"device": "a", "c\\u0070u": 1, "cpu": 2}',
    ],
)
def test_a_key_that_is_there_twice_is_refused_and_named(text: str) -> None:
    for body in (text, text.encode()):
        with pytest.raises(ApiError, match="must have each key once in an object") as refused:
            decode(body, 1000, is_of_events=True)
        assert (refused.value.status, refused.value.got) == (400, "cpu" if body != text else text)
        assert decode(body, 1000)  # As in a body of another kind.


@pytest.mark.parametrize(
    "text",
    [
        '{"device": "a", "cpu": 1}',
        '{"device" : "a" , "cpu"\\n: 1}'.replace("\\n", "\n"),
        '[{"device": "a", "cpu": 1}, {"device": "a", "cpu": 1}, 3, "x"]',
        '{"device": "a\\": b", "cpu": 1, "more": {"cpu": 1, "list": [{"cpu": 1}, {"cpu": 1}]}}',
        "[]",
        "{}",
    ],
)
def test_keys_of_other_objects_and_unusual_spaces_are_no_matter(text: str) -> None:
    assert decode(text.encode(), 1000, is_of_events=True) == decode(text.encode(), 1000)


def test_what_is_nested_too_deeply_for_a_look_is_left_to_the_check_of_the_event() -> None:
    deep = b'{"device": ' + b"[" * 1000 + b"]" * 1000 + b"}"
    assert decode(deep, 10_000, is_of_events=True)["device"]
