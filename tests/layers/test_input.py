import numpy as np
import pytest

import jaxtape as jt


@pytest.mark.parametrize("shape", [(3,), 3, [3]])
def test_a_model_with_input_has_weights_at_once(shape):
    model = jt.Sequential([jt.Input(shape), jt.layers.Dense(2)])
    assert [w.shape for w in model.weights] == [(3, 2), (2,)]
    assert [type(layer).__name__ for layer in model.layers] == ["Dense"]


def test_it_returns_its_inputs():
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(jt.layers.InputLayer((3,))(x).numpy(), x)


def test_the_shape_is_needed():
    with pytest.raises(ValueError, match="`shape` is missing"):
        jt.Input()
