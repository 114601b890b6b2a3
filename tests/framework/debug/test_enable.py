"""`jt.debug.enable`: every call is looked at, and the first bad one raises."""

import re
import threading

import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt
from tests.compile_counter import count_compiles
from tests.halving import halve, halving_optimizer
from tests.lines import line_of


def logarithm(x):
    return jt.math.log(x)


def at_once(x):
    return logarithm(x)


def under_a_tape(x):
    with jt.GradientTape():
        return logarithm(x)


@pytest.mark.parametrize("run", [at_once, under_a_tape])
def test_the_call_that_makes_an_infinity_raises_with_line_and_range(run):
    x = jt.constant([4.0, 0.0, 0.5])
    with jt.debug.enable(), pytest.raises(FloatingPointError) as caught:
        run(x)
    message = str(caught.value)
    assert message.startswith(
        "log made 0 NaN and 1 Inf, forward, called at "
        f"{line_of(logarithm, 'jt.math.log')}."
    )
    assert "input 0: float32[3], min 0, max 4, 0 NaN, 0 Inf" in message


def test_two_lines_with_the_same_call_are_told_apart():
    def first(x):
        return jt.math.log(x)

    def second(x):
        return jt.math.log(x)

    with jt.debug.enable():
        first(jt.constant([1.0, 2.0]))
        with pytest.raises(FloatingPointError, match=re.escape(line_of(second, "log"))):
            second(jt.constant([1.0, 0.0]))


def test_the_layer_is_named():
    model = jt.Sequential([jt.layers.Activation(jt.sqrt, name="roots")], name="outer")
    with (
        jt.debug.enable(),
        pytest.raises(FloatingPointError, match="in layer 'outer/roots'"),
    ):
        model(np.array([[-1.0]], np.float32))


def root_at_zero(x):
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = jt.reduce_sum(3.0 * jt.sqrt(x + 0.0))
    return tape.gradient(y, x)


def test_a_pullback_that_makes_an_infinity_names_the_line_of_its_call():
    """d sqrt(x) / dx = 1 / (2 sqrt(x)) is infinite at 0."""
    with jt.debug.enable(), pytest.raises(FloatingPointError) as caught:
        root_at_zero(jt.constant([4.0, 0.0]))
    message = str(caught.value)
    assert "sqrt made 0 NaN and 1 Inf, backward" in message
    assert line_of(root_at_zero, "jt.sqrt") in message
    assert "gradient of result 0: float32[2], min 3, max 3" in message


def test_finite_numbers_compute_as_without_it():
    x = jt.constant([4.0, 1.0])
    with jt.debug.enable():
        found = root_at_zero(x)
    np.testing.assert_array_equal(found, [0.75, 1.5])  # 3 / (2 sqrt(x))


def test_an_infinity_may_pass_but_a_nan_may_not():
    """Masks add -inf to logits: softmax of (0, -inf) is (1, 0)."""
    mask = jt.constant([0.0, -np.inf])
    with jt.debug.enable():
        found = jt.nn.softmax(jt.constant([1.0, 2.0]) + mask)
        np.testing.assert_array_equal(found, [1.0, 0.0])
        with pytest.raises(FloatingPointError, match="A NaN came in with an input"):
            jt.constant([1.0, np.nan]) + mask


def test_an_assigned_infinity_raises_and_the_variable_keeps_its_value():
    v = jt.Variable([1.0, 2.0], name="scale")
    with jt.debug.enable(), pytest.raises(FloatingPointError, match="'scale'"):
        v.assign([np.inf, 1.0])
    assert v.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_update_by_a_bad_gradient_names_its_variable(bad):
    variables = [jt.Variable([1.0, 2.0], name=name) for name in ("good", "spoilt")]
    gradients = [np.ones(2, np.float32), np.array([1.0, bad], np.float32)]
    optimizer = halving_optimizer()
    with jt.debug.enable(), pytest.raises(FloatingPointError) as caught:
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
    counts = "1 NaN, 0 Inf" if np.isnan(bad) else "0 NaN, 1 Inf"
    assert f"gradient of 'spoilt': float32[2], min 1, max 1, {counts}" in str(
        caught.value
    )
    assert [v.tolist() for v in variables] == [[1.0, 2.0]] * 2
    assert int(optimizer.iterations) == 0


def test_of_many_inputs_the_bad_ones_are_shown():
    variables = [jt.Variable([1.0], name=f"v{n}") for n in range(12)]
    gradients = [np.array([np.nan if n == 7 else 1.0]) for n in range(12)]
    with jt.debug.enable(), pytest.raises(FloatingPointError) as caught:
        halving_optimizer().apply_gradients(zip(gradients, variables, strict=True))
    rows = str(caught.value).splitlines()
    assert [row.split(":")[0].strip() for row in rows[2:4]] == [
        "gradient of 'v7'",
        rows[3].strip(),
    ]
    assert re.fullmatch(r"and \d+ more inputs", rows[3].strip())


INDEXING = {
    "gather": lambda x, at: jt.gather(x, at[:1], axis=1),
    "gather_nd": lambda x, at: jt.gather_nd(x, [at]),
    "scatter_nd": lambda x, at: jt.scatter_nd(at[:, None], [1.0, 2.0], [3]),
    "tensor_scatter_nd": lambda x, at: jt.tensor_scatter_nd_add(x, [at], [1.0]),
    "one_hot": lambda x, at: jt.one_hot(at, 3),
    "getitem": lambda x, at: x[:, at],
    "assign": lambda x, at: jt.Variable(x)[0, at[0]].assign(1.0),
    "unsorted_segment_sum": lambda x, at: jt.math.unsorted_segment_sum([1.0, 2], at, 3),
}


