import pytest

import jaxtape as jt
from tests.optimizers.golden_steps import (
    cases_of,
    check_case,
    check_finite,
    check_signature,
    title,
)


@pytest.mark.parametrize("case", cases_of("Lion"), ids=title)
def test_twenty_steps_are_keras_s(case):
    check_case(case)


def test_first_arguments_are_keras_s():
    check_signature("Lion")


@pytest.mark.parametrize("value", [0.0, 1.1, float("nan")])
def test_the_share_of_the_momentum_must_be_positive(value):
    with pytest.raises(ValueError, match=f"`beta_1` .* got {value}"):
        jt.optimizers.Lion(beta_1=value)


@pytest.mark.parametrize("value", [1.0, -0.1])
def test_the_decay_must_be_under_one(value):
    with pytest.raises(ValueError, match=f"`beta_2` .* got {value}"):
        jt.optimizers.Lion(beta_2=value)


def test_f13n_no_gradient_gives_nan():
    check_finite(jt.optimizers.Lion(0.1), limit=0.31)
