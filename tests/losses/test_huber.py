import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.errors import ArgumentError


@pytest.mark.parametrize("delta", [0.5, 2.0])
def test_gradient_is_the_error_up_to_delta(delta):
    error = np.array([[-3.0, -0.4, 0.0, 0.4, 3.0]], "float32")
    p = jt.Variable(error)
    with jt.GradientTape() as tape:
        loss = jt.losses.Huber(delta)(np.zeros((1, 5)), p)
    expected = np.clip(error, -delta, delta) / 5
    np.testing.assert_allclose(tape.gradient(loss, p).numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("delta", [0.0, -1.0, float("nan")])
def test_delta_must_be_positive(delta):
    with pytest.raises(ArgumentError, match=f"got {delta}"):
        jt.losses.Huber(delta)
    with pytest.raises(ArgumentError, match=f"got {delta}"):
        jt.losses.huber([0.0], [1.0], delta)
