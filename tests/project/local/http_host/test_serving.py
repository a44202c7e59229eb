"""Events that have arrived by the time one is answered are answered together."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from graphs.together import ATTRIBUTE
from project.local.http_host.serving import ServingFunction


def function(together=None):
    """A function whose graph answers an event with itself, twice."""
    server = SimpleNamespace() if together is None else SimpleNamespace(**{ATTRIBUTE: together})
    context = SimpleNamespace(mlrun_handler=lambda context, event: event * 2, _server=server)
    return ServingFunction(context, None)


def test_what_arrived_together_is_answered_together_and_a_lone_one_by_itself():
    seen = []

    def together(events, alone):
        seen.append(list(events))
        return [alone(event) for event in events]

    async def run():
        served = function(together)
        assert await served(7) == 14 and seen == []
        assert await asyncio.gather(*map(served, range(5))) == [0, 2, 4, 6, 8]
        late = asyncio.gather(served(1), served(2))
        await asyncio.sleep(0)
        await asyncio.gather(late, served(3))

    asyncio.run(run())
    assert seen == [[0, 1, 2, 3, 4], [1, 2]]


def test_a_failure_is_that_of_each_and_a_client_that_left_harms_nobody():
    def together(events, alone):
        if 0 in events:
            raise ZeroDivisionError("once")
        return [alone(event) for event in events]

    async def run():
        served = function(together)
        failed = await asyncio.gather(served(0), served(1), return_exceptions=True)
        assert [type(error) for error in failed] == [ZeroDivisionError] * 2
        gone, stays = asyncio.ensure_future(served(1)), asyncio.ensure_future(served(2))
        await asyncio.sleep(0)
        gone.cancel()
        assert await stays == 4

    asyncio.run(run())


@pytest.mark.parametrize("answer", [lambda event: event, lambda event: asyncio.sleep(0, event)])
def test_a_graph_that_knows_nothing_of_it_is_asked_one_by_one(answer):
    served = ServingFunction(SimpleNamespace(mlrun_handler=lambda context, event: answer(event)), None)
    assert asyncio.run(served(3)) == 3
