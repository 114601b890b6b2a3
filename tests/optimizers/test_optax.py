import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxtape as jt
from tests.optimizers.golden_steps import GOLDEN, NAMES, start


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "rule",
    [
        optax.adamw(1e-2, weight_decay=0.1),
        optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(0.1, momentum=0.9)),
        optax.adam(optax.linear_schedule(0.1, 0.0, 10)),
    ],
    ids=["adamw", "clipped sgd", "schedule"],
)
def test_steps_are_those_of_plain_optax(rule):
    variables, params = start(), [jnp.asarray(v.numpy()) for v in start()]
    optimizer, state = jt.optimizers.Optax(rule), rule.init(params)
    for given in GOLDEN["gradients"][:10]:
        gradients = [jnp.asarray(given[name], "float32") for name in NAMES]
        optimizer.apply(gradients, variables)
        changes, state = rule.update(gradients, state, params)
        params = optax.apply_updates(params, changes)
    for variable, expected in zip(variables, params, strict=True):
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_it_is_built_inside_a_tape_too():
    variable = jt.Variable(1.0)
    optimizer = jt.optimizers.Optax(optax.sgd(0.5))
    with jt.GradientTape():
        optimizer.apply([jt.constant(1.0)], [variable])
    assert float(variable) == 0.5


def test_what_is_no_transformation_raises():
    with pytest.raises(TypeError, match="got float"):
        jt.optimizers.Optax(0.1)


def test_a_weight_decay_beside_it_raises():
    with pytest.raises(ValueError, match=r"got 0\.3"):
        jt.optimizers.Optax(optax.sgd(0.1), weight_decay=0.3)


def test_a_learning_rate_assigned_raises():
    optimizer = jt.optimizers.Optax(optax.sgd(0.1))
    with pytest.raises(ValueError, match=r"was set to 0\.3"):
        optimizer.learning_rate = 0.3
    with pytest.raises(AttributeError, match="of its transformation"):
        _ = optimizer.learning_rate
