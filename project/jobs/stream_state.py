"""Whether the simulated network still streams while a step looks at what it has sent."""

from __future__ import annotations

from project.endpoints import endpoint_address
from project.errors import NetopsError
from project.function_names import GENERATOR
from project.http_json import get_json


def generator_address(project: str, generator: str = GENERATOR) -> str:
    """Address of the function that streams, or empty if it is not up.

    :param generator: its name; empty for none.
    """
    try:
        return endpoint_address(project, generator) if generator else ""
    except NetopsError:
        return ""


def goes_on(address: str) -> bool:
    """Whether more is to come of a stream.

    :param address: of the function that streams; empty for none.
    """
    return bool(address) and not get_json(address)["done"]
