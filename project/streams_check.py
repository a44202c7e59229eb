"""Whether a job of a cluster sees the folder that the endpoint writes."""

from __future__ import annotations

from graphs.streams_volume import check_on_volume
from project.settings import Settings


def check_streams(settings: Settings) -> None:
    """Refuse a pod that has no volume at the folder of the labeled stream: the folder would look empty.

    With the profile local nothing is looked at.

    :raises InputError: see ``check_on_volume``.
    """
    if settings.profile != "local":
        check_on_volume("NETOPS_STREAMS", settings.labeled_streams)
