import numpy as np

import jaxtape as jt


# Hazard F6n: plain JAX has gradient 1 at 0.
def test_gradient_at_zero_is_zero():
    weight = jt.Variable([0.0, -0.0, 2.0, -3.0])
    with jt.GradientTape() as tape:
        penalty = jt.regularizers.L1(0.5)(weight)
    assert float(penalty) == 2.5
    assert tape.gradient(penalty, weight).numpy().tolist() == [0.0, 0.0, 0.5, -0.5]


def test_the_function_makes_the_class():
    assert jt.regularizers.l1(0.3).get_config() == {"l1": 0.3}
    assert jt.regularizers.l1().get_config() == {"l1": 0.01}


def test_arrays_are_taken():
    assert float(jt.regularizers.L1(0.5)(np.array([1, -3]))) == 2.0
