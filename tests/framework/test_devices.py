import jax
import pytest

import jaxtape as jt
from jaxtape.framework.devices import find_device


@pytest.mark.parametrize("name", ["cpu", "cpu:0", "/CPU:0", "/device:CPU:0"])
def test_tensorflow_s_names_and_short_ones(name):
    assert find_device(name) == jax.devices("cpu")[0]


def test_a_block_computes_on_its_device():
    x = jt.Variable(3.0)
    with jt.device("/CPU:0"), jt.GradientTape() as tape:
        y = x * x
    assert float(tape.gradient(y, x)) == 6.0


@pytest.mark.parametrize("name", ["cpu:99", "tpu:99"])
def test_a_device_that_is_not_there_raises(name):
    with pytest.raises(ValueError, match=f"no device '{name}'"), jt.device(name):
        pass


def test_a_name_that_is_none_raises():
    with pytest.raises(ValueError, match="got 'processor'"), jt.device("processor"):
        pass
