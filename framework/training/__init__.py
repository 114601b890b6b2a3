"""Training: metrics, data, callbacks, and what makes a model learn."""
