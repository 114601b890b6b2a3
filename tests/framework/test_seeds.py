import threading

import jax
import numpy as np
import pytest

from jaxtape.framework import seeds
from jaxtape.framework.errors import ArgumentTypeError

# jax.random.key alone takes 2**32 and 2**40 for 0 while x64 is off.
SEEDS = (0, 1, -1, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**40, 2**63, -(2**63), 10**30)


def words(key):
    return tuple(jax.random.key_data(key).tolist())


def drawn(seed):
    seeds.set_seed(seed)
    return [words(seeds.next_key()) for _ in range(3)]


def test_a_seed_starts_the_same_keys_again():
    assert drawn(5) == drawn(5)


def test_seeds_beyond_32_bits_start_different_keys():
    keys = [key for seed in SEEDS for key in drawn(seed)]
    assert len(set(keys)) == len(keys)


def test_keys_of_seeds_differ():
    assert len({words(seeds.key_of(seed)) for seed in SEEDS}) == len(SEEDS)


@pytest.mark.parametrize("seed", [0, 7, 2**31 + 1, 2**32 - 1])
def test_key_of_a_32_bit_seed_is_jax_s(seed):
    assert words(seeds.key_of(seed)) == words(jax.random.key(seed))


def test_threads_never_share_a_key():
    keys = []
    draw = [lambda: keys.extend(words(seeds.next_key()) for _ in range(50))] * 4
    threads = [threading.Thread(target=target) for target in draw]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 200


def test_a_key_is_a_value_inside_a_jitted_function():
    keys = []
    jax.jit(lambda x: keys.append(seeds.next_key()) or x)(1.0)
    assert words(keys[0])


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg"])
def test_keys_fit_the_generator_that_jax_is_set_to(impl):
    with jax.default_prng_impl(impl):
        assert jax.random.key_impl(seeds.next_key()) == impl


@pytest.mark.parametrize("seed", [1.5, "1", None])
def test_a_seed_must_be_an_integer(seed):
    with pytest.raises(ArgumentTypeError, match=f"got {seed!r}"):
        seeds.set_seed(seed)


def test_numpy_integers_are_integers():
    seeds.set_seed(np.int64(5))
    assert [words(seeds.next_key()) for _ in range(3)] == drawn(5)
