"""Streams of error flags whose rate does not change: independent, in runs, of devices that take turns."""

import numpy as np


def in_runs(n, rate, correlation, random):
    """A two-state chain: error flags of a given rate and lag-1 correlation, shape (n,)."""
    leave_error = (1 - rate) * (1 - correlation)
    leave_right = rate * (1 - correlation)
    state = random.random() < rate
    parts, length = [], 0
    while length < n:
        runs = random.geometric([leave_error, leave_right] if state else [leave_right, leave_error], (n, 2))
        values = np.tile([state, not state], n)
        parts.append(np.repeat(values, runs.ravel())[: n - length])
        length += len(parts[-1])
    return np.concatenate(parts).astype(int)


def taking_turns(n, rate, devices, random, correlation=0.9):
    """Labels of devices in a fixed order; the errors of each come in runs of its own labels."""
    ticks = -(-n // devices)
    return np.column_stack([in_runs(ticks, rate, correlation, random) for _ in range(devices)]).ravel()[:n]


def together(n, rate, devices, random, ticks=10, share=0.3):
    """Labels of devices in a fixed order; for some ticks a random part of all devices fails at once."""
    rows = -(-n // devices)
    wrong = np.zeros((rows, devices), dtype=int)
    for start in np.flatnonzero(random.random(rows) < rate / (ticks * share)):
        wrong[start : start + 1 + int(random.exponential(ticks)), random.random(devices) < share] = 1
    return wrong.ravel()[:n]


def dealt_out_again(errors, blocks, random):
    """The same errors with their blocks in another order."""
    parts = np.array_split(errors, blocks)
    return np.concatenate([parts[i] for i in random.permutation(blocks)])
