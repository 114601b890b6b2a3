"""Derivatives to the third order of every op, by nested tapes: the row B10.

Along a line x = a + t u the weighted sum of an op's results is a function of one
number. Its first three derivatives come from three tapes, and each must be the
difference quotient of the one before. A few ops are tried every day, all of them under
the marker `slow`.
"""

import jax
import numpy as np
import pytest

import jaxtape as jt

STEP = 2e-3
# The five-point quotient errs by h^4 f''''' / 30 + eps f / h, below 1e-9 here.
TOLERANCE = 1e-8
A = np.array([[0.4, 0.7, 1.3], [2.1, 0.9, 0.2]])
U = np.array([[0.5, -0.3, 0.2], [-0.4, 0.6, 0.1]])
SQUARE = np.array([[2.0, 0.3, 0.1], [0.2, 1.5, -0.4], [0.0, 0.5, 1.0]])
LABELS = np.array([2, 0])
TARGETS = np.array([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]])

EVERYDAY = {
    "multiply": lambda x: x * x * x,
    "exp and log": lambda x: jt.exp(x) * jt.math.log(x),
    "sqrt": jt.sqrt,
    "tanh": jt.math.tanh,
    "matmul": lambda x: jt.matmul(x, SQUARE) @ jt.transpose(x),
    "indexing": lambda x: x[0] * x[1, ::-1] * x[:, 1:][0, 0],
    "softmax cross-entropy": lambda x: jt.nn.sparse_softmax_cross_entropy_with_logits(
        labels=LABELS, logits=x
    ),
}
REST = {
    "pow": lambda x: x**2.5 + x**3 + 2.0**x,
    "reduce_mean": lambda x: jt.reduce_mean(x * x, axis=0) ** 2,
    "divide": lambda x: 1.0 / x + x / (1.0 + x),
    "clip_by_norm": lambda x: jt.clip_by_norm(x * x, 0.5),
    "add": lambda x: (x + 1.0) + x,
    "subtract": lambda x: (1.0 - x) * (x - 2.0),
    "negative": lambda x: -x * x,
    "mod": lambda x: (x % 3.0) * x,
    "abs": lambda x: jt.abs(x) * x,
    "square": jt.square,
    "sign": lambda x: jt.sign(x) * x * x,
    "jt.pow": lambda x: jt.pow(x, x),
    "maximum": lambda x: jt.maximum(x * x, 0.5),
    "minimum": lambda x: jt.minimum(x * x, x),
    "add_n": lambda x: jt.add_n([x, x * x, x**3]),
    "tensordot": lambda x: jt.tensordot(x, SQUARE, 1) * x,
    "einsum": lambda x: jt.einsum("ij,kj->ik", x, x * x),
    "transpose": lambda x: jt.transpose(x) * jt.transpose(x),
    "reshape": lambda x: jt.reshape(x, (3, 2)) ** 3,
    "expand_dims": lambda x: jt.expand_dims(x, 1) * x,
    "squeeze": lambda x: jt.squeeze(jt.expand_dims(x, 0)) ** 3,
    "stack": lambda x: jt.stack([x, x * x]) ** 2,
    "unstack": lambda x: jt.unstack(x)[0] * jt.unstack(x)[1],
    "concat": lambda x: jt.concat([x, x * x], axis=1) ** 2,
    "split": lambda x: jt.split(x, 3, axis=1)[0] * jt.split(x, 3, axis=1)[2],
    "tile": lambda x: jt.tile(x, [2, 1]) ** 3,
    "pad": lambda x: jt.pad(x, [[1, 0], [0, 1]]) ** 3,
    "gather": lambda x: jt.gather(x, [1, 0, 1]) ** 3,
    "gather_nd": lambda x: jt.gather_nd(x, [[0, 1], [1, 2]]) ** 3,
    "where": lambda x: jt.where(x > 0.8, x**3, jt.sqrt(x)),
    "reduce_sum": lambda x: jt.reduce_sum(x, axis=1) ** 3,
    "reduce_max": lambda x: jt.reduce_max(x**3, axis=0),
    "reduce_min": lambda x: jt.reduce_min(x**3, axis=1),
    "reduce_prod": lambda x: jt.reduce_prod(x, axis=1),
    "reduce_logsumexp": lambda x: jt.reduce_logsumexp(x, axis=1),
    "norm": lambda x: jt.norm(x, axis=1),
    "clip_by_value": lambda x: jt.clip_by_value(x**3, 0.1, 1.0),
    "clip_by_global_norm": lambda x: jt.clip_by_global_norm([x**2, x], 0.5)[0][0],
    "global_norm": lambda x: jt.global_norm([x, x**2]),
    "identity": lambda x: jt.identity(x) ** 3,
    "cast": lambda x: jt.cast(x, "float64") ** 3,
    "log": jt.math.log,
    "log1p": jt.math.log1p,
    "sin": jt.math.sin,
    "cos": jt.math.cos,
    "erf": jt.math.erf,
    "relu": lambda x: jt.nn.relu(x - 0.8) ** 3,
    "softmax": lambda x: jt.nn.softmax(x),
    "log_softmax": lambda x: jt.nn.log_softmax(x),
    "sigmoid": jt.nn.sigmoid,
    "gelu": jt.nn.gelu,
    "softplus": jt.nn.softplus,
    "softmax cross-entropy of distributions": lambda x: (
        jt.nn.softmax_cross_entropy_with_logits(labels=TARGETS, logits=x)
    ),
    "sigmoid cross-entropy": lambda x: jt.nn.sigmoid_cross_entropy_with_logits(
        labels=TARGETS, logits=x
    ),
    "jt.numpy": lambda x: jt.numpy.cumsum(jt.numpy.sinh(x), axis=1) ** 2,
    "jt.linalg": lambda x: jt.linalg.inv(SQUARE + x[0] * x[1]),
    "jt.op": jt.op(lambda x: jax.numpy.cosh(x) * x),
}


