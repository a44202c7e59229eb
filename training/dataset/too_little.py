"""Too little data to train on: no mistake of anybody, and another day there may be enough."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import mlrun

from feature_sets.checks import InputError

TOO_LITTLE = "too_little_data"
"""Result of a step that failed for that reason alone, which it holds in words."""


class TooLittleDataError(InputError):
    """Rows, errors or time are too few; more of them may do."""


@contextmanager
def telling_too_little(context: mlrun.MLClientCtx) -> Iterator[None]:
    """Log ``TOO_LITTLE`` if what is done fails for that reason."""
    try:
        yield
    except TooLittleDataError as error:
        context.log_result(TOO_LITTLE, str(error))
        raise
