"""Where batches come from: arrays, datasets, generators, loaders of other libraries."""

from .array_source import ArraySource as ArraySource
from .finding import find_source as find_source
from .source import Source as Source
