"""Rows of `jt.nn`, TensorFlow's functions and those of `jax.nn`."""

import numpy as np
from scipy import special

from tests.op_rows.row import (
    Edge,
    elementwise,
    given,
    positive,
    real,
    refused,
    row,
    within,
)

X = real(2, 3)
# On both sides of every kink at -3, -1, 0, 1, 3 and 6, near none.
WIDE = within(-4.3, 7.2, 2, 3)
LABELS = within(0.11, 0.43, 2, 3)
ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805
MISFIT = "got inputs that do not fit"


def sigmoid(x):
    return special.expit(x)


def softplus(x):
    return np.logaddexp(0, x)


def log_softmax(x, axis=-1):
    return special.log_softmax(x, axis)


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def selu(x):
    return SCALE * elu(x, ALPHA)


def gelu(x):
    return x * special.ndtr(x)


def gelu_tanh(x):
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def hard_sigmoid(x):
    return np.clip(x + 3, 0, 6) / 6


def sparse_plus(x):
    return np.where(x <= -1, 0, np.where(x < 1, (x + 1) ** 2 / 4, x))


def standardize(x):
    moved = x - x.mean(-1, keepdims=True)
    return moved / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def attention(q, k, v):
    """One head: (batch, time, head, size)."""
    scores = np.einsum("bthd,bshd->bhts", q, k) / np.sqrt(q.shape[-1])
    return np.einsum("bhts,bshd->bthd", special.softmax(scores, -1), v)


def function(name, reference, x=WIDE, rounds=3, **more):
    return elementwise(f"nn.{name}", reference, x, rounds=rounds, **more)


