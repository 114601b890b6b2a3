import numpy as np
import pytest

import jaxtape as jt
from tests.golden_values import keras_signature, signature_of


def test_arguments_are_keras_s():
    assert signature_of(jt.layers.Flatten)[:-1] == keras_signature("Flatten")[:-1]


@pytest.mark.parametrize(
    ("shape", "flat"), [((2, 3, 4), (2, 12)), ((2, 3), (2, 3)), ((2,), (2, 1))]
)
def test_a_row_for_each_sample(shape, flat):
    x = np.arange(np.prod(shape), dtype="float32").reshape(shape)
    np.testing.assert_array_equal(jt.layers.Flatten()(x).numpy(), x.reshape(flat))


def test_channels_first_comes_out_as_channels_last():
    x = np.arange(24, dtype="float32").reshape(2, 3, 4)
    y = jt.layers.Flatten("channels_first")(x)
    np.testing.assert_array_equal(y.numpy(), x.transpose(0, 2, 1).reshape(2, 12))


def test_another_data_format_raises():
    with pytest.raises(ValueError, match="'channels'"):
        jt.layers.Flatten(data_format="channels")


def test_inputs_without_a_batch_axis_are_refused():
    with pytest.raises(ValueError, match=r"batch axis; got shape \(\)"):
        jt.layers.Flatten()(jt.constant(1.0))
