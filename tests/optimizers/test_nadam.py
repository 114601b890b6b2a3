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


@pytest.mark.parametrize("case", cases_of("Nadam"), ids=title)
def test_twenty_steps_are_keras_s(case):
    check_case(case)


def test_first_arguments_are_keras_s():
    check_signature("Nadam")


@pytest.mark.parametrize("name", ["beta_1", "beta_2"])
@pytest.mark.parametrize("value", [1.0, -0.1, float("nan")])
def test_shares_must_be_under_one(name, value):
    with pytest.raises(ValueError, match=f"`{name}` .* got {value}"):
        jt.optimizers.Nadam(**{name: value})


@pytest.mark.parametrize("epsilon", [0.0, 1e-7])
def test_f13n_no_gradient_gives_nan(epsilon):
    optimizer = jt.optimizers.Nadam(0.1, epsilon=epsilon)
    check_finite(optimizer, limit=0.31)  # equal gradients: each step is the rate


def test_a_late_update_is_the_paper_s():
    """Far beyond the table of products, with the recursion of the paper in float64."""
    done, variable = 3000, jt.Variable(1.0)
    optimizer = jt.optimizers.Nadam(0.1, beta_1=0.999)
    optimizer.iterations.assign(done)
    optimizer.apply([jt.constant(2.0)], [variable])
    u = 0.999 * (1 - 0.5 * 0.96 ** np.arange(1.0, done + 3))
    product = np.prod(u[:-1])
    ahead = u[-1] * 0.002 / (1 - product * u[-1]) + (1 - u[-2]) * 2 / (1 - product)
    root = np.sqrt(0.004 / (1 - 0.999 ** (done + 1)))
    assert float(variable) == pytest.approx(1 - 0.1 * ahead / root, abs=2e-6)
