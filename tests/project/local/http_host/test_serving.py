"""Events that have arrived by the time one is answered are answered together."""

from __future__ import annotations

import asyncio
from functools import partial
from types import SimpleNamespace

import pytest

from feature_sets.checks import InputError
from graphs.together import ATTRIBUTE
from project.local.http_host import serving
from project.local.http_host.app import HostApp
from project.local.http_host.pending_request import PendingRequest, UnreadableError, asked_of
from project.local.http_host.serving import ServingFunction
from tests.project.local.http_host.support import nuclio_function, receiver


class Sent(int):
    """An event that is a number."""

    size, path = 100, "/telemetry"

    def __new__(cls, number, method="POST"):
        made = super().__new__(cls, number)
        made.method = method
        return made


class Together:
    """Has every event answered by itself, and notes which came together.

    :param most: waiting at most.
    """

    def __init__(self, most=1000):
        self.seen, self.most = [], most

    def __call__(self, events, alone, tell):
        self.seen.append(list(events))
        if 0 in events and len(events) == 2:
            raise ZeroDivisionError("once")
        for place, event in enumerate(events):
            tell(place, alone(event))

    def refusal(self, method, path, waiting, size, named):
        assert size == 100 * waiting
        return "refused" if waiting >= self.most else None

    def is_urgent(self, method, path):
        return method == "GET"


def function(together=None):
    """A function whose graph answers an event with itself, twice."""
    server = SimpleNamespace() if together is None else SimpleNamespace(**{ATTRIBUTE: together})
    context = SimpleNamespace(mlrun_handler=lambda context, event: event * 2, _server=server)
    served = ServingFunction(context, None)
    return lambda number, method="POST": served(Sent(number, method))


def test_what_arrived_together_is_answered_together():
    together = Together()

    async def run():
        served = function(together)
        assert await served(7) == 14 and together.seen == [[7]]
        assert await asyncio.gather(*map(served, range(5))) == [0, 2, 4, 6, 8]
        late = asyncio.gather(served(1), served(2))
        await asyncio.sleep(0)
        await asyncio.gather(late, served(3))

    asyncio.run(run())
    assert together.seen == [[7], [0, 1, 2, 3, 4], [1, 2], [3]]


def test_a_body_is_read_when_its_turn_comes_and_one_that_cannot_be_harms_no_other():
    together, read, answers = Together(), [], {}
    context = SimpleNamespace(
        mlrun_handler=lambda context, event: event * 2, _server=SimpleNamespace(**{ATTRIBUTE: together})
    )

    def made(number):
        read.append(number)
        if number == 2:
            raise InputError("body", "must be JSON", "x")
        return number

    async def run():
        served = ServingFunction(context, None)
        for number in (1, 2, 3):
            asked = PendingRequest("POST", "/telemetry", 100, str, partial(made, number))
            served.take(asked, partial(answers.__setitem__, number))
        assert not read and not answers
        await asyncio.sleep(0)

    asyncio.run(run())
    assert together.seen == [[1, 3]] and (answers[1], answers[3]) == (2, 6)
    assert isinstance(answers[2], UnreadableError) and answers[2].error.rule == "must be JSON"


class Broken(Exception):
    """Nobody has thought of it."""


def asked(number):
    """A request whose event is its number; that of 2 cannot be made."""

    def made():
        if number == 2:
            raise Broken("body")
        return number

    return PendingRequest("POST", "/telemetry", 100, str, made)


def test_a_request_whose_event_cannot_be_made_is_told_so_and_the_others_have_their_answers(monkeypatch):
    monkeypatch.setattr(serving, "_TURN_REFUSALS", 1)
    together, answers = Together(most=4), {}
    context = SimpleNamespace(
        mlrun_handler=lambda context, event: event * 2, _server=SimpleNamespace(**{ATTRIBUTE: together})
    )

    async def run():
        served = ServingFunction(context, None)
        for number in (1, 2, 3, 4):
            served.take(asked(number), partial(answers.__setitem__, number))
        # Of another connection: it is refused, and has those that wait answered at once.
        assert served.refusal("POST", "/telemetry", lambda: "one") == "refused"

    asyncio.run(run())
    assert together.seen == [[1, 3, 4]] and isinstance(answers.pop(2), Broken)
    assert answers == {1: 2, 3: 6, 4: 8}


def test_what_cannot_be_told_to_one_is_logged_and_harms_no_other():
    said, answers = [], {}

    class Failing(Together):
        def __call__(self, events, alone, tell):
            raise ZeroDivisionError("once")

    def told(number, output):
        if number in (1, 2):
            raise OSError("the connection is broken")
        answers[number] = output

    context = SimpleNamespace(
        mlrun_handler=None,
        logger=SimpleNamespace(error=said.append),
        _server=SimpleNamespace(**{ATTRIBUTE: Failing()}),
    )

    async def run():
        served = ServingFunction(context, None)
        for number in (1, 2, 3):
            served.take(asked(number), partial(told, number))
        await asyncio.sleep(0)

    asyncio.run(run())
    assert isinstance(answers[3], ZeroDivisionError)
    assert said == ["an answer could not be sent: OSError: the connection is broken"] * 2


@pytest.mark.parametrize(
    "served",
    [ServingFunction(SimpleNamespace(mlrun_handler=None), None), nuclio_function(lambda *_: None)],
)
def test_the_same_of_a_function_that_answers_one_by_one(served):
    answers = []
    served.take(asked(2), answers.append)
    assert isinstance(answers[0], Broken)


