"""Draws from a seed of two integers, and the generators that give such seeds."""

import math

import numpy as np
import pytest

import jaxtape as jt
from tests.compile_counter import count_compiles

SEED = [3, 4]
SHAPE = (20_000,)

DRAWS = [
    lambda seed: jt.random.stateless_normal((3,), seed),
    lambda seed: jt.random.stateless_truncated_normal((3,), seed),
    lambda seed: jt.random.stateless_uniform((3,), seed),
    lambda seed: jt.random.stateless_uniform((3,), seed, 0, 1000, "int32"),
    lambda seed: jt.random.stateless_uniform((3,), seed, None, None, "int32"),
    lambda seed: jt.random.stateless_categorical([0.0] * 1000, 3, seed),
    lambda seed: jt.random.stateless_gamma((3,), seed, 2.0),
    lambda seed: jt.random.stateless_poisson((3,), seed, 1000.0),
    lambda seed: jt.random.stateless_binomial((3,), seed, 1000.0, 0.5),
]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("draw", DRAWS)
def test_the_same_seed_gives_the_same_numbers_and_another_one_others(draw):
    first = draw(SEED).tolist()
    assert draw(SEED).tolist() == first
    assert draw([3, 5]).tolist() != first


def test_seeds_are_data():
    jt.random.stateless_normal((3,), np.array([0, 0])).numpy()
    with count_compiles() as compiles:
        for number in range(20):
            jt.random.stateless_normal((3,), np.array([number, 1])).numpy()
    assert compiles.count == 0


# Mean and variance of the distributions; the error of a mean of n draws is sqrt(v / n).
@pytest.mark.slow
@pytest.mark.parametrize(
    ("draw", "mean", "variance"),
    [
        (lambda: jt.random.stateless_normal(SHAPE, SEED, 2.0, 3.0), 2, 9),
        (lambda: jt.random.stateless_uniform(SHAPE, SEED, 1.0, 3.0), 2, 1 / 3),
        (lambda: jt.random.stateless_gamma(SHAPE, SEED, 3.0, 2.0), 1.5, 0.75),
        (lambda: jt.random.stateless_poisson(SHAPE, SEED, 4.0), 4, 4),
        (lambda: jt.random.stateless_binomial(SHAPE, SEED, 10.0, 0.3), 3, 2.1),
        (lambda: jt.random.gamma(SHAPE, 3.0, 2.0, seed=1), 1.5, 0.75),
        (lambda: jt.random.poisson(SHAPE, 4.0, seed=1), 4, 4),
        (lambda: jt.random.Generator(1).binomial(SHAPE, 10.0, 0.3), 3, 2.1),
    ],
)
def test_draws_have_their_mean_and_variance(draw, mean, variance):
    drawn = draw().numpy().astype("float64")
    assert abs(drawn.mean() - mean) < 5 * math.sqrt(variance / drawn.size)
    assert drawn.var() == pytest.approx(variance, rel=0.1)


def test_shapes_of_gamma_and_poisson_end_with_those_of_their_parameters():
    assert jt.random.gamma((4,), [[1.0, 2.0]], [[1.0], [2.0]]).shape == (4, 2, 2)
    assert jt.random.poisson((4,), [1.0, 2.0]).shape == (4, 2)


def test_gradients_of_a_gamma_draw_by_its_scale():
    """A draw is a standard one / beta, so its slope by beta is -draw / beta."""
    beta = jt.constant(2.0)
    with jt.GradientTape() as tape:
        tape.watch(beta)
        drawn = jt.random.stateless_gamma((), SEED, 3.0, beta)
    slope = float(tape.gradient(drawn, beta))
    assert slope == pytest.approx(-float(drawn) / 2, rel=1e-6)


def test_split_seeds_are_rows_of_their_own():
    rows = jt.random.split(SEED, 5).tolist()
    assert len({tuple(row) for row in rows}) == 5
    assert jt.random.fold_in(SEED, 1).tolist() != jt.random.fold_in(SEED, 2).tolist()


def test_split_generators_differ_from_each_other_and_from_their_origin():
    generator = jt.random.Generator.from_seed(7)
    parts = generator.split(2)
    drawn = [g.normal((3,)).tolist() for g in (generator, *parts)]
    assert len({tuple(numbers) for numbers in drawn}) == 3


def test_a_generator_goes_on_from_a_state():
    generator = jt.random.Generator.from_seed(7)
    other = jt.random.Generator.from_state(generator.state)
    first = generator.normal((3,)).tolist()
    assert other.normal((3,)).tolist() == first
    generator.reset_from_seed(7)
    assert generator.normal((3,)).tolist() == first
    generator.reset(jt.random.Generator.from_seed(7).state)
    assert generator.normal((3,)).tolist() == first


def test_make_seeds_gives_seeds_for_stateless_draws():
    seeds = jt.random.Generator.from_seed(7).make_seeds(2)
    assert seeds.shape == (2, 2)
    first, second = (jt.random.stateless_normal((3,), seeds[:, i]) for i in (0, 1))
    assert first.tolist() != second.tolist()


def test_another_global_generator_draws():
    before = jt.random.get_global_generator()
    try:
        jt.random.set_global_generator(jt.random.Generator(5))
        expected = jt.random.Generator(5).normal((3,)).tolist()
        assert jt.random.normal((3,)).tolist() == expected
    finally:
        jt.random.set_global_generator(before)


def test_integers_of_the_whole_range_have_all_their_bits():
    drawn = jt.random.Generator(1).uniform_full_int((4000,), "int32").numpy()
    bits = np.unpackbits(drawn.view(np.uint8)).mean()
    assert abs(bits - 0.5) < 0.01
    assert drawn.dtype == np.int32


def test_dropout_keeps_the_mean_and_zeros_its_part():
    x = jt.ones((20_000,))
    dropped = jt.nn.dropout(x, 0.3, seed=1).numpy()
    assert abs((dropped == 0).mean() - 0.3) < 5 * math.sqrt(0.3 * 0.7 / x.size)
    np.testing.assert_allclose(dropped[dropped != 0], 1 / 0.7, rtol=1e-6)


def test_dropout_shares_a_draw_along_axes_of_length_1():
    rows = jt.nn.dropout(jt.ones((50, 4)), 0.5, (None, 1), seed=1).numpy()
    assert (rows == rows[:, :1]).all()
