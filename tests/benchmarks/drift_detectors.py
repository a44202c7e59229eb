"""Recall, delay and false alarms of drift detectors, beside one that always alarms and one that never does.

Run with ``python -m tests.benchmarks.drift_detectors``: writes ``docs/drift_benchmark.md`` in some minutes.
With ``--seed`` it prints what comes of streams that are drawn anew, and writes nothing.
Every detector has the defaults of its class. A change counts as found if an alarm comes within 2,500 labels;
every other alarm is a false one. The one that always alarms does so at each label. Some changes of concept do
not touch the errors of a learner: an alarm after such a one is luck, so those that show are counted apart.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from river import drift as river_drift
from river.drift import binary as river_binary

from drift.detectors.likelihood_ratio import LikelihoodRatio
from drift.detectors.registry import DETECTORS
from tests.benchmarks.drift_streams import ErrorStream, learned, rate_streams, recipes
from tests.benchmarks.varied_streams import kept_aside, varied

PAGE = Path(__file__).resolve().parents[2] / "docs" / "drift_benchmark.md"
LABELS = 40_000
WITHIN = 2_500
SHOWS_IN = (50, 100, 200, 400, 800, 1_600)
"""Labels after a change of which one stretch must be unlike the 5,000 before it, or it does not show."""
STANDARD_ERRORS = 4.0
_BEFORE, _EVERY = 5_000, 50
ALWAYS, NEVER = "always", "never"
SLOW = "river.kswin"
"""Sees every fifth of the made streams only: a label costs it a hundred times as much as the others."""


RIVER: dict[str, Callable[[], Any]] = {
    "river PageHinkley": river_drift.PageHinkley,
    "river ADWIN": river_drift.ADWIN,
    "river HDDM_A": river_binary.HDDM_A,
    "river DDM": river_binary.DDM,
}
"""As river has them, without a wrapper: what the streams that are kept aside are measured with."""


@dataclass
class Score:
    """What one detector made of one group of streams."""

    changes: int = 0
    found: int = 0
    showing: int = 0
    showing_found: int = 0
    delays: list[int] = field(default_factory=list)
    false_alarms: int = 0
    labels: int = 0

    def add(self, alarms: Sequence[int], stream: ErrorStream) -> None:
        """Count the alarms of one stream."""
        self.labels += len(stream.errors)
        self.changes += len(stream.changes)
        true = 0
        for change in stream.changes:
            after = [at for at in alarms if change <= at < change + WITHIN]
            true += len(after)
            is_showing = shows(stream.errors, change)
            self.showing += is_showing
            self.showing_found += is_showing and bool(after)
            if after:
                self.found += 1
                self.delays.append(after[0] - change)
        self.false_alarms += len(alarms) - true

    def cells(self) -> list[str]:
        """Recall, also of changes that show, mean delay, false alarms per 10,000 labels."""
        recall = f"{self.found} of {self.changes}" if self.changes else "-"
        showing = f"{self.showing_found} of {self.showing}" if self.changes else "-"
        delay = f"{sum(self.delays) / len(self.delays):,.0f}" if self.delays else "-"
        return [recall, showing, delay, f"{self.false_alarms / self.labels * 10_000:,.2f}"]


def shows(errors: Sequence[int], change: int) -> bool:
    """Whether the error rate of some labels soon after a change is unlike that of those before it.

    >>> shows([0, 1] * 2_500 + [0, 0, 0, 1] * 625, 5_000), shows([0, 1] * 3_750, 5_000)
    (True, False)

    :param errors: flags, shape (n,).
    :param change: its first label.
    """
    sums = np.concatenate([[0], np.cumsum(errors)])
    m = min(_BEFORE, change)
    before = (sums[change] - sums[change - m]) / m
    for w in SHOWS_IN:
        firsts = np.arange(change, min(change + WITHIN, len(errors)) - w + 1, _EVERY)
        newest = (sums[firsts + w] - sums[firsts]) / w
        pooled = (newest * w + before * m) / (w + m)
        error = np.sqrt(pooled * (1 - pooled) * (1 / w + 1 / m))
        if np.any(np.abs(newest - before) >= STANDARD_ERRORS * np.maximum(error, 1e-9)):
            return True
    return False


def alarms_of(name: str, errors: Sequence[int]) -> list[int]:
    """Labels at which a detector, by name, finds drift."""
    if name in (ALWAYS, NEVER):
        return list(range(len(errors))) if name == ALWAYS else []
    detector: Any = RIVER[name]() if name in RIVER else DETECTORS[name]()
    found = []
    for i, x in enumerate(errors):
        detector.update(x)
        if detector.drift_detected:
            found.append(i)
    return found


def measure(streams: Iterable[ErrorStream], names: Sequence[str]) -> dict[str, dict[str, Score]]:
    """Scores: group of streams -> detector -> score."""
    scores: dict[str, dict[str, Score]] = defaultdict(lambda: defaultdict(Score))
    for number, stream in enumerate(streams):
        print(number, stream.group, file=sys.stderr, flush=True)
        for name in names:
            if name != SLOW or (number % 5 == 0 and not stream.group.startswith("learner")):
                scores[stream.group][name].add(alarms_of(name, stream.errors), stream)
    return {group: dict(each) for group, each in scores.items()}


def page(scores: Mapping[str, Mapping[str, Score]]) -> str:
    """The page of the documentation: all groups together first, then each."""
    lines = [
        "<!-- generated by python -m tests.benchmarks.drift_detectors; do not edit -->",
        "",
        "# Drift detectors, measured",
        "",
        f"A change is found if an alarm comes within {WITHIN:,} labels of it. Every other alarm is a false",
        "one. `always` alarms at every label, `never` at none: no figure means much without them. Detectors",
        "have the defaults of their class and no base. The learners are river's, on its generators SEA,",
        f"Agrawal, Sine, Mixed and STAGGER, {LABELS:,} labels each, and are never reset. Some changes make",
        "them better, and some hardly touch their errors. A change shows if the error rate of",
        f"{SHOWS_IN[0]} to {SHOWS_IN[-1]:,} labels soon after it is {STANDARD_ERRORS:.0f} standard errors",
        f"from that of the {_BEFORE:,} before it. To find another is luck. The other streams have",
        f"{LABELS // 2:,} labels. `river.kswin` is slow and sees a fifth of those only. The learners",
        "were tuned on. The varied ones are others: 11 generators, 8 learners, some fitted once and",
        "taught no more, beside river's own detectors. GLR was scored on them four times on its way,",
        "and a fifth time, unchanged, when changes that show were counted.",
    ]
    kinds = ("learner", "varied learner", "stationary", "abrupt rise", "gradual rise", "seasonal")
    for kind in kinds:
        groups = {group: each for group, each in scores.items() if group.startswith(kind)}
        if groups:
            together = _together(groups)
            lines += ["", f"## {_title(kind)}", "", *_table(together)]
        if groups and kind.endswith("learner"):
            lines += ["", *_why_the_default(together)]
    for group, each in scores.items():
        lines += ["", f"### {group[0].upper()}{group[1:]}", "", *_table(each)]
    return "\n".join(lines) + "\n"


def _why_the_default(scores: Mapping[str, Score]) -> list[str]:
    """What the default finds beside those that find more, or alarm falsely less."""
    default = scores[LikelihoodRatio.name]
    more = [n for n, score in scores.items() if score.found > default.found and n != ALWAYS]
    fewer = [n for n, score in scores.items() if score.false_alarms < default.false_alarms and n != NEVER]
    found = f"{default.found} of {default.changes} with {default.false_alarms} false alarms"
    shown = f"Of the {default.showing} that show it finds {default.showing_found}."
    lines = [f"GLR, the default, finds {found}. {shown}"]
    for names, what in ((more, "Those that find more"), (fewer, "Those with fewer false alarms")):
        each = ", ".join(f"`{n}` {scores[n].found} with {scores[n].false_alarms:,}" for n in names)
        lines.append(f"{what}: {each or 'none'}.")
    return lines


def _title(kind: str) -> str:
    of_learners = {
        "learner": "Learners that are never reset",
        "varied learner": "Varied learners, kept aside",
    }
    return of_learners.get(kind, f"{kind[0].upper()}{kind[1:]}, all together")


def _together(groups: Mapping[str, Mapping[str, Score]]) -> dict[str, Score]:
    total: dict[str, Score] = defaultdict(Score)
    for each in groups.values():
        for name, score in each.items():
            total[name].changes += score.changes
            total[name].found += score.found
            total[name].showing += score.showing
            total[name].showing_found += score.showing_found
            total[name].delays += score.delays
            total[name].false_alarms += score.false_alarms
            total[name].labels += score.labels
    return dict(total)


def _table(scores: Mapping[str, Score]) -> list[str]:
    head = [
        "| detector | found | of those that show | mean delay, labels | false alarms per 10,000 labels |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    return head + [f"| `{name}` | {' | '.join(score.cells())} |" for name, score in scores.items()]


def write_page(scores: Mapping[str, Mapping[str, Score]]) -> None:
    """Write the page of the documentation."""
    PAGE.write_text(page(scores), encoding="utf-8")


def drawn_anew(seed: int) -> str:
    """What GLR and river's detectors make of 26 streams of learners and 60 varied ones of a seed.

    Nothing was tuned on a seed that nobody has run before.
    """
    streams = chain(
        (learned(recipe, LABELS) for recipe in recipes(seed)),
        (varied(recipe, LABELS) for recipe in kept_aside([(seed, 60)])),
    )
    return "\n".join(_table(_together(measure(streams, [LikelihoodRatio.name, *RIVER]))))


def main() -> None:
    """Measure everything and write the page; or print what comes of streams that are drawn anew."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.drift_detectors", description=__doc__)
    parser.add_argument("--seed", type=int, help="of streams of learners that are drawn anew")
    asked = parser.parse_args()
    if asked.seed is not None:
        print(drawn_anew(asked.seed))
        return
    names = [*DETECTORS, ALWAYS, NEVER]
    with ProcessPoolExecutor(2) as pool:
        made = pool.submit(measure, list(rate_streams(LABELS // 2, 2)), names)
        learners = measure((learned(recipe, LABELS) for recipe in recipes(5)), names)
        others = measure((varied(recipe, LABELS) for recipe in kept_aside()), ["glr", *RIVER, ALWAYS, NEVER])
        write_page(dict(sorted(learners.items())) | dict(sorted(others.items())) | made.result())


if __name__ == "__main__":
    main()
