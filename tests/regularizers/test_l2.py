import numpy as np

import jaxtape as jt


def test_gradient_is_twice_the_weight():
    weight = jt.Variable([[0.0, 1.0], [-2.0, 3.0]])
    with jt.GradientTape() as tape:
        penalty = jt.regularizers.L2(0.5)(weight)
    assert float(penalty) == 7.0
    np.testing.assert_array_equal(
        tape.gradient(penalty, weight).numpy(), weight.numpy()
    )


def test_the_function_makes_the_class():
    assert jt.regularizers.l2(0.3).get_config() == {"l2": 0.3}
    assert jt.regularizers.l2().get_config() == {"l2": 0.01}
