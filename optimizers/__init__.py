"""Optimizers, as `jt.optimizers`."""

from . import schedules as schedules
from .adadelta import Adadelta as Adadelta
from .adagrad import Adagrad as Adagrad
from .adam import Adam as Adam
from .adamax import Adamax as Adamax
from .adamw import AdamW as AdamW
from .get import deserialize as deserialize
from .get import get as get
from .get import serialize as serialize
from .lion import Lion as Lion
from .nadam import Nadam as Nadam
from .optax import Optax as Optax
from .optimizer import Optimizer as Optimizer
from .rmsprop import RMSprop as RMSprop
from .sgd import SGD as SGD
