import numpy as np

import jaxtape as jt


def test_gradient_is_the_sign_and_zero_where_equal():
    p = jt.Variable([[1.0, 2.0, 3.0]])
    with jt.GradientTape() as tape:
        loss = jt.losses.MeanAbsoluteError()(np.full((1, 3), 2.0), p)
    np.testing.assert_allclose(
        tape.gradient(loss, p).numpy(), np.array([[-1, 0, 1]]) / 3, rtol=1e-6
    )


def test_mae_is_the_function():
    assert jt.losses.mae is jt.losses.mean_absolute_error
    assert jt.losses.mae([0.0, 0.0], [1.0, -3.0]).numpy() == 2.0
