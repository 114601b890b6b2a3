import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxtape.framework import elementwise_losses as formulas
from jaxtape.framework.errors import ShapeError

Y = np.array([[0.0, 1.0, 0.0], [0.3, 0.2, 0.5]])
P = np.array([[0.2, 0.7, 0.1], [0.25, 0.35, 0.4]])
LOGITS = np.array([[0.2, -3.0, 1.5], [12.0, 0.1, -0.4]])
LABELS = np.array([2, 0])
ELEMENTWISE = (
    formulas.mean_squared_error,
    formulas.mean_absolute_error,
    formulas.huber,
    formulas.binary_crossentropy,
)


def softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


# By the textbook, in NumPy and float64.
EXPECTED = [
    (formulas.mean_squared_error, (Y, P), {}, ((Y - P) ** 2).mean(-1)),
    (formulas.mean_absolute_error, (Y, P), {}, abs(Y - P).mean(-1)),
    (
        formulas.huber,
        (Y, P, 0.25),
        {},
        np.where(
            abs(Y - P) <= 0.25, (Y - P) ** 2 / 2, 0.25 * abs(Y - P) - 0.25**2 / 2
        ).mean(-1),
    ),
    (
        formulas.binary_crossentropy,
        (Y, P),
        {},
        -(Y * np.log(P) + (1 - Y) * np.log(1 - P)).mean(-1),
    ),
    (
        formulas.binary_crossentropy,
        (Y, LOGITS),
        {"from_logits": True},
        (np.log(1 + np.exp(LOGITS)) - Y * LOGITS).mean(-1),
    ),
    (formulas.categorical_crossentropy, (Y, P), {}, -(Y * np.log(P)).sum(-1)),
    (
        formulas.categorical_crossentropy,
        (Y, LOGITS),
        {"from_logits": True},
        -(Y * np.log(softmax(LOGITS))).sum(-1),
    ),
    (
        formulas.categorical_crossentropy,
        (Y, P, 0.3),
        {},
        -((0.7 * Y + 0.1) * np.log(P)).sum(-1),
    ),
    (
        formulas.sparse_categorical_crossentropy,
        (LABELS, P),
        {},
        -np.log(P[[0, 1], LABELS]),
    ),
    (
        formulas.sparse_categorical_crossentropy,
        (LABELS, LOGITS),
        {"from_logits": True},
        -np.log(softmax(LOGITS)[[0, 1], LABELS]),
    ),
]


def arrays(*values):
    return [jnp.asarray(value) for value in values]


@functools.cache
def jitted(formula, **options):
    """A formula as one program, which is much faster than op by op."""
    return jax.jit(functools.partial(formula, **options))


@functools.cache
def with_gradient(formula, **options):
    """Values, and the gradient of their sum by the predictions."""

    def total(y_pred, y_true):
        values = formula(y_true, y_pred, **options)
        return values.sum(), values

    def both(y_true, y_pred):
        (_, values), gradient = jax.value_and_grad(total, has_aux=True)(y_pred, y_true)
        return values, gradient

    return jax.jit(both)


@pytest.mark.parametrize(("formula", "inputs", "options", "expected"), EXPECTED)
def test_formula_is_the_textbook_s(formula, inputs, options, expected, tolerance):
    with jax.enable_x64(True):
        values = jitted(formula, **options)(*inputs)
    np.testing.assert_allclose(values, expected, rtol=tolerance("float64"))


@pytest.mark.slow
@pytest.mark.parametrize(("formula", "inputs", "options", "expected"), EXPECTED)
def test_derivatives_match_finite_differences(formula, inputs, options, expected):
    y_true, y_pred, *numbers = inputs

    def by_predictions(y_pred):
        return formula(jnp.asarray(y_true), y_pred, *numbers, **options)

    with jax.enable_x64(True):
        check_grads(jax.jit(by_predictions), (y_pred,), order=2, modes=("rev",))


