"""How good a model is on later rows, beside what needs no model."""
