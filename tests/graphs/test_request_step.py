"""The steps of a graph are looked up once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from graphs.protocol.request import Request
from graphs.protocol.routes import Kind
from graphs.request_step import RequestStep, asking, steps_of
from graphs.state.journal import JournalEvent


class Asking(RequestStep):
    """Asks the history."""

    def asked(self, request: Request) -> Iterator[tuple[Kind, Sequence[JournalEvent]]]:
        """Nothing of it."""
        return iter(())


class Steps(dict[str, Any]):
    """Steps of a graph that count how often they are looked through."""

    looked = 0

    def values(self) -> Any:
        """The steps."""
        self.looked += 1
        return super().values()


def graph_of(*steps: Any) -> Any:
    made = {str(place): SimpleNamespace(async_object=step) for place, step in enumerate(steps)}
    return SimpleNamespace(steps=Steps(made))


def test_steps_are_looked_up_once_for_each_graph() -> None:
    one, other = RequestStep(), Asking()
    context = SimpleNamespace(root=graph_of(one, object(), other))
    assert steps_of(context) == steps_of(context) == [one, other]
    assert context.root.steps.looked == 1
    context.root = graph_of(other)
    assert steps_of(context) == [other]


def test_only_steps_that_ask_the_history_are_asked() -> None:
    steps = [RequestStep(), Asking(), RequestStep()]
    assert asking(steps) == [steps[1]]
