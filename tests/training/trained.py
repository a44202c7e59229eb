"""A trained model of the small network, by the plain functions."""

from __future__ import annotations

from training.fitted_model import fit_model
from training.search_space import plan_search
from training.selector import parse_selector
from training.successive_halving import SCORES
from training.threshold_rules import parse_rule


def fit(part, schema, family="logistic_regression", *, rule="max_f1", seed=0, candidates=None, **parameters):
    """Model of one configuration, or of the best of several."""
    plan = plan_search(candidates=candidates or [{"family": family, "parameters": parameters}])
    selector = parse_selector("max.average_precision", SCORES)
    return fit_model(part, schema, plan, selector, parse_rule(rule), seed=seed)
