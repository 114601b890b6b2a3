"""Callbacks: what watches a training, one class a file."""

from .callback import Callback as Callback
from .callback_list import CallbackList as CallbackList
from .early_stopping import EarlyStopping as EarlyStopping
from .history import History as History
from .lambda_callback import LambdaCallback as LambdaCallback
