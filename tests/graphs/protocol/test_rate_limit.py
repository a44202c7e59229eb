import pytest

from graphs.protocol.errors import ApiError
from graphs.protocol.rate_limit import RateLimit


def taken(limit, caller, times):
    """How many of so many requests at once are taken."""
    count = 0
    for _ in range(times):
        try:
            limit.take(caller)
            count += 1
        except ApiError as error:
            assert error.status == 429
    return count


def test_a_second_s_requests_are_taken_at_once_and_each_caller_has_its_own():
    now = [0.0]
    limit = RateLimit(5, lambda: now[0])
    assert taken(limit, "a", 9) == 5
    assert taken(limit, "b", 9) == 5
    now[0] = 0.6  # Three have come back.
    assert taken(limit, "a", 9) == 3
    now[0] = 100.0  # No more than a second's worth is ever saved.
    assert taken(limit, "a", 9) == 5


@pytest.mark.parametrize(("per_second", "wait"), [(5, "1"), (0.1, "10"), (0.4, "3")])
def test_it_says_when_to_send_again(per_second, wait):
    now = [0.0]
    limit = RateLimit(per_second, lambda: now[0])
    taken(limit, "a", 9)
    with pytest.raises(ApiError, match=r"requests: must be at most .* a second of one token") as raised:
        limit.take("a")
    assert raised.value.headers == {"Retry-After": wait}
    now[0] = float(wait)
    limit.take("a")


def test_without_a_limit_everything_is_taken():
    assert taken(RateLimit(None), "a", 10_000) == 10_000
