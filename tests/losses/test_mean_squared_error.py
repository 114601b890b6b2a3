import numpy as np

import jaxtape as jt

Y = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]], "float32")
P = np.array([[1.0, 1.0], [0.0, 3.5], [4.0, 2.0]], "float32")


def test_class_is_the_mean_of_all_squares():
    value = float(jt.losses.MeanSquaredError()(Y, P))
    np.testing.assert_allclose(value, ((Y - P) ** 2).mean(), rtol=1e-6)


def test_function_is_the_mean_over_the_last_axis():
    values = jt.losses.mean_squared_error(Y, P).numpy()
    np.testing.assert_allclose(values, ((Y - P) ** 2).mean(-1), rtol=1e-6)


def test_gradient_is_by_calculus():
    p = jt.Variable(P)
    with jt.GradientTape() as tape:
        loss = jt.losses.MeanSquaredError()(Y, p)
    np.testing.assert_allclose(tape.gradient(loss, p).numpy(), 2 * (P - Y) / 6, 1e-6)


def test_second_derivative_is_constant():
    p = jt.Variable([[2.0]])
    with jt.GradientTape() as outer:
        with jt.GradientTape() as inner:
            loss = jt.losses.MeanSquaredError()([[0.0]], p)
        slope = inner.gradient(loss, p)
    assert outer.gradient(slope, p).numpy().tolist() == [[2.0]]


def test_call_gives_the_values_of_the_samples():
    values = jt.losses.MeanSquaredError(reduction="sum").call(Y, P)
    np.testing.assert_allclose(values.numpy(), ((Y - P) ** 2).mean(-1), rtol=1e-6)
