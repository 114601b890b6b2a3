import numpy as np
import pytest

import jaxtape as jt
from tests.golden_values import keras_signature, signature_of
from tests.optimizers.golden_steps import cases_of, check_case, title


@pytest.mark.parametrize("case", cases_of("SGD"), ids=title)
def test_twenty_steps_are_keras_s(case):
    check_case(case)


def test_first_arguments_are_keras_s():
    ours = signature_of(jt.optimizers.SGD)
    assert ours[:3] == keras_signature("SGD")[:3]


@pytest.mark.parametrize("momentum", [-0.1, 1.5])
def test_momentum_must_be_a_share(momentum):
    with pytest.raises(ValueError, match=f"got {momentum}"):
        jt.optimizers.SGD(0.1, momentum=momentum)


def test_variables_of_all_sizes_move_by_the_rule():
    """One larger than a home, a scalar, and many small ones that share homes."""
    shapes = [(70_000,), (), *[(n % 7 + 1, 3) for n in range(40)]]
    variables = [jt.Variable(np.ones(shape, "float32")) for shape in shapes]
    gradients = [np.full(shape, n + 1, "float32") for n, shape in enumerate(shapes)]
    optimizer = jt.optimizers.SGD(0.001, momentum=0.5)
    for _ in range(3):
        optimizer.apply(gradients, variables)
    # Velocities are 1, 1.5 and 1.75 times -0.001 g.
    for n, variable in enumerate(variables):
        expected = np.full(shapes[n], 1 - 0.00425 * (n + 1))
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-5, atol=1e-6)
