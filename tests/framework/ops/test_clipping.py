"""Norms and clipping where squares overflow, vanish or are 0."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import jaxtape as jt

X = np.array([[3.0, -4.0], [1.0, 2.0]], np.float32)


@pytest.mark.parametrize("axes", [None, [1]])
def test_clip_by_norm_of_zeros_is_zero_with_a_finite_gradient(axes):
    x = jt.constant(np.zeros((2, 3), np.float32))
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = jt.clip_by_norm(x, 1.0, axes)
    np.testing.assert_array_equal(y, np.zeros((2, 3)))
    np.testing.assert_array_equal(tape.gradient(y, x), np.ones((2, 3)))


def clip_alone(arrays):
    return [jt.clip_by_norm(np.concatenate([a.ravel() for a in arrays]), 1.0)]


def clip_together(arrays):
    return jt.clip_by_global_norm(arrays, 1.0)[0]


HUGE = np.array([1e25, -2e25, 1e-25], np.float32)
TINY = np.array([3e-25, 4e-25], np.float32)


@pytest.mark.parametrize("clip", [clip_alone, clip_together])
@pytest.mark.parametrize("values", [HUGE, 1e38 * np.ones(9, np.float32)])
def test_clipping_huge_entries_keeps_the_direction(clip, values):
    clipped = np.concatenate([part.numpy() for part in clip([values])])
    exact = values.astype("float64") / np.linalg.norm(values.astype("float64"))
    np.testing.assert_allclose(clipped, exact, atol=1e-6)
    assert np.linalg.norm(clipped.astype("float64")) == pytest.approx(1, abs=1e-6)


def test_a_norm_of_tiny_entries_does_not_vanish():
    assert float(jt.global_norm([TINY])) == pytest.approx(5e-25, rel=1e-6)
    assert float(jt.norm(TINY)) == pytest.approx(5e-25, rel=1e-6)
    clipped = jt.clip_by_norm(TINY, 1e-25)
    np.testing.assert_allclose(clipped, [0.6e-25, 0.8e-25], rtol=1e-5)


def test_a_million_float16_entries_keep_their_direction():
    values = np.full(10**6, 300.0, np.float16)  # a norm of 3e5, above float16's range
    assert float(jt.global_norm([values])) == pytest.approx(3e5, rel=1e-6)
    for clipped in (jt.clip_by_norm(values, 1.0), clip_together([values])[0]):
        assert clipped.dtype == "float16"
        np.testing.assert_allclose(clipped, 1e-3, rtol=1e-3)
    np.testing.assert_array_equal(jt.clip_by_norm(values, 1e6), values)


def test_a_global_norm_of_mixed_dtypes_is_float32():
    parts = [np.float16([3.0]), jnp.bfloat16(4.0).reshape(1), np.float32([12.0])]
    clipped, norm = jt.clip_by_global_norm(parts, 6.5)
    assert (norm.dtype, float(norm)) == ("float32", 13.0)
    assert [part.dtype.name for part in clipped] == ["float16", "bfloat16", "float32"]
    assert [float(part[0]) for part in clipped] == [1.5, 2.0, 6.0]


def test_clip_norms_of_both_kinds_may_be_integers():
    assert float(jt.clip_by_norm([3.0, 4.0], 1)[0]) == pytest.approx(0.6)
    assert float(jt.clip_by_global_norm([[3.0, 4.0]], 1)[0][0][1]) == pytest.approx(0.8)


def test_the_l1_norm_has_gradient_0_at_0():
    x = jt.Variable(np.zeros(2, np.float32))
    with jt.GradientTape() as tape:
        y = jt.norm(x, 1)
    np.testing.assert_array_equal(tape.gradient(y, x), [0, 0])


@pytest.mark.parametrize("order", [1, 2, 3.5, np.inf, "fro", "euclidean"])
def test_norms_are_numpy_s(order):
    vector = {"fro": 2, "euclidean": 2}.get(order, order)
    for axis in (0, 1):
        expected = np.linalg.norm(X, vector, axis)
        np.testing.assert_allclose(jt.norm(X, order, axis), expected, rtol=1e-6)
    if order != 3.5:
        matrix = "fro" if isinstance(order, str) else order
        expected = np.linalg.norm(X, matrix)
        np.testing.assert_allclose(jt.norm(X, order, [0, 1]), expected, rtol=1e-6)


def test_gradient_of_clip_by_norm_is_that_of_differences():
    def loss(x):
        return jnp.sum(jnp.cos(jt.op(jt.clip_by_norm)(x, 1.0)._array()))

    with jax.enable_x64(True):
        x = jnp.array([0.3, 2.0, -1.0], "float64")
        check_grads(jax.jit(loss), (x,), order=2, modes=("rev",))
