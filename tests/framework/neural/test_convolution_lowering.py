"""Each form of a convolution against `jax.lax.conv_general_dilated`."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtape.framework.neural import convolution_lowering as lowering
from jaxtape.framework.neural.windows import windows

TOLERANCE = 1e-5  # of the largest number: sums of the same products in another order

# (input, filters, strides, padding, dilations, format)
CASES = [
    ((4, 9, 3), (4, 3, 2), 2, "SAME", 1, "NWC"),
    ((4, 5, 6, 2), (3, 2, 2, 3), (2, 1), "SAME", (1, 2), "NHWC"),
]
MORE_CASES = [  # every padding with every stride, and dilations
    *(
        ((4, 7, 6, 3), (3, 2, 3, 5), strides, padding, 1, "NHWC")
        for strides, padding in itertools.product(
            (1, 2, (3, 1)), ("VALID", "SAME", ((0, 0), (2, 1), (0, 3), (0, 0)))
        )
    ),
    ((4, 8, 9, 2), (3, 3, 2, 3), 1, "VALID", 2, "NHWC"),
    ((4, 2, 8, 9), (3, 3, 2, 3), 1, ((0, 0), (0, 0), (2, 1), (0, 3)), 1, "NCHW"),
    ((4, 8, 9, 2), (3, 3, 2, 3), (2, 1), "SAME", (1, 3), "NHWC"),
    ((4, 2, 5, 5), (1, 1, 2, 3), 2, "VALID", 1, "NCHW"),
    ((4, 5, 5, 8), (1, 1, 8, 3), 1, "SAME", 1, "NHWC"),
    ((4, 2, 2, 3), (5, 4, 3, 2), 1, "SAME", 1, "NHWC"),
    ((4, 3, 9), (2, 3, 2), 1, ((0, 0), (0, 0), (3, 0)), 3, "NCW"),
    ((2, 4, 4, 4, 2), (2, 3, 2, 2, 3), 1, "SAME", 1, "NDHWC"),
]
FORMS = [  # patches, products for each place of the window; at once, two at a time
    lowering._Form(4),
    lowering._Form(2),
    lowering._Form(4, True),
    lowering._Form(2, True),
]


CALL = "stablehlo.convolution"


def draw(*shapes):
    rng = np.random.default_rng(0)
    return [jnp.asarray(rng.normal(size=shape), "float32") for shape in shapes]


@functools.partial(jax.jit, static_argnums=0)
def gradients(convolve, x, filters, seed):
    """The value and both gradients of a sum."""
    value, pull = jax.vjp(convolve, x, filters)
    return value, pull(jnp.cos(value) * seed)


def assert_same(found, expected):
    for ours, theirs in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        scale = np.max(np.abs(theirs))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE * scale)


def forms_of(how, batch):
    """The convolution as it runs here by itself, and in each form that there is."""
    yield functools.partial(lowering.convolve, how=how, groups=1)
    for form in FORMS:
        if form.samples <= batch:
            yield functools.partial(lowering._convolve, how=how, forms=(form, form))


# Every day the one whose window is longer than its input, where lengths may be 0.
LONGER = ((4, 1, 2, 3), (3, 3, 3, 2), 1, "SAME", 1, "NHWC")
EVERY_CASE = [
    pytest.param(case, marks=[pytest.mark.slow] * (case != LONGER), id=str(case))
    for case in [LONGER, *CASES, *MORE_CASES]
]


@pytest.mark.parametrize("case", EVERY_CASE)
def test_every_form_gives_the_numbers_of_lax(case):
    shape, window, strides, padding, dilations, data_format = case
    how = windows(
        len(shape) - 2, strides, padding, data_format, dilations, "convolution"
    )
    how = how._replace(padding=how.pairs(how.space_of(shape), window[:-2]))
    by_lax = functools.partial(lowering._by_lax, how=how, groups=1)
    x, filters = draw(shape, window)
    (seed,) = draw(jax.eval_shape(by_lax, x, filters).shape)
    expected = gradients(by_lax, x, filters, seed)
    for convolve in forms_of(how, shape[0]):
        assert_same(gradients(convolve, x, filters, seed), expected)


@pytest.mark.slow
@pytest.mark.parametrize("form", [lowering._LAX, *FORMS])
def test_second_derivatives_and_tangents_are_those_of_lax(form):
    how = windows(2, 2, ((0, 0), (1, 0), (1, 1), (0, 0)), None, None, "convolution")
    x, filters, dx, dfilters = draw(*[(4, 5, 5, 2), (3, 2, 2, 3)] * 2)

    @functools.partial(jax.jit, static_argnums=0)
    def derivatives(convolve, primals, tangents):
        def loss(x, filters):
            return jnp.sum(jnp.sin(convolve(x, filters)))

        def of_gradient(x, filters):
            return sum(jnp.sum(g**3) for g in jax.grad(loss, (0, 1))(x, filters))

        return (
            jax.jvp(convolve, primals, tangents),
            jax.grad(of_gradient, (0, 1))(*primals),
            jax.jvp(jax.grad(loss, (0, 1)), primals, tangents),
            jax.vmap(convolve, (None, 0))(x, jnp.stack([filters, dfilters])),
        )

    convolve = functools.partial(lowering._convolve, how=how, forms=(form, form))
    by_lax = functools.partial(lowering._by_lax, how=how, groups=1)
    arrays = ((x, filters), (dx, dfilters))
    assert_same(derivatives(convolve, *arrays), derivatives(by_lax, *arrays))


def bytes_of(convolve, x, filters, seed):
    """Arguments, results and everything between, of the value and both gradients."""
    run = jax.jit(lambda x, w, g: (lambda y: (y[0], y[1](g)))(jax.vjp(convolve, x, w)))
    found = run.lower(x, filters, seed).compile().memory_analysis()
    outside = found.argument_size_in_bytes + found.output_size_in_bytes
    return outside + found.temp_size_in_bytes


# (input, filters, whether anything but lax runs on CPUs)
SIZES = [
    ((64, 13, 13, 32), (3, 3, 32, 64), True),
    ((1, 28, 28, 32), (3, 3, 32, 64), False),
]
MORE_SIZES = [
    ((64, 28, 28, 1), (3, 3, 1, 32), True),
    ((128, 32, 32, 3), (3, 3, 3, 32), True),
    ((32, 32, 32, 32), (3, 3, 32, 32), True),
    ((64, 14, 14, 32), (5, 5, 32, 64), True),
    ((32, 16, 16, 64), (1, 1, 64, 128), True),
    ((8, 64, 64, 64), (3, 3, 64, 64), True),
    ((16, 4, 4, 512), (3, 3, 512, 512), True),
    ((16, 2, 2, 512), (3, 3, 512, 512), True),
    ((61, 28, 28, 8), (7, 7, 8, 8), True),
    ((1, 112, 112, 64), (3, 3, 64, 64), False),
    ((512, 2, 2, 16), (3, 3, 16, 16), False),
    ((256, 2, 2, 512), (3, 3, 512, 512), True),
]
SIZES += [pytest.param(*size, marks=pytest.mark.slow) for size in MORE_SIZES]


@pytest.mark.parametrize(("shape", "window", "has_products"), SIZES)
def test_products_take_at_most_twice_the_memory_of_lax(shape, window, has_products):
    how = windows(2, 1, "SAME", None, None, "convolution")
    by_lax = functools.partial(lowering._by_lax, how=how, groups=1)
    ours = functools.partial(lowering.convolve, how=how, groups=1)
    x, w = (jax.ShapeDtypeStruct(s, "float32") for s in (shape, window))
    arrays = (x, w, jax.eval_shape(by_lax, x, w))
    assert bytes_of(ours, *arrays) <= 2 * bytes_of(by_lax, *arrays)
    settled = how._replace(padding=how.pairs(shape[1:-1], window[:2]))
    forms = lowering._forms(shape, window, settled)
    assert (forms != (lowering._LAX, lowering._LAX)) == has_products


def test_accelerators_keep_lax():
    how = windows(2, 1, "SAME", None, None, "convolution")
    x, filters, seed = draw((8, 8, 8, 4), (3, 3, 4, 8), (8, 8, 8, 8))

    ours = functools.partial(lowering.convolve, how=how, groups=1)

    def run(x, w, g):
        return jax.vjp(ours, x, w)[1](g)

    traced = jax.jit(run).trace(x, filters, seed)
    counts = {
        platform: traced.lower(lowering_platforms=(platform,)).as_text().count(CALL)
        for platform in ("cpu", "cuda", "tpu")
    }
    assert counts == {"cpu": 1, "cuda": 2, "tpu": 2}
