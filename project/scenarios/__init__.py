"""Scenarios of ``netops run --scenario``: a project's life in fast motion."""

AT_ONCE = "-at-once"
"""Ends the name of the project in which a month is ingested at once."""

ALONE = "-alone"
"""Ends the name of the project without features of neighbors."""