TENSORFLOW = [
    function("relu", lambda x: np.maximum(x, 0), rounds=1),
    function("relu6", lambda x: np.clip(x, 0, 6), rounds=1),
    function("leaky_relu", lambda x: np.where(x > 0, x, 0.2 * x), rounds=2),
    elementwise(
        "nn.leaky_relu",
        lambda x, slope: np.where(x > 0, x, slope * x),
        WIDE,
        given(np.array(0.3)),
        empty=[(0, 3), ()],
        rounds=2,
        way="with a slope",
    ),
    function("elu", elu),
    function("selu", selu),
    function("silu", lambda x: x * sigmoid(x)),
    elementwise(
        "nn.silu",
        lambda x, beta: x * sigmoid(beta * x),
        X,
        given(np.array(1.3)),
        empty=[(0, 3), ()],
        rounds=3,
        way="with beta",
    ),
    function("softplus", softplus, way="of features"),
    function("softsign", lambda x: x / (1 + np.abs(x))),
    function("gelu", gelu, rounds=4),
    function(
        "gelu",
        gelu_tanh,
        X,
        call=lambda op, x: op(x, approximate=True),
        rounds=4,
        way="approximate",
    ),
    row(
        "nn.softmax",
        lambda x: special.softmax(x, -1),
        X,
        empty=[(0, 3)],
        scalar=refused(f"softmax {MISFIT}", ()),
        rounds=3,
    ),
    row(
        "nn.log_softmax",
        lambda x: log_softmax(x, 0),
        X,
        call=lambda op, x: op(x, axis=0),
        empty=Edge([(2, 0)], shape=(2, 0)),
        scalar=refused(f"log_softmax {MISFIT}", ()),
        rounds=3,
    ),
    row(
        "nn.softmax_cross_entropy_with_logits",
        lambda y, x: -np.sum(y * log_softmax(x), -1),
        LABELS,
        X,
        empty=[(0, 3), (0, 3)],
        scalar=refused(f"softmax_cross_entropy_with_logits {MISFIT}", (), ()),
        rounds=4,
    ),
    row(
        "nn.sparse_softmax_cross_entropy_with_logits",
        lambda y, x: -np.take_along_axis(log_softmax(x), y[..., None], -1)[..., 0],
        given([2, 0]),
        X,
        empty=[(0,), (0, 3)],
        scalar=refused(f"sparse_softmax_cross_entropy_with_logits {MISFIT}", (), ()),
        rounds=3,
    ),
    elementwise(
        "nn.sigmoid_cross_entropy_with_logits",
        lambda y, x: y * softplus(-x) + (1 - y) * softplus(x),
        LABELS,
        X,
        rounds=4,
    ),
]
STATISTICS = [
    row(
        "nn.batch_normalization",
        lambda x, mean, variance, offset, scale: (
            offset + scale * (x - mean) / np.sqrt(variance + 1e-3)
        ),
        X,
        real(3),
        positive(3),
        real(3),
        real(3),
        call=lambda op, *inputs: op(*inputs, 1e-3),
        empty=[(0, 3), (3,), (3,), (3,), (3,)],
        scalar=[()] * 5,
        rounds=5,
    ),
    row(
        "nn.compute_average_loss",
        lambda x: np.sum(x) / 4,
        real(4),
        empty=Edge([(0,)], shape=()),
        scalar="a loss of one example alone has an axis too",
        rounds=3,
    ),
    row(
        "nn.crelu",
        lambda x: np.maximum(np.concatenate([x, -x], -1), 0),
        X,
        empty=[(0, 3)],
        scalar=refused("crelu", ()),
    ),
    elementwise("nn.dropout", lambda x: x, X, call=lambda op, x: op(x, 0.0)),
    elementwise(
        "nn.log_poisson_loss", lambda y, x: np.exp(x) - y * x, LABELS, X, rounds=3
    ),
    elementwise(
        "nn.weighted_cross_entropy_with_logits",
        lambda y, x: 1.7 * y * softplus(-x) + (1 - y) * softplus(x),
        LABELS,
        X,
        call=lambda op, y, x: op(y, x, 1.7),
        rounds=4,
    ),
    elementwise(
        "nn.normalize_moments",
        lambda count, total, squares, shift: [
            total / count + shift,
            squares / count - (total / count) ** 2,
        ],
        given(np.array(3.0)),
        X,
        positive(2, 3),
        real(2, 3),
        empty=[(), (0, 3), (0, 3), (0, 3)],
        rounds=4,
    ),
    row(
        "nn.sufficient_statistics",
        lambda x, shift: [
            3.0,
            np.sum(x - shift, 1),
            np.sum((x - shift) ** 2, 1),
            shift,
        ],
        X,
        given(np.array(0.4)),
        call=lambda op, x, shift: op(x, [1], shift),
        empty=Edge([(0, 3), ()], shape=[(), (0,), (0,), ()]),
        scalar=refused("axes|axis", (), ()),
        rounds=4,
    ),
    row(
        "nn.weighted_moments",
        lambda x, w: [
            np.average(x, 0, w),
            np.average((x - np.average(x, 0, w)) ** 2, 0, w),
        ],
        X,
        positive(2, 3),
        call=lambda op, x, w: op(x, [0], w),
        empty=Edge([(2, 0), (2, 0)], shape=[(0,), (0,)]),
        scalar=refused("axes|axis", (), ()),
        rounds=5,
    ),
]
JAX = [
    function("celu", lambda x: elu(x)),
    function("hard_sigmoid", hard_sigmoid),
    function("hard_silu", lambda x: x * hard_sigmoid(x)),
    function("hard_swish", lambda x: x * hard_sigmoid(x)),
    function("hard_tanh", lambda x: np.clip(x, -1, 1), rounds=1),
    function("identity", lambda x: x, rounds=1),
    function("log1mexp", lambda x: np.log(-np.expm1(-x)), within(0.42, 2.1, 2, 3)),
    function("mish", lambda x: x * np.tanh(softplus(x)), rounds=4),
    function("soft_sign", lambda x: x / (1 + np.abs(x))),
    function("sparse_plus", sparse_plus),
    function("sparse_sigmoid", lambda x: np.clip((x + 1) / 2, 0, 1), rounds=2),
    function("squareplus", lambda x: (x + np.sqrt(x * x + 4)) / 2),
    row(
        "nn.glu",
        lambda x: x[..., :2] * sigmoid(x[..., 2:]),
        real(2, 4),
        empty=[(0, 4)],
        scalar=refused("glu", ()),
        rounds=3,
    ),
    row(
        "nn.logsumexp",
        lambda x: special.logsumexp(x),
        X,
        empty=Edge([(0, 3)], shape=()),
        scalar=[()],
        rounds=4,
    ),
    row(
        "nn.logmeanexp",
        lambda x: special.logsumexp(x, 1) - np.log(3),
        X,
        call=lambda op, x: op(x, axis=1),
        empty=[(0, 3)],
        scalar=refused("logmeanexp", ()),
        rounds=4,
    ),
    row(
        "nn.one_hot",
        lambda x: np.eye(3)[x],
        given([2, 0, 1]),
        call=lambda op, x: op(x, 3),
        empty=[(0,)],
        scalar=[()],
        dtype="float32",
    ),
    row(
        "nn.standardize",
        standardize,
        X,
        empty=[(0, 3)],
        scalar=refused("standardize", ()),
        rounds=6,
    ),
    row(
        "nn.dot_product_attention",
        attention,
        real(1, 2, 1, 2),
        real(1, 2, 1, 2),
        real(1, 2, 1, 2),
        empty=[(0, 2, 1, 2)] * 3,
        scalar="jax.nn's function takes it for one head, time and batch",
        rounds=4,
        exceptions={
            "gradient": "JAX takes the softmax in float32, also of float64",
            "float16": "JAX has no such product of float16 on CPU",
        },
    ),
]

ROWS = [*TENSORFLOW, *STATISTICS, *JAX]
