"""Sums of 10^6 samples are right to 1e-6, whatever they are fed in (row F14n)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.training.metrics import accumulation

MILLION = 10**6
_add_all = jax.jit(accumulation.add_all)


def samples(kind):
    rng = np.random.default_rng(3)
    return {
        "the same": np.full(MILLION, 0.1),
        "uniform": rng.random(MILLION),
        "of both signs": rng.normal(size=MILLION) + 0.01,
        "far apart": np.exp(6 * rng.normal(size=MILLION)),
    }[kind]


def relative_error(found, exact):
    return abs(float(found) - exact) / abs(exact)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("kind", ["the same", "uniform", "of both signs", "far apart"])
@pytest.mark.parametrize(
    "dtype", ["float32", "bfloat16", pytest.param("float16", marks=pytest.mark.slow)]
)
def test_one_batch_of_a_million(kind, dtype):
    values = np.minimum(samples(kind), 6e4).astype(dtype)
    mean = jt.metrics.Mean()
    mean.update_state(values)
    exact = values.astype("float64").mean()
    assert relative_error(mean.result(), exact) < 1e-6


@pytest.mark.parametrize("size", [1, 32])
@pytest.mark.parametrize(
    "kind", ["the same", pytest.param("of both signs", marks=pytest.mark.slow)]
)
def test_many_updates_in_a_recorded_loop(size, kind):
    values = samples(kind).astype("float32")
    rows = jt.constant(values.reshape(-1, size))
    mean = jt.metrics.Mean()

    @jt.function
    def run(rows):
        def body(step):
            mean.update_state(rows[step])
            return (step + 1,)

        jt.while_loop(lambda step: step < len(values) // size, body, (0,))

    run(rows)
    exact = values.astype("float64").mean()
    assert relative_error(mean.result(), exact) < 1e-6
    assert float(mean.count) == MILLION


def test_weighted_means_of_many_updates():
    rng = np.random.default_rng(4)
    rows = rng.random((31250, 32)).astype("float32")
    weights = np.exp(4 * rng.normal(size=rows.shape)).astype("float32")
    mean = jt.metrics.Mean()

    @jt.function
    def run(rows, weights):
        def body(step):
            mean.update_state(rows[step], weights[step])
            return (step + 1,)

        jt.while_loop(lambda step: step < 31250, body, (0,))

    run(jt.constant(rows), jt.constant(weights))
    exact = np.average(rows.astype("float64"), weights=weights.astype("float64"))
    assert relative_error(mean.result(), exact) < 1e-6


@pytest.mark.parametrize("kind", ["Mean", "TruePositives"])
def test_a_counter_does_not_stick_at_2_to_the_24(kind):
    metric = getattr(jt.metrics, kind)()
    (sums,) = metric.variables
    sums.assign(np.stack([np.full(sums.shape[1:], 2.0**24), np.zeros(sums.shape[1:])]))
    shown = [[1.0]] if kind == "Mean" else [[1.0], [1.0]]
    for _ in range(7):
        metric.update_state(*shown)
    counted = metric.count if kind == "Mean" else metric.result()
    # 2**24 + 7 itself is no float32; its even neighbour is.
    assert float(counted) == 2**24 + 8


def test_xla_keeps_what_rounding_loses():
    """One plain sum and its loss: 1 + 1e-10 a thousand times, compiled and not."""
    tiny = jnp.float32(1e-10)

    def run(sums):
        step = lambda sums, _: (accumulation.add(sums, tiny), None)  # noqa: E731
        return jax.lax.scan(step, sums, None, 1000)[0]

    start = jnp.asarray([1.0, 0.0], jnp.float32)
    for found in (run(start), jax.jit(run)(start)):
        lost = float(found[0]) - 1 + float(found[1])
        # The loss is added up in float32 itself: at most 1000 times eps / 2.
        assert lost == pytest.approx(1e-7, rel=6e-5)


def test_parts_of_a_sum_are_exact_in_any_order():
    rng = np.random.default_rng(5)
    terms = np.exp(5 * rng.normal(size=10_000)).astype("float32")
    places = rng.integers(0, 3, terms.size)

    def by_place(terms):
        return jax.ops.segment_sum(terms, places, 3)

    add = jax.jit(accumulation.add_reduced, static_argnums=2)
    found = np.asarray(add(jnp.zeros((2, 3)), terms, by_place), "float64").sum(0)
    exact = np.bincount(places, terms.astype("float64"))
    np.testing.assert_allclose(found, exact, rtol=1e-9)


@pytest.mark.parametrize("value", [-np.inf, np.nan])
def test_a_sum_that_is_not_finite_stays_what_it_is(value):
    sums = _add_all(jnp.zeros(2), jnp.asarray([1.0, value]))
    sums = _add_all(sums, jnp.asarray([1.0, 2.0]))
    np.testing.assert_equal(np.asarray(sums), [value, 0.0])


def test_a_sum_beyond_the_largest_number_is_infinite():
    sums = _add_all(jnp.zeros(2), jnp.asarray([3e38, 3e38]))
    assert np.asarray(sums).tolist() == [np.inf, 0.0]
    single = _add_all(jnp.zeros(2), jnp.asarray([3e38, 1.0]))
    assert float(accumulation.value(single)) == np.float32(3e38)


def test_float64_sums_are_of_float64():
    with jax.enable_x64(True):
        mean = jt.metrics.Mean(dtype="float64")
        mean.update_state(np.full(1000, 0.1))
        assert mean.result().dtype == np.float64
        assert float(mean.result()) == pytest.approx(0.1, rel=1e-15)
