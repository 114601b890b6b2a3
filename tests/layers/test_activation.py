import numpy as np
import pytest

import jaxtape as jt

X = np.array([-1.0, 0.0, 2.0], "float32")


@pytest.mark.parametrize("activation", ["relu", jt.nn.relu, lambda x: jt.maximum(x, 0)])
def test_a_name_and_a_function_give_the_same(activation):
    assert jt.layers.Activation(activation)(X).tolist() == [0.0, 0.0, 2.0]


def test_an_unknown_name_raises():
    with pytest.raises(ValueError, match=r"'rleu'.*'relu'"):
        jt.layers.Activation("rleu")
