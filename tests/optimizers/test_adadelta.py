import pytest

import jaxtape as jt
from tests.optimizers.golden_steps import (
    cases_of,
    check_case,
    check_finite,
    check_signature,
    title,
)


@pytest.mark.parametrize("case", cases_of("Adadelta"), ids=title)
def test_twenty_steps_are_keras_s(case):
    check_case(case)


def test_first_arguments_are_keras_s():
    check_signature("Adadelta")


@pytest.mark.parametrize("name", ["rho"])
@pytest.mark.parametrize("value", [1.0, -0.1, float("nan")])
def test_shares_must_be_under_one(name, value):
    with pytest.raises(ValueError, match=f"`{name}` .* got {value}"):
        jt.optimizers.Adadelta(**{name: value})


def test_f13n_no_gradient_gives_nan():
    # The first step is sqrt(epsilon / (1 - rho)) = 0.0014 at most, then a little more.
    check_finite(jt.optimizers.Adadelta(1.0), limit=0.01)


def test_f13n_without_epsilon_nothing_moves():
    """The first step is a share of the last one, which was 0."""
    variable = jt.Variable([1.0, -2.0])
    jt.optimizers.Adadelta(1.0, epsilon=0.0).apply(
        [jt.constant([0.0, 1.0])], [variable]
    )
    assert variable.tolist() == [1.0, -2.0]
