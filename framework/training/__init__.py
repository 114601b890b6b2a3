"""Training: what `fit`, `evaluate` and `predict` are made of."""
