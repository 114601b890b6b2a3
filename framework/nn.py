"""`jt.nn`: TensorFlow's functions for networks, and the rest of `jax.nn`.

What TensorFlow has under a name has its conventions; every other name of `jax.nn` is
lifted on first use.
"""

import jax

from .math import l2_normalize as l2_normalize
from .math import log_sigmoid as log_sigmoid
from .math import sigmoid as sigmoid
from .math import tanh as tanh
from .math import top_k as top_k
from .mirror import mirror
from .neural import crossentropy as _crossentropy
from .neural.activations import crelu as crelu
from .neural.activations import elu as elu
from .neural.activations import gelu as gelu
from .neural.activations import leaky_relu as leaky_relu
from .neural.activations import log_softmax as log_softmax
from .neural.activations import relu as relu
from .neural.activations import relu6 as relu6
from .neural.activations import selu as selu
from .neural.activations import silu as silu
from .neural.activations import softmax as softmax
from .neural.activations import softplus as softplus
from .neural.activations import softsign as softsign
from .neural.activations import swish as swish
from .neural.convolution import atrous_conv2d as atrous_conv2d
from .neural.convolution import conv1d as conv1d
from .neural.convolution import conv2d as conv2d
from .neural.convolution import conv3d as conv3d
from .neural.convolution import convolution as convolution
from .neural.convolution import depthwise_conv2d as depthwise_conv2d
from .neural.convolution import separable_conv2d as separable_conv2d
from .neural.crossentropy import l2_loss as l2_loss
from .neural.crossentropy import log_poisson_loss as log_poisson_loss
from .neural.crossentropy import (
    sigmoid_cross_entropy_with_logits as sigmoid_cross_entropy_with_logits,
)
from .neural.crossentropy import (
    softmax_cross_entropy_with_logits as softmax_cross_entropy_with_logits,
)
from .neural.crossentropy import (
    weighted_cross_entropy_with_logits as weighted_cross_entropy_with_logits,
)
from .neural.dropping import dropout as dropout
from .neural.embedding import embedding_lookup as embedding_lookup
from .neural.pooling import avg_pool as avg_pool
from .neural.pooling import avg_pool1d as avg_pool1d
from .neural.pooling import avg_pool2d as avg_pool2d
from .neural.pooling import avg_pool3d as avg_pool3d
from .neural.pooling import max_pool as max_pool
from .neural.pooling import max_pool1d as max_pool1d
from .neural.pooling import max_pool2d as max_pool2d
from .neural.pooling import max_pool3d as max_pool3d
from .neural.pooling import max_pool_with_argmax as max_pool_with_argmax
from .neural.pooling import pool as pool
from .neural.statistics import batch_normalization as batch_normalization
from .neural.statistics import bias_add as bias_add
from .neural.statistics import compute_average_loss as compute_average_loss
from .neural.statistics import (
    local_response_normalization as local_response_normalization,
)
from .neural.statistics import lrn as lrn
from .neural.statistics import moments as moments
from .neural.statistics import normalize_moments as normalize_moments
from .neural.statistics import sufficient_statistics as sufficient_statistics
from .neural.statistics import weighted_moments as weighted_moments
from .neural.transposed_convolution import conv1d_transpose as conv1d_transpose
from .neural.transposed_convolution import conv2d_transpose as conv2d_transpose
from .neural.transposed_convolution import conv3d_transpose as conv3d_transpose
from .neural.transposed_convolution import conv_transpose as conv_transpose
from .ops.blocks import depth_to_space as depth_to_space
from .ops.blocks import space_to_batch as space_to_batch
from .ops.blocks import space_to_depth as space_to_depth
from .ops.counting import zero_fraction as zero_fraction
from .ops.searching import in_top_k as in_top_k

sparse_softmax_cross_entropy_with_logits = (
    _crossentropy.sparse_softmax_cross_entropy_with_logits
)
__getattr__, __dir__ = mirror(globals(), jax.nn)
