"""Pooling by slices against `jax.lax.reduce_window` and its scattered gradient."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtape.framework.neural import pooling_lowering as lowering
from jaxtape.framework.neural.windows import windows

INF, NAN = np.inf, np.nan

# (input, window, strides, padding, format)
CASES = [
    ((2, 6, 6, 2), (2, 2), 2, "VALID", "NHWC"),
    ((2, 2, 7, 5), (3, 2), 2, "SAME", "NCHW"),
]
MORE_CASES = [
    ((2, 7, 5, 2), (3, 2), (2, 1), ((0, 0), (2, 1), (0, 1), (0, 0)), "NHWC"),
    ((2, 7, 7, 2), (2, 2), 2, "VALID", "NHWC"),
    ((2, 7, 7, 2), (2, 2), 2, "SAME", "NHWC"),
    ((2, 7, 5, 2), (3, 2), (3, 2), ((0, 0), (2, 1), (0, 1), (0, 0)), "NHWC"),
    ((2, 6, 6, 2), (2, 2), 3, "SAME", "NHWC"),
    ((2, 6, 6, 2), (3, 3), 1, "SAME", "NHWC"),
    ((2, 4, 4, 2), (3, 3), 1, "VALID", "NHWC"),
    ((2, 9, 2), 3, 2, "SAME", "NWC"),
    ((2, 2, 9), 4, 4, "SAME", "NCW"),
    ((1, 4, 5, 4, 2), 2, 2, "SAME", "NDHWC"),
    ((2, 3, 3, 2), 5, 1, "SAME", "NHWC"),
]
slow = [pytest.param(*case, marks=pytest.mark.slow) for case in MORE_CASES]


def draw(shape):
    """Few values, so that most windows have ties."""
    return np.random.default_rng(0).integers(-2, 3, shape).astype("float32")


def derivatives(pool, x, seed):
    """Value, gradient, and the gradient of the gradient's cube where nothing ties.

    (At ties in the margin the second derivative of lax follows other elements than
    its first.)
    """
    gradient = jax.grad(lambda x: jnp.sum(jnp.sin(pool(x)) * seed))
    apart = x + jnp.sin(jnp.arange(x.size)).reshape(x.shape)
    return pool(x), gradient(x), jax.grad(lambda x: jnp.sum(gradient(x) ** 3))(apart)


def seed_for(shape):
    return np.random.default_rng(1).normal(size=shape).astype("float32")


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("shape", "window", "strides", "padding", "data_format"), [*CASES, *slow]
)
@pytest.mark.parametrize("kind", ["largest", "total"])
def test_derivatives_are_those_of_reduce_window(
    kind, shape, window, strides, padding, data_format
):
    ndim = len(shape) - 2
    how = windows(ndim, strides, padding, data_format, None, "pool")
    window = windows(ndim, window, "VALID", data_format, None, "pool").strides
    x = draw(shape)
    ours, theirs = (
        functools.partial(getattr(lowering, name), how=how, window=window)
        for name in (kind, f"_{kind}_by_lax")
    )
    run = jax.jit(derivatives, static_argnums=0)
    seed = seed_for(jax.eval_shape(ours, x).shape)
    expected = run(theirs, x, seed)
    found = run(ours, x, seed)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_tangents_of_a_maximum_are_those_of_the_elements_that_get_the_gradient():
    """Where lax has ties in the margin, it pushes another element's."""
    how = windows(2, 2, "SAME", None, None, "max_pool")
    x, tangent = draw((2, 5, 5, 2)), seed_for((2, 5, 5, 2))
    pool = functools.partial(lowering.largest, how=how, window=(3, 3))
    pushed = jax.jit(lambda x, t: jax.jvp(pool, (x,), (t,))[1])(x, tangent)
    seed = seed_for(pushed.shape)
    pulled = value_and_gradient(pool, x, seed)[1]
    np.testing.assert_allclose(
        np.sum(pushed * seed), np.sum(pulled * tangent), rtol=1e-5
    )


@functools.partial(jax.jit, static_argnums=0)
def value_and_gradient(pool, x, seed):
    value, pull = jax.vjp(pool, x)
    return value, pull(seed)[0]


@pytest.mark.parametrize("padding", ["VALID", "SAME"])
def test_nan_and_infinity_are_treated_as_by_reduce_window(padding):
    x = np.array(
        [[NAN, 1, 2, NAN, 0], [-INF, -INF, 3, -INF, NAN], [-INF, -INF, NAN, INF, -INF]],
        "float32",
    ).reshape(1, 3, 5, 1)
    for size, strides in ((2, 2), (3, 2)):
        how = windows(2, strides, padding, None, None, "max_pool")
        window = (size, size)
        seed = seed_for(how.outer(how.out_lengths((3, 5), window), 1))
        found, expected = (
            value_and_gradient(functools.partial(pool, how=how, window=window), x, seed)
            for pool in (lowering.largest, lowering._largest_by_lax)
        )
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


def test_slices_take_at_most_the_memory_of_reduce_window():
    def bytes_of(pool):
        pool = functools.partial(pool, how=how, window=(3, 3))
        found = value_and_gradient.lower(pool, x, seed).compile().memory_analysis()
        outside = found.argument_size_in_bytes + found.output_size_in_bytes
        return outside + found.temp_size_in_bytes

    how = windows(2, 2, "SAME", None, None, "max_pool")
    x = jax.ShapeDtypeStruct((16, 27, 27, 32), "float32")
    seed = jax.ShapeDtypeStruct((16, 14, 14, 32), "float32")
    assert bytes_of(lowering.largest) <= bytes_of(lowering._largest_by_lax)


def test_accelerators_keep_reduce_window():
    how = windows(2, 2, "VALID", None, None, "max_pool")
    pool = functools.partial(lowering.largest, how=how, window=(2, 2))
    traced = value_and_gradient.trace(pool, draw((2, 4, 4, 2)), seed_for((2, 2, 2, 2)))
    for platform, is_by_lax in (("cpu", False), ("cuda", True), ("tpu", True)):
        text = traced.lower(lowering_platforms=(platform,)).as_text()
        assert ("stablehlo.reduce_window" in text) == is_by_lax
        assert ("stablehlo.select_and_scatter" in text) == is_by_lax
