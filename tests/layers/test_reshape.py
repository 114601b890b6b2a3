import numpy as np
import pytest

import jaxtape as jt
from jaxtape.layers import Reshape

X = np.arange(24, dtype="float32").reshape(2, 12)


@pytest.mark.parametrize(
    ("target", "expected"),
    [((3, 4), (3, 4)), ((-1, 6), (2, 6)), ([12], (12,)), (-1, (12,))],
)
def test_samples_are_reshaped_and_the_batch_stays(target, expected):
    y = Reshape(target)(X)
    np.testing.assert_array_equal(y.numpy(), X.reshape(2, *expected))
    assert Reshape(target)(X[:0]).shape == (0, *expected)


def test_a_scalar_for_each_sample():
    assert Reshape(())(X[:, :1]).shape == (2,)


@pytest.mark.parametrize("target", [(5,), (-1, 5), (-1, 0)])
def test_another_number_of_elements_raises(target):
    with pytest.raises(ValueError, match=r"got inputs of shape \(2, 12\)"):
        Reshape(target)(X)


def test_inputs_without_a_batch_raise():
    with pytest.raises(ValueError, match=r"got inputs of shape \(\)"):
        Reshape((1,))(jt.constant(1.0))


@pytest.mark.parametrize("target", [(-1, -1), (2, -3), (2.5,), (None, 2)])
def test_the_target_is_made_of_lengths(target):
    with pytest.raises(ValueError, match=r"got \(" + str(target[0])):
        Reshape(target)
