"""The fake devices of the simulated network: their names, their places, what they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_NAME_STARTS = ("Hal", "Bor", "Vel", "Quin", "Tor", "Mar", "Syl", "Fen", "Gar", "Ost", "Lin", "Rav")
_NAME_ENDS = ("den", "vik", "mont", "stad", "bury", "ford", "mere", "holm", "dale", "wick", "gate", "ham")
_TRADES = ("Telecom", "Networks", "Carrier", "Fibre", "Link", "Wireless")
_SITES = (
    ("Norway", "osl"),
    ("Portugal", "lis"),
    ("Canada", "tor"),
    ("Japan", "kix"),
    ("Kenya", "nbo"),
    ("Chile", "scl"),
)
_MODELS = ("edge-200", "edge-400", "core-10", "core-20", "access-8")


@dataclass(frozen=True)
class StaticDevice:
    """One fake device.

    :param path: names of its deployment levels (company, data center, device), outermost first.
    :param model: hardware model; devices of one model share a part of their level.
    :param model_index: number of the model, from 0.
    :param country: of its data center.
    """

    path: tuple[str, str, str]
    model: str
    model_index: int
    country: str


MODEL_COUNT = len(_MODELS)
COMPANY_LIMIT = len(_NAME_STARTS) * len(_NAME_ENDS)


def static_devices(devices: int, companies: int, data_centers: int, seed: int) -> list[StaticDevice]:
    """Fake devices, spread in turn over the data centers of the companies.

    The first n devices do not depend on how many follow. Names are unique and hold no slash.

    :param devices: how many devices.
    :param companies: how many companies, at most ``COMPANY_LIMIT``.
    :param data_centers: how many data centers each company has.
    :param seed: same seed, same devices.
    """
    rng = np.random.default_rng([seed, 0])
    pairs = rng.permutation(COMPANY_LIMIT)[:companies]
    names = [
        f"{_NAME_STARTS[pair // len(_NAME_ENDS)]}{_NAME_ENDS[pair % len(_NAME_ENDS)]}_"
        f"{_TRADES[rng.integers(len(_TRADES))]}"
        for pair in pairs
    ]
    sites = rng.integers(len(_SITES), size=(companies, data_centers))
    models = np.random.default_rng([seed, 1]).integers(len(_MODELS), size=devices)
    result = []
    for number in range(devices):
        company = number % companies
        data_center = (number // companies) % data_centers
        country, city = _SITES[sites[company, data_center]]
        path = (names[company], f"{city}-{data_center + 1}", f"dev-{number:05d}")
        result.append(StaticDevice(path, _MODELS[models[number]], int(models[number]), country))
    return result