def test_a_failure_is_that_of_each_and_a_client_that_left_harms_nobody():
    async def run():
        served = function(Together())
        failed = await asyncio.gather(served(0), served(1), return_exceptions=True)
        assert [type(error) for error in failed] == [ZeroDivisionError] * 2
        gone, stays = asyncio.ensure_future(served(1)), asyncio.ensure_future(served(2))
        await asyncio.sleep(0)
        gone.cancel()
        assert await stays == 4

    asyncio.run(run())


def test_a_failure_of_one_is_not_that_of_those_it_arrived_with():
    class Failing(Together):
        def __call__(self, events, alone, tell):
            for place, event in enumerate(events):
                tell(place, ValueError("once") if event == 1 else alone(event))

    async def run():
        sent = [asyncio.ensure_future(one) for one in map(function(Failing()), range(3))]
        await asyncio.wait(sent)
        assert [type(one.exception()) for one in sent] == [type(None), ValueError, type(None)]

    asyncio.run(run())


def test_what_fails_after_some_are_answered_is_told_to_the_others_only():
    class Failing(Together):
        def __call__(self, events, alone, tell):
            tell(1, "second")
            raise ZeroDivisionError("once")

    async def run():
        found = await asyncio.gather(*map(function(Failing()), range(1, 4)), return_exceptions=True)
        assert [getattr(type(one), "__name__", one) for one in found] == [
            "ZeroDivisionError",
            "str",
            "ZeroDivisionError",
        ]

    asyncio.run(run())


def test_what_is_more_than_a_turn_waits_and_what_is_more_than_the_bound_is_refused(monkeypatch):
    monkeypatch.setattr(serving, "_TURN_REQUESTS", 3)
    together = Together(most=7)

    async def run():
        served = function(together)
        answers = await asyncio.gather(*map(served, range(1, 10)))
        assert answers == [2, 4, 6, 8, 10, 12, 14, "refused", "refused"]
        assert await asyncio.gather(*map(served, range(1, 8))) == [2, 4, 6, 8, 10, 12, 14]  # There is room.

    asyncio.run(run())
    assert together.seen == [[1, 2, 3], [4, 5, 6], [7], [1, 2, 3], [4, 5, 6], [7]]


def test_what_waits_is_answered_however_much_is_refused_in_one_turn_of_the_event_loop(monkeypatch):
    monkeypatch.setattr(serving, "_TURN_REQUESTS", 3)
    monkeypatch.setattr(serving, "_TURN_REFUSALS", 10)
    together, told = Together(most=7), []
    context = SimpleNamespace(
        mlrun_handler=lambda context, event: event, _server=SimpleNamespace(**{ATTRIBUTE: together})
    )

    async def run():
        served = ServingFunction(context, None)

        def come(numbers):  # As the protocol has it: a refusal by the head.
            for number in numbers:
                if served.refusal("POST", "/telemetry", lambda: "one") is None:
                    served.take(asked_of(Sent(number)), told.append)

        come(range(1, 8))
        come(range(100, 109))
        assert together.seen == []
        come([109])  # The tenth that is refused.
        assert together.seen == [[1, 2, 3]] and told == [1, 2, 3]
        come(range(110, 123))
        assert together.seen == [[1, 2, 3], [4, 5, 6]]
        while told[-1] != 112:  # The last that there was room for.
            turns = len(together.seen)
            await asyncio.sleep(0)
            assert len(together.seen) == turns + 1  # None is made that was meant to be before.

    asyncio.run(run())
    assert told == [*range(1, 8), 110, 111, 112]


def test_what_is_urgent_is_answered_before_what_waits(monkeypatch):
    monkeypatch.setattr(serving, "_TURN_REQUESTS", 3)
    together, told = Together(), []

    async def run():
        served = function(together)

        async def ask(number, method):
            told.append(await served(number, method) // 2)

        data = [asyncio.ensure_future(ask(number, "POST")) for number in range(1, 8)]
        probes = [asyncio.ensure_future(ask(number, "GET")) for number in range(20, 25)]
        await asyncio.gather(*data, *probes)

    asyncio.run(run())
    # As many of either in a turn: probes without an end do not keep data from being answered.
    assert together.seen == [[20, 21, 22, 1, 2, 3], [23, 24, 4, 5, 6], [7]]
    assert told.index(24) < told.index(7)


def test_large_bodies_make_a_turn_of_their_own(monkeypatch):
    monkeypatch.setattr(serving, "_TURN_BYTES", 150)
    together = Together()

    async def run():
        assert await asyncio.gather(*map(function(together), range(1, 5))) == [2, 4, 6, 8]

    asyncio.run(run())
    assert together.seen == [[1, 2], [3, 4]]


def test_a_refused_request_is_answered_before_its_body_is_read():
    receive, sent = receiver(b"a body"), []

    async def send(message):
        sent.append(message)

    full = SimpleNamespace(refusal=lambda method, path, named: {"refused": [method, path]})
    scope = {"type": "http", "method": "POST", "path": "/telemetry", "headers": [], "query_string": b""}
    asyncio.run(HostApp(full)(scope, receive, send))
    assert sent[1]["body"] == b'{"refused":["POST","/telemetry"]}' and not receive.taken


@pytest.mark.parametrize("answer", [lambda event: event, lambda event: asyncio.sleep(0, event)])
def test_a_graph_that_knows_nothing_of_it_is_asked_one_by_one(answer):
    served = ServingFunction(SimpleNamespace(mlrun_handler=lambda context, event: answer(event)), None)
    assert asyncio.run(served(3)) == 3
