"""Optimizers, as `jt.optimizers`."""

from .adam import Adam as Adam
from .get import get as get
from .optax import Optax as Optax
from .optimizer import Optimizer as Optimizer
from .sgd import SGD as SGD
