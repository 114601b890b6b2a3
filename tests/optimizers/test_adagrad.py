import pytest

import jaxtape as jt
from tests.optimizers.golden_steps import (
    cases_of,
    check_case,
    check_finite,
    check_signature,
    title,
)


@pytest.mark.parametrize("case", cases_of("Adagrad"), ids=title)
def test_twenty_steps_are_keras_s(case):
    check_case(case)


def test_first_arguments_are_keras_s():
    check_signature("Adagrad")


@pytest.mark.parametrize("value", [-0.1, float("nan")])
def test_the_first_total_must_not_be_negative(value):
    with pytest.raises(ValueError, match=f"`initial_accumulator_value` .* got {value}"):
        jt.optimizers.Adagrad(initial_accumulator_value=value)


@pytest.mark.parametrize("first", [0.0, 0.1])
@pytest.mark.parametrize("epsilon", [0.0, 1e-7])
def test_f13n_no_gradient_gives_nan(first, epsilon):
    optimizer = jt.optimizers.Adagrad(0.1, first, epsilon)
    check_finite(optimizer, limit=0.31)  # g**2 is in the total: no step over 0.1
