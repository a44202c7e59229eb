"""What is compiled before the first event."""

from __future__ import annotations

import pytest

from feature_sets.windows import kernel
from feature_sets.windows.warm_up import warm_up


@pytest.mark.parametrize("name", ["take", "by_device"])
def test_the_first_list_of_a_process_waits_for_no_compilation(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called, compiled = [], getattr(kernel, name)

    class Noting:
        stats = compiled.stats

        def __call__(self, *given: object) -> object:
            called.append(name)
            return compiled(*given)

    monkeypatch.setattr(kernel, name, Noting())
    warm_up()
    assert called
