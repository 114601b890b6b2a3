import pytest

import jaxtape as jt
from tests.optimizers.golden_steps import (
    cases_of,
    check_case,
    check_finite,
    check_signature,
    title,
)


@pytest.mark.parametrize("case", cases_of("Adamax"), ids=title)
def test_twenty_steps_are_keras_s(case):
    check_case(case)


def test_first_arguments_are_keras_s():
    check_signature("Adamax")


@pytest.mark.parametrize("name", ["beta_1", "beta_2"])
@pytest.mark.parametrize("value", [1.0, -0.1, float("nan")])
def test_shares_must_be_under_one(name, value):
    with pytest.raises(ValueError, match=f"`{name}` .* got {value}"):
        jt.optimizers.Adamax(**{name: value})


@pytest.mark.parametrize("epsilon", [0.0, 1e-7])
def test_f13n_no_gradient_gives_nan(epsilon):
    optimizer = jt.optimizers.Adamax(0.1, epsilon=epsilon)
    check_finite(optimizer, limit=0.31)  # equal gradients: each step is the rate
