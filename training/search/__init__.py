"""The search over models and hyper-parameters, on folds that respect time."""
