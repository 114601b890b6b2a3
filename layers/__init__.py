"""Layers, as `jt.layers`."""

from ..framework.layer import Layer as Layer
from .activation import Activation as Activation
from .convolution import Conv1D as Conv1D
from .convolution import Conv2D as Conv2D
from .dense import Dense as Dense
from .dropout import Dropout as Dropout
from .flatten import Flatten as Flatten
from .global_pooling import GlobalAveragePooling1D as GlobalAveragePooling1D
from .global_pooling import GlobalAveragePooling2D as GlobalAveragePooling2D
from .global_pooling import GlobalAvgPool1D as GlobalAvgPool1D
from .global_pooling import GlobalAvgPool2D as GlobalAvgPool2D
from .global_pooling import GlobalMaxPool1D as GlobalMaxPool1D
from .global_pooling import GlobalMaxPool2D as GlobalMaxPool2D
from .global_pooling import GlobalMaxPooling1D as GlobalMaxPooling1D
from .global_pooling import GlobalMaxPooling2D as GlobalMaxPooling2D
from .input import Input as Input
from .input import InputLayer as InputLayer
from .pooling import AveragePooling1D as AveragePooling1D
from .pooling import AveragePooling2D as AveragePooling2D
from .pooling import AvgPool1D as AvgPool1D
from .pooling import AvgPool2D as AvgPool2D
from .pooling import MaxPool1D as MaxPool1D
from .pooling import MaxPool2D as MaxPool2D
from .pooling import MaxPooling1D as MaxPooling1D
from .pooling import MaxPooling2D as MaxPooling2D
