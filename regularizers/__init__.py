"""Regularizers: penalties that keep weights small or sparse."""

from .l1 import L1 as L1
from .l1 import l1 as l1
from .l1_l2 import L1L2 as L1L2
from .l1_l2 import l1_l2 as l1_l2
from .l2 import L2 as L2
from .l2 import l2 as l2
from .lookup import deserialize as deserialize
from .lookup import get as get
from .lookup import serialize as serialize
from .regularizer import Regularizer as Regularizer
