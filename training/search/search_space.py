"""Which combinations of hyper-parameters a search tries: drawn at random, on a grid, or given."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feature_sets.checks import InputError
from training.job.defaults import COMBINATIONS, SEARCH
from training.job.parameter_rules import checked
from training.search.candidates import Candidate
from training.search.families import FAMILIES
from training.search.parameter_check import checked_by_library

GIVEN = "given"


@dataclass(frozen=True)
class Plan:
    """The combinations of one search.

    :param search: ``random``, ``grid`` or ``given``.
    :param candidates: all different, families in the order of ``FAMILIES``.
    :param possible: combinations that the families' search spaces have; those given, if they were.
    """

    search: str
    candidates: tuple[Candidate, ...]
    possible: int

    def __str__(self) -> str:
        """What is tried, in words."""
        count = len(self.candidates)
        if self.search == GIVEN:
            return f"{count} given combinations"
        if count == self.possible:
            return f"all {count} combinations of the grid"
        how = "drawn at random from" if self.search == "random" else "evenly spread over the grid of"
        return f"{count} combinations {how} {self.possible}"


def plan_search(
    search: object = SEARCH,
    combinations: object = COMBINATIONS,
    families: object = None,
    candidates: object = None,
    seed: int = 0,
) -> Plan:
    """Combinations to try, from the arguments of a handler.

    Combinations are shared out evenly among the families; one with a small search space leaves the rest to
    the others. ``random`` tries each family's defaults first and draws the others without repetition
    (Bergstra and Bengio 2012, "Random search for hyper-parameter optimization", JMLR 13). ``grid`` takes all,
    or as many as allowed, evenly spread over each family's grid.

    :param search: ``random`` or ``grid``.
    :param combinations: most combinations to try, at least 1.
    :param families: names to restrict the search to, as a list or as text with commas; none means all.
    :param candidates: instead of all of these, a list of ``{"family": ..., "parameters": {...}}``.
    :param seed: of the draw.
    :raises InputError: naming the argument that breaks its rule.
    """
    if candidates:
        given = tuple(_given(candidates))
        return Plan(GIVEN, given, len(given))
    how = checked("search", search)
    count = checked("combinations", combinations)
    names = _family_names(families)
    sizes = [math.prod(len(values) for values in FAMILIES[name].space.values()) for name in names]
    chosen: list[Candidate] = []
    for position, (name, share) in enumerate(zip(names, _shares(sizes, count), strict=True)):
        size = sizes[position]
        if how == "random":
            numbers = _draw(name, size, share, np.random.default_rng([seed, position]))
        else:
            numbers = [(2 * index + 1) * size // (2 * share) for index in range(share)]
        chosen += [Candidate(name, _combination(name, number)) for number in numbers]
    return Plan(how, tuple(chosen), sum(sizes))


def _given(candidates: object) -> list[Candidate]:
    rule = 'must be a list of {"family": ..., "parameters": {...}}, each different'
    if not isinstance(candidates, Sequence) or isinstance(candidates, str):
        raise InputError("argument 'candidates'", rule, candidates)
    given: list[Candidate] = []
    for entry in candidates:
        if not isinstance(entry, Mapping) or not {"family"} <= set(entry) <= {"family", "parameters"}:
            raise InputError("argument 'candidates'", rule, entry)
        parameters = entry.get("parameters") or {}
        if not isinstance(parameters, Mapping):
            raise InputError("argument 'candidates'", rule, entry)
        candidate = checked_by_library(Candidate(entry["family"], dict(parameters)))
        if any(candidate.settings == other.settings and candidate.family == other.family for other in given):
            raise InputError("argument 'candidates'", rule, entry)
        given.append(candidate)
    return given


def _family_names(families: object) -> list[str]:
    """Families in the order of the list."""
    if not families:
        return list(FAMILIES)
    wanted = [name.strip() for name in families.split(",")] if isinstance(families, str) else families
    if not isinstance(wanted, Sequence) or not all(name in FAMILIES for name in wanted):
        raise InputError("argument 'families'", f"must be among {', '.join(FAMILIES)}", families)
    return [name for name in FAMILIES if name in wanted]


def _shares(sizes: Sequence[int], count: int) -> list[int]:
    """How many combinations each family gets, one at a time in turn until it has no more."""
    shares = [0] * len(sizes)
    left = min(count, sum(sizes))
    while left:
        for position, size in enumerate(sizes):
            if left and shares[position] < size:
                shares[position] += 1
                left -= 1
    return shares


def _draw(name: str, size: int, share: int, random: np.random.Generator) -> list[int]:
    """Numbers of the defaults and of further combinations, all different."""
    family = FAMILIES[name]
    first = next(number for number in range(size) if _combination(name, number) == dict(family.defaults))
    others = [int(number) for number in random.permutation(size) if number != first]
    return [first, *others][:share]


def _combination(name: str, number: int) -> dict[str, Any]:
    """Combination of that number in a family's grid; the last parameter changes fastest."""
    values: dict[str, Any] = {}
    space = FAMILIES[name].space
    for parameter in reversed(list(space)):
        number, choice = divmod(number, len(space[parameter]))
        values[parameter] = space[parameter][choice]
    return {parameter: values[parameter] for parameter in space}
