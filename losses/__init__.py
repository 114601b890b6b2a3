"""Losses: what training makes small."""

from .binary_crossentropy import BinaryCrossentropy as BinaryCrossentropy
from .binary_crossentropy import binary_crossentropy as binary_crossentropy
from .categorical_crossentropy import CategoricalCrossentropy as CategoricalCrossentropy
from .categorical_crossentropy import (
    categorical_crossentropy as categorical_crossentropy,
)
from .function_loss import FunctionLoss as FunctionLoss
from .huber import Huber as Huber
from .huber import huber as huber
from .lookup import deserialize as deserialize
from .lookup import get as get
from .lookup import serialize as serialize
from .loss import Loss as Loss
from .mean_absolute_error import MAE as MAE
from .mean_absolute_error import MeanAbsoluteError as MeanAbsoluteError
from .mean_absolute_error import mae as mae
from .mean_absolute_error import mean_absolute_error as mean_absolute_error
from .mean_squared_error import MSE as MSE
from .mean_squared_error import MeanSquaredError as MeanSquaredError
from .mean_squared_error import mean_squared_error as mean_squared_error
from .mean_squared_error import mse as mse
from .sparse_categorical_crossentropy import (
    SparseCategoricalCrossentropy as SparseCategoricalCrossentropy,
)
from .sparse_categorical_crossentropy import (
    sparse_categorical_crossentropy as sparse_categorical_crossentropy,
)
