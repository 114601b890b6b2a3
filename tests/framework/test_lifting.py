"""Lifting: what is an input, what is structure, and what a function captures."""

import functools
import gc
import math
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework import config, lifting
from jaxtape.framework.errors import ArgumentError, ArgumentTypeError
from tests.compile_counter import count_compiles

X = np.array([0.5, 1.5], np.float32)


def scaled(x, scale):
    return jnp.sin(x) * scale


def test_value_and_gradient_are_those_of_the_function():
    x = jt.constant(X)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = jt.op(scaled)(x, 3.0)
    np.testing.assert_allclose(y, 3 * np.sin(X), rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(y, x), 3 * np.cos(X), rtol=1e-6)


@pytest.mark.parametrize("kind", [jt.constant, jt.Variable, np.array, jnp.array, float])
def test_arrays_and_floats_of_every_kind_are_inputs(kind):
    result = jt.op(scaled)(kind(0.5), kind(2.0))
    assert float(result) == pytest.approx(2 * math.sin(0.5))


def test_inputs_may_stand_anywhere_in_the_arguments():
    def loss(parameters, batch, *, penalty):
        return sum(jnp.sum(p**2) for p in parameters.values()) * penalty + batch[0]

    parameters = {"w": jt.Variable(2.0), "b": jt.Variable(3.0)}
    with jt.GradientTape() as tape:
        y = jt.op(loss)(parameters, [1.0, None], penalty=0.5)
    gradients = tape.gradient(y, parameters)
    assert float(y) == 7.5
    assert {name: float(g) for name, g in gradients.items()} == {"w": 2.0, "b": 3.0}


def test_results_are_nested_as_the_function_nests_them():
    found = jt.op(lambda x: {"sum": x.sum(), "both": (x, [x + 1])})(jt.constant(X))
    assert jax.tree.map(lambda t: t.shape, found, is_leaf=is_tensor) == {
        "sum": (),
        "both": ((2,), [(2,)]),
    }


def is_tensor(value):
    return isinstance(value, jt.Tensor)


def test_a_hundred_floats_compile_nothing_new():
    lifted, x = jt.op(scaled), jt.constant(X)
    lifted(x, 0.5).numpy()
    with count_compiles() as compiles:
        for step in range(100):
            found = lifted(x, 0.99**step)
            np.testing.assert_allclose(found, np.sin(X) * 0.99**step, rtol=1e-6)
    assert compiles.count == 0


def test_a_thousand_nans_compile_no_more_than_the_first():
    lifted = jt.op(lambda x, n: x * n)
    assert math.isnan(lifted(1.0, math.nan))
    with count_compiles() as compiles:
        for _ in range(1_000):
            result = lifted(1.0, math.nan)
        assert math.isnan(result)
    assert compiles.count == 0


def dtype_name(x, number):
    return x if number is None else jnp.zeros((), jnp.asarray(number).dtype)


def test_scalars_of_five_kinds_have_five_dtypes():
    numbers = (1, 1.0, True, np.int64(1), np.float32(1))
    found = [jt.op(dtype_name)(0.0, number).dtype.name for number in numbers]
    assert found == ["int32", "float32", "bool", "int32", "float32"]


def test_a_float_that_cannot_be_traced_becomes_structure():
    def halved_if_small(x, rate, scale):
        return x * scale if rate > 0.5 else x / 2

    lifted = jt.op(halved_if_small)
    assert float(lifted(1.0, 0.9, 3.0)) == 3.0
    assert float(lifted(1.0, 0.1, 3.0)) == 0.5
    with count_compiles() as compiles:  # `scale` is an input still
        assert float(lifted(1.0, 0.9, 5.0)) == 5.0
    assert compiles.count == 0


def test_floats_that_cannot_be_traced_together_become_structure():
    lifted = jt.op(lambda x, low, high: x * math.hypot(low, high))
    assert float(lifted(2.0, 3.0, 4.0)) == pytest.approx(10.0)


def test_an_untraceable_function_of_arrays_raises_what_jax_raises():
    with pytest.raises(jax.errors.ConcretizationTypeError):
        jt.op(lambda x: x if x > 0 else -x)(jt.constant(1.0))


