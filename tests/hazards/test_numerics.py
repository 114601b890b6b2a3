"""Rows F1n, F4n, F5n and F7n of the hazards: shapes, bad gradients, edges and ties.

The tables of F5n and F7n are TensorFlow 2.21's answers on the CPU, except where a
comment says so. `tests/framework/ops/test_table_*.py` take every op of the package
through dtypes, edges and derivatives; F1n here takes a few through all shapes of the
row.
"""

import jax
import numpy as np
import pytest

import jaxtape as jt
from tests.derivative_check import check_derivatives
from tests.lines import line_of

pytestmark = pytest.mark.slow  # minutes in all; .ci/run runs them

NAN, INF = np.nan, np.inf
FLOATS = ["float32", "float16", "bfloat16"]


@pytest.fixture(params=["op_by_op", "compiled"])
def execution(request):
    jt.config.execution(request.param)
    yield request.param
    jt.config.execution("auto")


# F1n: derivatives of first and second order at every shape


SHAPES = [(), (0,), (1,), (3, 0), (7,), (2, 3, 1)]
UNARY = {
    "exp": jt.exp,
    "log": jt.math.log,
    "sqrt": jt.sqrt,
    "tanh": jt.tanh,
    "sigmoid": jt.sigmoid,
    "softplus": jt.nn.softplus,
    "reduce_sum": jt.reduce_sum,
    "reduce_logsumexp": lambda x: jt.reduce_logsumexp(x) if x.size else x,
}
BINARY = {"divide": jt.divide, "pow": jt.pow, "multiply": jt.multiply}


def inputs(seed):
    """Numbers from 0.5 to 1.5 in all shapes, inside every domain."""
    rng = np.random.default_rng(seed)
    return [rng.uniform(0.5, 1.5, shape) for shape in SHAPES]


@pytest.mark.parametrize("name", UNARY)
def test_f1n_derivatives_of_unary_ops_at_every_shape(name):
    with jax.enable_x64(True):
        check_derivatives(
            lambda *xs: [UNARY[name](x) for x in xs], inputs(0), range(len(SHAPES))
        )


@pytest.mark.parametrize("name", BINARY)
def test_f1n_derivatives_of_binary_ops_at_every_shape(name):
    count = len(SHAPES)

    def run(*xs):
        pairs = zip(xs[:count], xs[count:], strict=True)
        return [BINARY[name](x, y) for x, y in pairs]

    with jax.enable_x64(True):
        check_derivatives(run, [*inputs(1), *inputs(2)], range(2 * count))


# F4n: gradients with one NaN or one infinity


class Pair:
    """Two variables and an optimizer that subtracts their gradients."""

    def __init__(self):
        self.variables = [
            jt.Variable([1.0, 2.0], name="first"),
            jt.Variable([3.0, 4.0], name="second"),
        ]
        self.optimizer = jt.optimizers.SGD(1.0)

    def update(self, bad):
        gradients = [np.array([0.5, bad], np.float32), np.array([0.5, 0.5])]
        self.optimizer.apply_gradients(zip(gradients, self.variables, strict=True))

    def values(self):
        return [v.tolist() for v in self.variables]


@pytest.mark.parametrize("bad", [NAN, INF])
def test_f4n_a_bad_gradient_passes_unchanged(bad, execution):
    pair = Pair()
    pair.update(bad)
    np.testing.assert_array_equal(pair.values(), [[0.5, 2.0 - bad], [2.5, 3.5]])


@pytest.mark.parametrize(
    ("bad", "said"), [(NAN, "1 NaN, 0 Inf"), (INF, "0 NaN, 1 Inf")]
)
def test_f4n_a_debugging_run_raises_and_names_it(bad, said):
    pair = Pair()
    with jt.debug.enable(), pytest.raises(FloatingPointError) as caught:
        pair.update(bad)
    message = str(caught.value)
    assert f"gradient of 'first': float32[2], min 0.5, max 0.5, {said}" in message
    assert "apply_gradients made" in message
    assert f"called at {line_of(Pair.update, 'apply_gradients')}" in message
    assert pair.values() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize("bad", [NAN, INF])
@pytest.mark.parametrize(
    "clip",
    [
        lambda gs: jt.clip_by_global_norm(gs, 1.0)[0],
        lambda gs: [jt.clip_by_norm(g, 1.0) for g in gs],
    ],
    ids=["global norm", "norm"],
)
def test_f4n_clipping_makes_no_silent_zero_of_it(clip, bad):
    (clipped,) = clip([jt.constant([0.5, bad])])
    assert not np.isfinite(clipped.numpy()).all()


# F5n: values and gradients at the edge of a domain


