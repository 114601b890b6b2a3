import numpy as np
import pytest

import jaxtape as jt
from tests.optimizers.golden_steps import (
    cases_of,
    check_case,
    check_finite,
    check_signature,
    title,
)


@pytest.mark.parametrize("case", cases_of("RMSprop"), ids=title)
def test_twenty_steps_are_keras_s(case):
    check_case(case)


def test_first_arguments_are_keras_s():
    check_signature("RMSprop")


@pytest.mark.parametrize("name", ["rho"])
@pytest.mark.parametrize("value", [1.0, -0.1, float("nan")])
def test_shares_must_be_under_one(name, value):
    with pytest.raises(ValueError, match=f"`{name}` .* got {value}"):
        jt.optimizers.RMSprop(**{name: value})


@pytest.mark.parametrize("momentum", [-0.1, 1.5])
def test_momentum_must_be_a_share(momentum):
    with pytest.raises(ValueError, match=f"got {momentum}"):
        jt.optimizers.RMSprop(momentum=momentum)


@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("epsilon", [0.0, 1e-7])
def test_f13n_no_gradient_gives_nan(centered, epsilon):
    optimizer = jt.optimizers.RMSprop(0.1, epsilon=epsilon, centered=centered)
    # g / sqrt(square) is at most 1 / sqrt(1 - rho), centered at most 1 / (1 - rho).
    check_finite(optimizer, limit=3.01)


def test_a_variance_is_never_negative():
    """With equal gradients the two means cancel, in float32 to below -epsilon."""
    variable = jt.Variable(np.zeros(50, "float32"))
    optimizer = jt.optimizers.RMSprop(1e-6, rho=0.3, centered=True)
    gradient = jt.constant(np.linspace(10.0, 1000.0, 50, dtype="float32"))
    for _ in range(30):
        optimizer.apply([gradient], [variable])
    assert np.all(np.isfinite(variable.numpy()))


def test_it_is_found_by_keras_s_name():
    assert type(jt.optimizers.get("rmsprop")) is jt.optimizers.RMSprop