def derivatives(op, t):
    """The function of t along the line, and its first three derivatives."""
    t = jt.Variable(t, dtype="float64")
    with jt.GradientTape() as outer:
        with jt.GradientTape() as middle:
            with jt.GradientTape() as inner:
                found = op(jt.constant(A) + t * jt.constant(U))
                weights = np.cos(np.arange(found.size)).reshape(found.shape)
                y = jt.reduce_sum(found * weights)
            first = inner.gradient(y, t)
        second = middle.gradient(first, t, unconnected_gradients="zero")
    third = outer.gradient(second, t, unconnected_gradients="zero")
    return np.array([float(x) for x in (y, first, second, third)])


def assert_each_is_the_quotient_of_the_one_before(op):
    with jax.enable_x64(True):
        at = {k: derivatives(op, k * STEP) for k in (-2, -1, 0, 1, 2)}
    quotient = (8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * STEP)
    scale = 1 + np.abs(at[0]).max()
    np.testing.assert_allclose(at[0][1:], quotient[:-1], atol=TOLERANCE * scale)


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERYDAY)
def test_b10_derivatives_to_the_third_order(name):
    assert_each_is_the_quotient_of_the_one_before(EVERYDAY[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", REST)
def test_b10_derivatives_to_the_third_order_of_the_other_ops(name):
    assert_each_is_the_quotient_of_the_one_before(REST[name])


def test_b10_the_check_finds_a_derivative_that_is_off_by_a_thousandth():
    @jax.custom_jvp
    def cube(x):
        return x**3

    cube.defjvp(lambda x, dx: (x[0] ** 3, 3.003 * x[0] ** 2 * dx[0]))
    with pytest.raises(AssertionError):
        assert_each_is_the_quotient_of_the_one_before(jt.op(cube))
