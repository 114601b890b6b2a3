"""Weights and models on disk; the functions behind `Model.save` and `jt.load_model`."""

from .saved_model import load_model as load_model
from .saved_model import save_model as save_model
from .weights import load_weights as load_weights
from .weights import save_weights as save_weights
