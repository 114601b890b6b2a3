"""`jt.nn` where the stored answers of TensorFlow (test_ops.py) do not reach."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import jaxtape as jt
from jaxtape.framework.errors import OutOfRangeError, ShapeError
from tests.compile_counter import count_compiles

LOGITS = np.array([[2.0, -1.0, 0.5], [1e4, 0.0, -1e4]], np.float32)


def gradient_of(function, x):
    x = jt.constant(x)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return y.numpy(), tape.gradient(y, x).numpy()


def test_losses_are_finite_for_logits_of_any_size():
    labels = np.eye(3, dtype=np.float32)[[0, 2]]
    for function in (
        lambda x: jt.nn.softmax_cross_entropy_with_logits(labels, x),
        lambda x: jt.nn.sparse_softmax_cross_entropy_with_logits([0, 2], x),
        lambda x: jt.nn.sigmoid_cross_entropy_with_logits(labels, x),
    ):
        loss, gradient = gradient_of(function, LOGITS)
        assert np.isfinite(loss).all()
        assert np.isfinite(gradient).all()


def test_sparse_and_dense_labels_agree():
    dense = jt.nn.softmax_cross_entropy_with_logits(
        np.eye(3, dtype="f")[[1, 2]], LOGITS
    )
    sparse = jt.nn.sparse_softmax_cross_entropy_with_logits([1, 2], LOGITS)
    np.testing.assert_allclose(sparse, dense, rtol=1e-6)


def test_softmax_cross_entropy_gradient_is_softmax_minus_labels():
    labels = np.array([[0.2, 0.3, 0.5]], np.float32)
    _, gradient = gradient_of(
        lambda x: jt.nn.softmax_cross_entropy_with_logits(labels, x), LOGITS[:1]
    )
    exponentials = np.exp(LOGITS[:1])
    expected = exponentials / exponentials.sum() - labels
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


def test_sigmoid_cross_entropy_keeps_its_small_digits():
    # -log(sigmoid(20)) = log1p(exp(-20)); 20 - 20 + ... would lose it in float32.
    loss = jt.nn.sigmoid_cross_entropy_with_logits([1.0], [20.0])
    assert float(loss[0]) == pytest.approx(math.log1p(math.exp(-20)), rel=1e-5)


def test_a_label_that_is_no_class_is_refused_on_the_host():
    with pytest.raises(OutOfRangeError, match="index 3, outside the 3 classes"):
        jt.nn.sparse_softmax_cross_entropy_with_logits([3, 0], LOGITS)


def test_a_label_that_is_no_class_is_nan_on_the_device():
    labels = jt.constant([3, -1])
    loss = jt.nn.sparse_softmax_cross_entropy_with_logits(labels, LOGITS)
    assert np.isnan(loss).all()


def test_shapes_of_labels_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"float32\[2,3\]"):
        jt.nn.softmax_cross_entropy_with_logits(np.ones((2, 4), "f"), LOGITS)
    with pytest.raises(ShapeError, match=r"int32\[3\], float32\[2,3\]"):
        jt.nn.sparse_softmax_cross_entropy_with_logits([0, 1, 2], LOGITS)


def test_slopes_are_inputs():
    x = jt.constant(LOGITS)
    jt.nn.leaky_relu(x, 0.5).numpy()
    with count_compiles() as compiles:
        for alpha in np.linspace(0.1, 0.9, 50).tolist():
            ours = jt.nn.leaky_relu(x, alpha)
            expected = np.where(LOGITS > 0, LOGITS, np.float32(alpha) * LOGITS)
            np.testing.assert_allclose(ours, expected, rtol=1e-6)
    assert compiles.count == 0


@pytest.mark.parametrize("name", ["celu", "glu", "hard_tanh", "mish", "squareplus"])
def test_what_tensorflow_lacks_is_jax_s(name):
    x = np.array([[-1.5, 0.0, 0.5, 2.0]], np.float32)
    ours = getattr(jt.nn, name)(jt.constant(x))
    np.testing.assert_allclose(ours, getattr(jax.nn, name)(x), rtol=1e-6)


def test_embedding_lookup_scales_long_rows_down():
    found = jt.nn.embedding_lookup([[3.0, 4.0], [0.3, 0.4]], [1, 0], max_norm=1.0)
    np.testing.assert_allclose(found, [[0.3, 0.4], [0.6, 0.8]], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    "function",
    [
        *(jt.nn.relu, jt.nn.relu6, jt.nn.leaky_relu, jt.nn.elu, jt.nn.selu, jt.nn.silu),
        *(jt.nn.softplus, jt.nn.softsign, jt.nn.gelu, jt.nn.softmax, jt.nn.l2_loss),
        lambda x: jt.nn.sigmoid_cross_entropy_with_logits(1.0, x),
    ],
)
def test_narrow_floats_stay(function, dtype):
    assert function(jt.cast([0.5, -0.5], dtype)).dtype == dtype


@pytest.mark.slow
@pytest.mark.parametrize(
    "function",
    [
        *(jt.nn.relu6, jt.nn.leaky_relu, jt.nn.elu, jt.nn.selu, jt.nn.silu, jt.nn.gelu),
        *(jt.nn.softplus, jt.nn.softsign, jt.nn.softmax, jt.nn.log_softmax),
        lambda x: jt.nn.softmax_cross_entropy_with_logits([0.2, 0.3, 0.5], x),
        lambda x: jt.nn.sigmoid_cross_entropy_with_logits([0.2, 0.3, 0.5], x),
        lambda x: jt.nn.moments(x, [0])[1],
    ],
)
def test_gradients_match_differences(function):
    with jax.enable_x64(True):
        x = jnp.array([0.3, -1.7, 2.9], "float64")
        lifted = jt.op(function)
        check_grads(lambda x: lifted(x)._array(), (x,), order=2, modes=("rev",))
