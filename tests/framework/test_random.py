"""`jt.random`: streams, seeds, distributions, and draws under a tape."""

import jax
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.errors import ArgumentError, ArgumentTypeError
from tests.compile_counter import count_compiles

N = 20_000


@pytest.fixture(autouse=True)
def _seeded():
    jt.random.set_seed(0)


def first_draws(seed):
    jt.random.set_seed(seed)
    return tuple(jt.random.normal((4,)).numpy().tolist())


def test_a_seed_starts_the_same_stream_again():
    assert first_draws(7) == first_draws(7)


def test_distinct_seeds_start_distinct_streams():
    seeds = (0, 1, -1, 2**32, -(2**32), 2**40, 2**63, 2**63 + 1, 10**30)
    assert len({first_draws(seed) for seed in seeds}) == len(seeds)


def test_no_seed_takes_fresh_entropy():
    assert first_draws(None) != first_draws(None)


@pytest.mark.parametrize("seed", [1.5, "1", np.float32(1)])
def test_a_seed_that_is_no_integer_is_refused(seed):
    with pytest.raises(ArgumentTypeError, match=r"`seed` must be an integer; got"):
        jt.random.set_seed(seed)
    with pytest.raises(ArgumentTypeError, match=r"`seed` must be an integer; got"):
        jt.random.normal((1,), seed=seed)


def test_draws_follow_one_another():
    draws = [jt.random.uniform((3,)).numpy() for _ in range(3)]
    assert len({tuple(draw) for draw in draws}) == 3


def test_reading_twice_gives_the_same_numbers():
    draw = jt.random.normal((3,))
    np.testing.assert_array_equal(draw.numpy(), draw.numpy())


def test_a_call_s_own_seed_is_a_stream_of_its_own():
    alone = [jt.random.normal((2,), seed=5).numpy() for _ in range(2)]
    assert (alone[0] != alone[1]).all()
    jt.random.set_seed(0)
    jt.random.normal((9,))  # another stream: changes nothing
    np.testing.assert_array_equal(jt.random.normal((2,), seed=5), alone[0])


def test_forward_and_gradient_see_the_same_numbers():
    x = jt.constant(np.ones(5, np.float32))
    for _ in range(3):  # op by op first, compiled later
        with jt.GradientTape() as tape:
            tape.watch(x)
            noise = jt.random.normal((5,))
            y = jt.reduce_sum(noise * x)
        np.testing.assert_array_equal(tape.gradient(y, x), noise)


def test_under_a_tape_the_same_numbers_are_drawn():
    drawn = []
    for covered in (False, True, True):
        jt.random.set_seed(3)
        with jt.GradientTape() if covered else jt.device("cpu"):
            drawn.append(np.concatenate([jt.random.normal((2,)) for _ in range(3)]))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    np.testing.assert_array_equal(drawn[0], drawn[2])


def test_gradients_reach_mean_and_stddev():
    mean, stddev = jt.Variable(1.0), jt.Variable(2.0)
    with jt.GradientTape() as tape:
        draw = jt.random.normal((), mean, stddev)
    by_mean, by_stddev = tape.gradient(draw, [mean, stddev])
    assert float(by_mean) == 1.0
    assert float(by_stddev) == pytest.approx((float(draw) - 1) / 2, rel=1e-5)


def test_parameters_are_inputs():
    jt.random.normal((3,), 0.5, 1.5).numpy()
    with count_compiles() as compiles:
        for step in range(100):
            jt.random.normal((3,), 0.1 * step, 1.0 + step).numpy()
    assert compiles.count == 0


def test_a_loop_of_draws_compiles_nothing_new():
    v = jt.Variable(np.zeros(3, np.float32))

    def step():
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum((v - jt.random.normal((3,))) ** 2)
        v.assign_sub(0.1 * tape.gradient(loss, v))

    step(), step(), step()
    with count_compiles() as compiles:
        for _ in range(20):
            step()
    assert compiles.count == 0


# Moments: the standard error of a mean of N draws is std / sqrt(N); 5 of them.


def close(value, expected, std):
    return abs(float(value) - expected) < 5 * std / np.sqrt(N)


def test_normal_has_its_mean_and_standard_deviation():
    draw = jt.random.normal((N,), 3.0, 2.0).numpy()
    assert close(draw.mean(), 3.0, 2.0)
    assert close(draw.std(), 2.0, 2.0)


def test_truncated_normal_stays_within_two_standard_deviations():
    draw = jt.random.truncated_normal((N,), 1.0, 2.0).numpy()
    assert np.abs(draw - 1).max() <= 4
    assert close(draw.mean(), 1.0, 2.0)
    # Burkardt, 2014: the standard deviation of N(0, 1) cut at 2 is 0.87963.
    assert close(draw.std(), 2 * 0.87963, 2.0)


def test_uniform_fills_its_interval():
    draw = jt.random.uniform((N,), -1.0, 3.0).numpy()
    assert draw.min() >= -1
    assert draw.max() < 3
    assert close(draw.mean(), 1.0, 4 / np.sqrt(12))


def test_uniform_integers_reach_all_but_the_upper_end():
    draw = jt.random.uniform((N,), 1, 7, dtype="int32").numpy()
    assert draw.dtype == "int32"
    counts = np.bincount(draw, minlength=8)
    assert (counts[[0, 7]] == 0).all()
    assert np.abs(counts[1:7] - N / 6).max() < 5 * np.sqrt(N * 5 / 36)


def test_categorical_draws_by_probability():
    probabilities = np.array([0.1, 0.6, 0.3])
    logits = np.log(probabilities)[None] + 5  # a constant makes no difference
    draw = jt.random.categorical(logits, N)
    assert draw.shape == (1, N)
    found = np.bincount(draw.numpy()[0], minlength=3) / N
    assert np.abs(found - probabilities).max() < 5 * 0.5 / np.sqrt(N)


def test_shuffle_keeps_the_rows():
    data = np.arange(40.0, dtype=np.float32).reshape(20, 2)
    shuffled = jt.random.shuffle(data).numpy()
    assert (shuffled != data).any()
    np.testing.assert_array_equal(np.sort(shuffled, axis=0), data)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_dtype_is_that_asked_for(dtype):
    assert jt.random.normal((2,), 0.5, 2.0, dtype).dtype == dtype
    assert jt.random.uniform((2,), 0.0, 2.0, dtype).dtype == dtype


def test_integers_need_an_upper_end():
    with pytest.raises(ArgumentError, match="needs `maxval` for dtype int32"):
        jt.random.uniform((2,), dtype="int32")


def test_a_normal_integer_is_refused():
    with pytest.raises(ArgumentError, match="Cannot draw int32"):
        jt.random.normal((2,), dtype="int32")


def test_float64_needs_x64():
    with pytest.raises(ValueError, match="enable_x64"):
        jt.random.normal((2,), dtype="float64")
    with jax.enable_x64(True):
        assert jt.random.normal((2,), dtype="float64").dtype == "float64"


def test_a_generator_resumes_from_its_state():
    first, second = jt.random.Generator(1), jt.random.Generator(2)
    first.normal((3,))
    second.state.assign(first.state)
    np.testing.assert_array_equal(first.uniform((3,)), second.uniform((3,)))


def test_the_first_draw_inside_jax_jit_leaves_no_tracer_behind():
    generator = []
    jax.jit(lambda x: generator.append(jt.random.Generator(1)) or x)(1.0)
    expected = jt.random.Generator(1).normal((2,))
    np.testing.assert_array_equal(generator[0].normal((2,)), expected)
