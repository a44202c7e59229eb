"""A trained model of the small network, by the plain functions."""

from __future__ import annotations

from training.decision.threshold_rules import parse_threshold_rule
from training.packaging.fitted_model import fit_model
from training.search.search_metric import parse_search_metric
from training.search.search_space import plan_search
from training.search.successive_halving import SCORES


def fit(part, schema, family="logistic_regression", *, rule="max_f1", seed=0, candidates=None, **parameters):
    """Model of one configuration, or of the best of several."""
    plan = plan_search(candidates=candidates or [{"family": family, "parameters": parameters}])
    metric = parse_search_metric("max.average_precision", SCORES)
    return fit_model(part, schema, plan, metric, parse_threshold_rule(rule), seed=seed)