def test_the_checker_sees_a_derivative_that_is_off_by_a_thousandth():
    @jax.custom_jvp
    def square(x):
        return x * x

    square.defjvp(lambda x, t: (square(*x), 2.002 * x[0] * t[0]))
    with jax.enable_x64(True), pytest.raises(AssertionError, match="JVP"):
        check_grads(square, (P,), order=1, modes=("fwd",))


@pytest.mark.parametrize("formula", ELEMENTWISE)
@pytest.mark.parametrize(
    ("y_true", "y_pred", "result"),
    [
        ((4,), (4, 1), (4,)),
        ((4, 1), (4,), (4,)),
        ((4, 3), (4, 3, 1), (4,)),
        ((4,), (4,), ()),
        ((), (), ()),
        ((4, 0), (4, 0), (4,)),
    ],
)
def test_shapes_that_keras_matches(formula, y_true, y_pred, result):
    given = arrays(np.zeros(y_true), np.zeros(y_pred))
    assert jax.eval_shape(formula, *given).shape == result


@pytest.mark.parametrize("formula", [*ELEMENTWISE, formulas.categorical_crossentropy])
@pytest.mark.parametrize(
    ("y_true", "y_pred"), [((4,), (4, 3)), ((4, 1), (4, 3)), ((), (4,)), ((1,), (4,))]
)
def test_any_other_broadcast_raises_with_both_shapes(formula, y_true, y_pred):
    with pytest.raises(ShapeError) as error:
        formula(*arrays(np.zeros(y_true), np.zeros(y_pred)))
    assert f"got {y_true} and {y_pred}" in str(error.value)


@pytest.mark.parametrize(
    ("y_true", "y_pred", "axis"),
    [((4, 3), (4, 3), -1), ((3,), (4, 3), -1), ((4,), (4, 3), 0), ((), (), -1)],
)
def test_labels_that_are_not_one_per_row_raise(y_true, y_pred, axis):
    with pytest.raises(ShapeError) as error:
        formulas.sparse_categorical_crossentropy(
            *arrays(np.zeros(y_true, int), np.zeros(y_pred)), axis=axis
        )
    assert str(y_true) in str(error.value)
    assert str(y_pred) in str(error.value)


def test_an_axis_of_the_mean_that_is_not_there_is_told():
    with pytest.raises(ShapeError, match=r"`axis` 2.*\(2, 3\)"):
        formulas.binary_crossentropy(*arrays(Y, P), axis=2)


@pytest.mark.parametrize(("axis", "shape"), [(-1, (2, 3)), (1, (2, 3)), (0, (3, 3))])
def test_classes_may_lie_along_any_axis(axis, shape):
    labels = np.arange(np.prod(shape)).reshape(shape) % 3
    logits = np.random.default_rng(0).normal(size=(*shape, 3))
    expected = -np.log(np.take_along_axis(softmax(logits), labels[..., None], -1))
    if axis == 1:
        labels = labels[:, None]  # an axis of length 1 where the classes lie
    formula = jitted(
        formulas.sparse_categorical_crossentropy, from_logits=True, axis=axis
    )
    values = formula(labels, np.moveaxis(logits, -1, axis))
    np.testing.assert_allclose(values, expected[..., 0], rtol=1e-5)


@pytest.mark.parametrize("label", [3, -1, 300, 0.5, np.nan, np.inf])
def test_a_label_that_is_no_class_gives_nan_and_nan_gradients(label):
    formula = with_gradient(formulas.sparse_categorical_crossentropy, from_logits=True)
    values, gradient = formula(np.array([0, label]), np.zeros((2, 3), "float32"))
    assert np.isnan(values).tolist() == [False, True]
    assert np.isnan(gradient).tolist() == [[False] * 3, [True] * 3]


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "float32", "bool"])
def test_labels_of_any_dtype(dtype):
    formula = jitted(formulas.sparse_categorical_crossentropy, from_logits=True)
    values = formula(np.array([0, 1], dtype), np.zeros((2, 400)))
    np.testing.assert_allclose(values, np.log(400), rtol=1e-6)


