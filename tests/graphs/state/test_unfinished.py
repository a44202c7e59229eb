"""What a start gives up."""

from graphs.protocol.request import Request
from graphs.protocol.routes import Kind
from graphs.state.unfinished import Held, Unfinished


def test_a_step_has_its_time_in_a_start_whatever_was_given_up_at_it_before():
    unfinished = Unfinished(lambda: 0.0, is_starting=True)
    known = Held(Request(Kind.TELEMETRY, entry=(1, 0)), "model", 0.0)
    unfinished.given_up.add((known.request.entry, "model"))
    unfinished.give_up(known, "respond", has_waited=False)
    assert not unfinished.is_over("model")
    unfinished.give_up(Held(Request(Kind.TELEMETRY, entry=(2, 0)), "model", 0.0), "respond")
    assert unfinished.is_over("model") and not unfinished.is_over("respond")