def test_errors_of_a_user_pass_unchanged():
    def refuse(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        jt.op(refuse)(1.0)
    with pytest.raises(TypeError, match="contracting dimensions"):
        jt.op(jnp.dot)(np.ones(2, "f"), np.ones(3, "f"))


def test_name_documentation_and_function_are_kept():
    def named(x):
        """Documented."""
        return x

    lifted = jt.op(named)
    assert (lifted.__name__, lifted.__doc__) == ("named", "Documented.")
    assert lifted.__wrapped__ is named


def test_only_a_function_can_be_lifted():
    with pytest.raises(ArgumentTypeError, match="got float"):
        jt.op(1.0)


# What a function captures.


def test_a_closure_that_changes_is_right_every_time_and_compiles_nothing():
    rate, x = 1.0, jt.constant(X)
    lifted = jt.op(lambda x: x * rate)
    lifted(x).numpy()
    with count_compiles() as compiles:
        for step in range(1_000):
            rate = float(step)
            np.testing.assert_array_equal(lifted(x), X * rate)
    assert compiles.count == 0


@pytest.mark.filterwarnings("ignore:jt.op")
def test_a_lambda_per_step_is_right_every_time_and_compiles_nothing():
    x = jt.constant(X)
    jt.op(lambda x: x * 1.0)(x).numpy()
    for step in range(1_000):
        rate = float(step)
        lifted = jt.op(lambda x: x * rate)  # noqa: B023 (that is the point)
        if step == 1:
            with count_compiles() as compiles:
                np.testing.assert_array_equal(lifted(x), X * rate)
            assert compiles.count == 0
        np.testing.assert_array_equal(lifted(x), X * rate)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:jt.op", "ignore:`captured")
def test_lambdas_that_were_lifted_are_let_go(monkeypatch):
    monkeypatch.setattr(lifting, "_PLANS", 4)
    monkeypatch.setattr(config.bounds, "op_programs", 4)
    references = []
    for step in range(40):
        function = lambda x: x + step  # noqa: B023, E731
        references.append(weakref.ref(function))
        assert float(jt.op(function)(1)) == 1 + step
    del function
    gc.collect()
    assert sum(reference() is not None for reference in references) < 10


def read_config(x, config={"rate": 2.0}):  # noqa: B006 (a mutated default)
    return x * config["rate"]


RATE = 2.0


def read_global(x):
    return x * RATE


def read_through_helper(x):
    return read_global(x) + 1


class Model:
    def __init__(self, rate):
        self.rate = rate

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 1

    def loss(self, x):
        return x * self.rate


def set_global(value):
    globals()["RATE"] = value


MODEL = Model(2.0)


@pytest.mark.parametrize(
    ("function", "change"),
    [
        (read_config, lambda v: read_config.__defaults__[0].update(rate=v)),
        (read_global, set_global),
        (read_through_helper, set_global),
        (MODEL.loss, lambda v: setattr(MODEL, "rate", v)),
    ],
    ids=["default", "global", "helper's global", "attribute of self"],
)
def test_a_captured_value_that_changes_counts(function, change):
    lifted = jt.op(function)
    for value in (2.0, 5.0, 2.0):
        change(value)
        assert float(lifted(3.0)) == float(function(3.0))


def test_what_was_captured_at_the_call_stays_in_force_until_it_runs():
    rates = [2.0]
    lifted, x = jt.op(lambda x: x * rates[0]), jt.constant(X)
    with jt.GradientTape():
        first = lifted(x)
        rates[0] = 5.0
        second = lifted(x)
    rates[0] = 7.0
    np.testing.assert_array_equal(first, X * 2)
    np.testing.assert_array_equal(second, X * 5)


def test_a_captured_value_that_jax_forgot_is_never_stale():
    rates = [2.0]
    lifted = jt.op(lambda x: x * rates[0])
    with jt.GradientTape():
        result = lifted(jt.constant(X))
        rates[0] = 5.0
        jax.clear_caches()  # it has to be traced again
        with pytest.raises(ArgumentError, match="captures has changed"):
            result.numpy()


def test_methods_of_two_objects_that_call_themselves_equal_differ():
    first, second = Model(2.0), Model(3.0)
    assert float(jt.op(first.loss)(1.0)) == 2.0
    assert float(jt.op(second.loss)(1.0)) == 3.0


def test_equal_objects_as_arguments_differ():
    lifted = jt.op(lambda x, model: x * model.rate)
    assert [float(lifted(1.0, Model(rate))) for rate in (2.0, 3.0)] == [2.0, 3.0]


@pytest.mark.parametrize(
    "structure", [slice(0, 1), [0], {"a": 0}, {0}, functools.partial(max, 0), "a"]
)
def test_structure_may_be_unhashable(structure):
    lifted = jt.op(lambda x, structure: x + 1)
    assert [float(lifted(1.0, structure)) for _ in range(2)] == [2.0, 2.0]


def test_functions_stand_themselves():
    lifted = jt.op(lambda x, f: f(x))
    found = [float(lifted(4.0, f)) for f in (jnp.sqrt, jnp.square, lambda x: x)]
    assert found == [2.0, 16.0, 4.0]


def test_a_captured_variable_is_refused_by_name():
    weight = jt.Variable(2.0, name="weight")
    with pytest.raises(ArgumentError, match="uses the Variable 'weight'"):
        jt.op(lambda x: x * weight)(1.0)


def test_a_captured_tensor_is_refused_by_name():
    mask = jt.constant(2.0)
    with pytest.raises(ArgumentError, match="uses the Tensor `mask`"):
        jt.op(lambda x: x * mask)(1.0)


def test_a_lifted_function_may_use_recorded_ops():
    lifted, x = jt.op(lambda x: jt.reduce_sum(x * x) + jt.square(2.0)), jt.constant(X)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = lifted(x)
    assert float(y) == pytest.approx(6.5)
    np.testing.assert_allclose(tape.gradient(y, x), 2 * X, rtol=1e-6)


def test_random_keys_are_inputs():
    draw = jt.op(lambda key, shape: jax.random.normal(key, shape))
    keys = jax.random.split(jax.random.key(0), 2)
    found = [draw(key, (3,)).numpy() for key in keys]
    np.testing.assert_array_equal(found[0], jax.random.normal(keys[0], (3,)))
    assert (found[0] != found[1]).all()


def test_lifted_functions_work_inside_the_user_s_own_jit():
    lifted = jt.op(scaled)
    found = jax.jit(lambda x: lifted(x, 2.0)._array())(X)
    np.testing.assert_allclose(found, 2 * np.sin(X), rtol=1e-6)