EDGES = {
    "sqrt": (jt.sqrt, [0.0, 4.0], [0.0, 2.0], [INF, 0.25]),
    "pow 0.5": (lambda x: x**0.5, [0.0, 4.0], [0.0, 2.0], [INF, 0.25]),
    "pow 2": (lambda x: x**2.0, [0.0, 3.0], [0.0, 9.0], [0.0, 6.0]),
    "log": (jt.math.log, [0.0, 1.0], [-INF, 0.0], [INF, 1.0]),
    "x / x": (lambda x: x / x, [0.0, 2.0], [NAN, 1.0], [NAN, 0.0]),
    "acos": (jt.math.acos, [1.0], [0.0], [-INF]),
    # TensorFlow's gradients are NaN. Here they are 0, the smallest subgradient.
    "norm": (jt.norm, [0.0, 0.0], 0.0, [0.0, 0.0]),
    "std": (jt.math.reduce_std, [2.0, 2.0], 0.0, [0.0, 0.0]),
}
TIES = {
    "reduce_max": (jt.reduce_max, [1.0, 3.0, 3.0], 3.0, [0.0, 0.5, 0.5]),
    "reduce_min": (jt.reduce_min, [1.0, 1.0, 3.0], 1.0, [0.5, 0.5, 0.0]),
    "maximum, first": (lambda x: jt.maximum(x, 2.0), [2.0, 1.0], [2.0, 2.0], [1.0, 0]),
    "maximum, second": (
        lambda x: jt.maximum(jt.constant(2.0, x.dtype), x),
        [2.0, 3.0],
        [2.0, 3.0],
        [0.0, 1.0],
    ),
    "minimum, first": (lambda x: jt.minimum(x, 2.0), [2.0, 1.0], [2.0, 1.0], [1.0, 1]),
    "minimum, second": (
        lambda x: jt.minimum(jt.constant(2.0, x.dtype), x),
        [2.0, 1.0],
        [2.0, 1.0],
        [0.0, 1.0],
    ),
    "relu": (jt.nn.relu, [-1.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]),
    "relu6": (jt.nn.relu6, [0.0, 3.0, 6.0], [0.0, 3.0, 6.0], [0.0, 1.0, 0.0]),
    "clip_by_value": (
        lambda x: jt.clip_by_value(x, -1.0, 1.0),
        [-1.0, 0.0, 1.0, 2.0],
        [-1.0, 0.0, 1.0, 1.0],
        [1.0, 1.0, 1.0, 0.0],
    ),
    "abs": (jt.abs, [-2.0, 0.0], [2.0, 0.0], [-1.0, 0.0]),
    "sort": (
        lambda x: jt.sort(x) * jt.constant([1.0, 2.0, 4.0], x.dtype),
        [3.0, 1.0, 1.0],
        [1.0, 2.0, 12.0],
        [4.0, 1.0, 2.0],
    ),
    "top_k": (
        lambda x: jt.math.top_k(x, 2)[0] * jt.constant([1.0, 2.0], x.dtype),
        [1.0, 3.0, 3.0],
        [3.0, 6.0],
        [0.0, 1.0, 2.0],
    ),
}


def check_rows(rows, dtype, tolerance):
    """Values and gradients of all rows, which are one program."""
    xs = [jt.constant(row[1], dtype) for row in rows.values()]
    with jt.GradientTape() as tape:
        tape.watch(xs)
        ys = [row[0](x) for row, x in zip(rows.values(), xs, strict=True)]
    gradients = tape.gradient(ys, xs)
    for y, gradient, (name, row) in zip(ys, gradients, rows.items(), strict=True):
        for ours, wanted in ((y, row[2]), (gradient, row[3])):
            assert ours.dtype == dtype
            ours = ours.numpy().astype(np.float64)
            np.testing.assert_allclose(ours, wanted, tolerance(dtype), err_msg=name)


@pytest.mark.parametrize("dtype", FLOATS)
def test_f5n_values_and_gradients_at_the_edge(dtype, execution, tolerance):
    check_rows(EDGES, dtype, tolerance)


@pytest.mark.parametrize("dtype", FLOATS)
def test_f7n_gradients_at_ties(dtype, execution, tolerance):
    check_rows(TIES, dtype, tolerance)


def gradient_at(function, x):
    x = jt.constant(x)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return tape.gradient(y, x)


@pytest.mark.parametrize("name", ["sqrt", "pow 0.5", "acos"])
def test_f5n_a_debugging_run_names_the_pullback(name):
    function, at = EDGES[name][:2]
    with jt.debug.enable(), pytest.raises(FloatingPointError, match="1 Inf, backward"):
        gradient_at(function, at)