def test_a_label_of_255_can_be_ignored_whatever_its_row_predicts():
    formula = with_gradient(
        formulas.sparse_categorical_crossentropy, from_logits=True, ignore_class=255
    )
    logits = np.array([[0.0, 0.0], [np.nan, np.inf]])
    values, gradient = formula(np.array([1, 255], "uint8"), logits)
    np.testing.assert_allclose(values, [np.log(2), 0.0], rtol=1e-6)
    np.testing.assert_allclose(gradient, [[0.5, -0.5], [0.0, 0.0]], rtol=1e-6)


# Hazard F9n. The exact loss of logits (a, -a) is 0 for the first class, else 2a.
@pytest.mark.parametrize("size", [1e4, 1e38])
def test_large_logits_have_their_exact_loss(size):
    logits = np.array([[size, -size]] * 2, "float32")
    dense = jitted(formulas.categorical_crossentropy, from_logits=True)
    sparse = jitted(formulas.sparse_categorical_crossentropy, from_logits=True)
    exact = [0, 2 * np.float32(size)]
    np.testing.assert_allclose(dense(np.eye(2), logits), exact)
    np.testing.assert_allclose(sparse(np.arange(2), logits), exact)


@pytest.mark.parametrize("size", [1e4, 1e38])
def test_large_binary_logits_have_their_exact_loss(size):
    logits = np.array([[size], [size], [-size], [-size]], "float32")
    targets = np.array([[1.0], [0.0], [1.0], [0.0]])
    values = jitted(formulas.binary_crossentropy, from_logits=True)(targets, logits)
    np.testing.assert_allclose(values, np.float32([0, size, size, 0]))


def test_a_class_ruled_out_by_an_infinite_logit_adds_nothing():
    formula = with_gradient(formulas.categorical_crossentropy, from_logits=True)
    values, gradient = formula(np.eye(3)[:1], np.array([[0.0, 0.0, -np.inf]]))
    np.testing.assert_allclose(values, [np.log(2)], rtol=1e-6)
    np.testing.assert_allclose(gradient, [[-0.5, 0.5, 0.0]], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_probabilities_at_the_bounds_have_finite_loss_and_gradient(dtype, label):
    p = jnp.asarray([[0.0], [1.0], [1 + 1e-7], [-1e-9]], dtype)
    formula = with_gradient(formulas.binary_crossentropy)
    values, gradient = formula(np.full((4, 1), label), p)
    assert gradient.dtype == dtype
    assert np.isfinite(values).all()
    assert np.isfinite(gradient.astype("float32")).all()


def test_nan_probabilities_are_not_hidden():
    assert np.isnan(formulas.binary_crossentropy(jnp.ones(1), jnp.full(1, jnp.nan)))


def test_probabilities_that_sum_to_nothing_have_a_finite_loss():
    # Every class has the smallest probability that is allowed, Keras's 1e-7.
    loss = formulas.categorical_crossentropy(jnp.asarray([1.0, 0.0]), jnp.zeros(2))
    np.testing.assert_allclose(loss, -np.log(1e-7), rtol=1e-6)


def test_the_mean_of_finite_numbers_is_finite():
    np.testing.assert_allclose(formulas.mean(jnp.full(8, 3e38)), 3e38, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(dtype):
    values = formulas.mean_squared_error(jnp.zeros(2, dtype), jnp.full(2, 300, dtype))
    assert values.dtype == "float32"
    assert values == 90_000  # beyond float16


@pytest.mark.parametrize("y_true", [[True, False], [1, 0], np.array([1, 0], "uint8")])
def test_integer_and_bool_targets_take_the_predictions_dtype(y_true):
    values = formulas.mean_squared_error(*arrays(np.asarray(y_true), np.zeros(2)))
    assert values.dtype == "float32"
    assert values == 0.5
