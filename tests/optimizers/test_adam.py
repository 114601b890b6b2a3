import numpy as np
import pytest

import jaxtape as jt
from tests.golden_values import keras_signature, signature_of
from tests.optimizers.golden_steps import cases_of, check_case, title


@pytest.mark.one_in(3)
@pytest.mark.parametrize("case", cases_of("Adam"), ids=title)
def test_twenty_steps_are_keras_s(case):
    check_case(case)


def test_first_arguments_are_keras_s():
    ours = signature_of(jt.optimizers.Adam)
    assert ours[:5] == keras_signature("Adam")[:5]


@pytest.mark.parametrize("name", ["beta_1", "beta_2"])
@pytest.mark.parametrize("beta", [1.0, -0.1, float("nan")])
def test_betas_must_be_under_one(name, beta):
    with pytest.raises(ValueError, match=f"`{name}` .* got {beta}"):
        jt.optimizers.Adam(**{name: beta})


@pytest.mark.one_in(5)
@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("epsilon", [0.0, 1e-7])
@pytest.mark.parametrize("size", [0.0, 1e-20, 1e20])
def test_f13n_no_gradient_gives_nan(amsgrad, epsilon, size):
    variable = jt.Variable([1.0, -2.0])
    optimizer = jt.optimizers.Adam(0.1, epsilon=epsilon, amsgrad=amsgrad)
    for _ in range(3):
        optimizer.apply([jt.constant([size, -size])], [variable])
    # No update of Adam's is larger than the rate by much (section 2.1 of the paper).
    assert np.all(np.abs(variable.numpy() - [1.0, -2.0]) < 0.31)
    if size == 0.0:
        assert variable.numpy().tolist() == [1.0, -2.0]


def test_f13n_the_step_counter_saturates():
    variable = jt.Variable(1.0)
    optimizer = jt.optimizers.Adam(0.1)
    optimizer.iterations.assign(2**31 - 2)
    for _ in range(3):
        optimizer.apply([jt.constant(1.0)], [variable])
    assert int(optimizer.iterations) == 2**31 - 1
    assert np.isfinite(variable.numpy())