@pytest.mark.parametrize("name", INDEXING)
def test_an_index_on_the_device_that_is_outside_raises_with_its_line(name):
    x, at = jt.constant(np.zeros((7, 3))), jt.constant(jnp.array([3, 4]))
    with (
        jt.debug.enable(),
        pytest.raises(IndexError, match=r"got index [34], outside") as caught,
    ):
        INDEXING[name](x, at)
    number = INDEXING[name].__code__.co_firstlineno
    assert f"(called at {__file__}:{number})" in str(caught.value)


@pytest.mark.parametrize("name", INDEXING)
def test_an_index_inside_passes(name):
    x, at = jt.constant(np.zeros((7, 3))), jt.constant(jnp.array([0, 2]))
    with jt.debug.enable():
        INDEXING[name](x, at)


def test_an_embedding_looks_up_known_rows_only():
    rows = jt.Variable(np.zeros((5, 2)))
    with (
        jt.debug.enable(),
        pytest.raises(IndexError, match="got index 5, outside axis 0"),
    ):
        jt.nn.embedding_lookup(rows, jt.constant(jnp.array([[0, 5]])))


def test_minus_one_is_no_class_in_one_hot():
    with jt.debug.enable():
        found = jt.one_hot(jt.constant(jnp.array([1, -1])), 2)
    assert found.tolist() == [[0.0, 1.0], [0.0, 0.0]]


def test_a_compiled_loop_is_checked_and_used_again_afterwards():
    v, optimizer = jt.Variable([8.0, 4.0]), halving_optimizer()
    halve(optimizer, [v], 3)
    with jt.debug.enable():
        halve(optimizer, [v])
    with count_compiles() as compiles:
        halve(optimizer, [v])
    assert compiles.count == 0
    assert v.tolist() == [0.25, 0.125]


def test_leaving_restores_what_was_before():
    jt.config.execution("compiled")
    try:
        with jt.debug.enable():
            assert jt.debug.is_enabled()
            assert jt.config.switches.execution == "op_by_op"
        assert jt.config.switches.execution == "compiled"
        assert not jt.debug.is_enabled()
    finally:
        jt.config.execution("auto")


def test_without_with_it_stays_on_until_disable():
    jt.debug.enable()
    with pytest.raises(FloatingPointError):
        logarithm(jt.constant(0.0))
    jt.debug.disable()
    assert float(logarithm(jt.constant(0.0))) == -np.inf


def test_what_waits_is_computed_before_the_switch():
    with jt.GradientTape():
        waiting = jt.math.log(jt.constant(0.0))
        jt.debug.enable()
    assert float(waiting) == -np.inf


def test_another_thread_is_checked_too():
    errors = []

    def run():
        try:
            logarithm(jt.constant(0.0))
        except FloatingPointError as error:
            errors.append(error)

    with jt.debug.enable():
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert len(errors) == 1


def test_a_custom_gradient_is_one_call_under_a_tape():
    @jt.custom_gradient
    def reciprocal(x):
        return 1.0 / x, lambda upstream: -upstream / (x * x)

    x = jt.Variable([2.0, 0.0])
    with (
        jt.debug.enable(),
        jt.GradientTape(),
        pytest.raises(FloatingPointError, match="reciprocal made 0 NaN and 1 Inf"),
    ):
        reciprocal(x)


def curvature(x):
    with jt.GradientTape() as outer:
        with jt.GradientTape() as inner:
            y = jt.reduce_sum(x**1.5)
        slope = inner.gradient(y, x)
    return outer.gradient(slope, x)


def test_a_gradient_of_a_gradient_is_checked():
    """The second derivative of x^(3/2), 3 / (4 sqrt(x)), is infinite at 0."""
    x = jt.Variable([4.0, 0.0])
    with jt.debug.enable(), pytest.raises(FloatingPointError, match="1 Inf, backward"):
        curvature(x).numpy()


def test_a_value_of_every_dtype_can_be_looked_at():
    with jt.debug.enable():
        for dtype in ("float16", "bfloat16", "complex64", "int32", "bool"):
            x = jt.cast(jt.constant([1.0, 0.0]), dtype)
            assert x.dtype == dtype
        half = jt.cast(jt.constant([1.0, 0.0]), "bfloat16")
        with pytest.raises(FloatingPointError, match=r"bfloat16\[2\], min 0, max 1"):
            jt.math.log(half)
        keys = jt.random.normal((2,))
        assert keys.shape == (2,)


def test_the_error_carries_its_report():
    with jt.debug.enable(), pytest.raises(FloatingPointError) as caught:
        logarithm(jt.constant([0.0, 2.0]))
    report = caught.value.report
    assert (report.op, report.direction, report.layer) == ("log", "forward", "")
    assert (report.inputs[0].low, report.inputs[0].high) == (0.0, 2.0)
    assert report.results[0].num_inf == 1


def test_tensorflows_names_of_the_switch():
    jt.debugging.enable_check_numerics()
    with pytest.raises(FloatingPointError, match="log made"):
        logarithm(jt.constant(0.0))
    jt.debugging.disable_check_numerics()
    assert not jt.debug.is_enabled()
