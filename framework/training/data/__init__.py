"""Where batches come from: arrays, datasets, generators, loaders of other libraries."""

from .array_source import ArraySource as ArraySource
from .array_source import take_rows as take_rows
from .batch import require_labels as require_labels
from .batch import unpack_x_y_sample_weight as unpack_x_y_sample_weight
from .categories import to_categorical as to_categorical
from .finding import find_source as find_source
from .normalizing import normalize as normalize
from .padding import pad_sequences as pad_sequences
from .py_dataset import PyDataset as PyDataset
from .source import Source as Source
from .splitting import split_dataset as split_dataset
from .splitting import split_validation as split_validation
