"""Layers, as `jt.layers`."""

from ..framework.input_layer import Input as Input
from ..framework.input_layer import InputLayer as InputLayer
from ..framework.layer import Layer as Layer
from .activation import Activation as Activation
from .dense import Dense as Dense
from .dropout import Dropout as Dropout
from .flatten import Flatten as Flatten
