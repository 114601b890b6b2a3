import numpy as np

import jaxtape as jt


def test_a_factor_of_zero_leaves_its_part_out():
    weight = jt.Variable([1e30, 0.0])  # whose square is infinite
    with jt.GradientTape() as tape:
        penalty = jt.regularizers.L1L2(l1=0.5)(weight)
    np.testing.assert_allclose(float(penalty), 5e29, rtol=1e-6)
    assert tape.gradient(penalty, weight).numpy().tolist() == [0.5, 0.0]


def test_the_function_has_tf_keras_s_defaults():
    assert jt.regularizers.l1_l2().get_config() == {"l1": 0.01, "l2": 0.01}
    assert jt.regularizers.L1L2().get_config() == {"l1": 0.0, "l2": 0.0}
