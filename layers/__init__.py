"""Layers, as `jt.layers`."""

from ..framework.input_layer import Input as Input
from ..framework.input_layer import InputLayer as InputLayer
from ..framework.layer import Layer as Layer
from .activation import Activation as Activation
from .add import Add as Add
from .batch_normalization import BatchNormalization as BatchNormalization
from .concatenate import Concatenate as Concatenate
from .dense import Dense as Dense
from .dropout import Dropout as Dropout
from .embedding import Embedding as Embedding
from .flatten import Flatten as Flatten
from .gru import GRU as GRU
from .layer_normalization import LayerNormalization as LayerNormalization
from .lstm import LSTM as LSTM
from .multi_head_attention import MultiHeadAttention as MultiHeadAttention
from .reshape import Reshape as Reshape
