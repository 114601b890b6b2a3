"""Training: what `fit`, `evaluate` and `predict` are made of."""

from .trainer import Trainer as Trainer
