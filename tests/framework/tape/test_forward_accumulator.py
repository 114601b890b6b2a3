"""ForwardAccumulator: derivatives along a direction, alone and with tapes.

Expected numbers come from the calculus, or from `jax.jvp` of the same function. The
docstrings name the tests of TensorFlow's `forwardprop_test.py` that demand the same.
"""

import asyncio
import gc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt
from tests.in_threads import in_a_thread, in_threads

X = np.array([0.3, -1.2, 0.8, 2.0], np.float32)
V = np.array([1.0, 0.5, -2.0, 0.1], np.float32)
U = np.array([-0.3, 1.5, 0.4, 0.7], np.float32)
W = np.array([[0.5, -0.4], [0.1, 0.9], [-0.7, 0.2], [0.3, 0.6]], np.float32)
STEPS = range(3)  # when a structure is new, seen again, and known


def assert_close(found, expected, rtol=1e-4):
    np.testing.assert_allclose(found, expected, rtol, 1e-5)


def wave(x):
    return jt.sin(x) * x[::-1] ** 2


def plain_wave(x):
    return jnp.sin(x) * x[::-1] ** 2


def along(function, vector):
    """The derivative of a plain function along a vector, as a function."""
    return lambda x: jax.jvp(function, (x,), (vector,))[1]


def plain_bowl(x):
    return plain_wave(x).sum()


HESSIAN = jax.hessian(plain_bowl)(X)


def test_jvp_of_several_values_by_several_primals():
    """testJVPManual"""
    x, w = jt.constant(X), jt.Variable(W)

    def plain(x, w):
        y = jnp.tanh(x @ w)
        return y, jnp.sum(y**2)

    _, expected = jax.jvp(plain, (X, W), (V, W[::-1]))
    for _ in STEPS:
        with jt.ForwardAccumulator((x, {"w": w}), (V, {"w": W[::-1]})) as accumulator:
            y = jt.tanh(jt.tensordot(x, w, 1))
            assert_close(accumulator.jvp(y), expected[0])
            z = jt.reduce_sum(y**2)
        found = accumulator.jvp({"y": y, "z": [z]})
        assert_close(found["y"], expected[0])
        assert_close(found["z"][0], expected[1])


@pytest.mark.one_in(4)
@pytest.mark.parametrize("activation", ["relu", "softplus", "gelu", "softmax", "elu"])
def test_jvp_of_activations(activation):
    """testElementwiseNNOps: the gradient times the direction"""
    x = jt.Variable(X)
    with jt.ForwardAccumulator(x, V) as accumulator:
        with jt.GradientTape() as tape:
            y = getattr(jt.nn, activation)(x)
        jacobian = tape.jacobian(y, x)
    assert_close(accumulator.jvp(y), jacobian.numpy() @ V)


def test_jvp_through_layers():
    """testKerasLayers"""
    model = jt.Sequential([jt.layers.Dense(3, activation="tanh"), jt.layers.Dense(2)])
    x = jt.constant(W)
    model(x)
    weights = model.trainable_variables
    tangents = [np.cos(np.arange(w.size)).reshape(w.shape) for w in weights]

    def plain(a, b, c, d):
        return jnp.tanh(W @ a + b) @ c + d

    at = tuple(w.numpy() for w in weights)
    directions = tuple(t.astype(np.float32) for t in tangents)
    for _ in STEPS:
        with jt.ForwardAccumulator(weights, tangents) as accumulator:
            y = model(x)
        assert_close(accumulator.jvp(y), jax.jvp(plain, at, directions)[1])


def test_forward_accumulators_nest_to_order_three():
    """testNumericHigherOrder, testHigherOrderPureForward, testGradPureForward"""
    x = jt.constant(X)
    first = along(plain_wave, U)
    second = along(first, X)
    third = along(second, V)
    for _ in STEPS:
        with jt.ForwardAccumulator(x, V) as outer:
            with jt.ForwardAccumulator(x, X) as middle:
                with jt.ForwardAccumulator(x, U) as inner:
                    y = wave(x)
                    one = inner.jvp(y)
                two = middle.jvp(one)
            three = outer.jvp(two)
        assert_close(one, first(X))
        assert_close(two, second(X))
        assert_close(three, third(X))
        assert_close(outer.jvp(y), along(plain_wave, V)(X))


def test_an_inner_accumulator_does_not_see_the_outer_ones_tangents():
    """d/dx (x d(x + y)/dy) = 1, not 2"""
    x, y = jt.constant(1.0), jt.constant(1.0)
    for _ in STEPS:
        with jt.ForwardAccumulator(x, 1.0) as outer:
            with jt.ForwardAccumulator(y, 1.0) as inner:
                total = x + y
            z = x * inner.jvp(total)
        assert_close(outer.jvp(z), 1.0)


def test_the_same_primal_twice_is_refused():
    """testMultipleWatchesAdd"""
    x = jt.constant(X)
    with pytest.raises(ValueError, match=r"multiple times.*sum of its tangents"):
        jt.ForwardAccumulator([x, x], [V, V])


def test_entering_an_active_accumulator_is_refused():
    """testReenter"""
    accumulator = jt.ForwardAccumulator(jt.constant(X), V)
    with accumulator, pytest.raises(ValueError, match="already active"):
        accumulator.__enter__()


def test_an_accumulator_is_entered_again():
    """testReenter"""
    x = jt.constant(X)
    accumulator = jt.ForwardAccumulator(x, V)
    with accumulator:
        y = x * x
    outside = y * 2
    with accumulator:
        z = y * x
    assert accumulator.jvp(outside) is None
    assert_close(accumulator.jvp(y), 2 * X * V)
    assert_close(accumulator.jvp(z), 3 * X**2 * V)


def test_variables_are_primals():
    """testVariableWatched"""
    v = jt.Variable(X)
    for _ in STEPS:
        with jt.ForwardAccumulator(v, V) as accumulator:
            y = v * v
        assert_close(accumulator.jvp([v, y])[0], V)
        assert_close(accumulator.jvp(y), 2 * X * V)


def test_unconnected_values_have_none_or_zeros():
    """testUnconnectedGradients, testArgumentUnused"""
    x, unused, other = jt.constant(X), jt.constant(1.0), jt.Variable(W)
    for _ in STEPS:
        with jt.ForwardAccumulator([x, unused], [V, 1.0]) as accumulator:
            y, hidden = other * 2, jt.stop_gradient(x)
        assert accumulator.jvp([y, hidden, other]) == [None, None, None]
        filled = accumulator.jvp(y, unconnected_gradients="zero")
        np.testing.assert_array_equal(filled, np.zeros((4, 2), np.float32))
        assert_close(accumulator.jvp(unused), 1.0)


def test_an_unknown_word_for_unconnected_gradients_is_named():
    with jt.ForwardAccumulator(jt.constant(X), V) as accumulator:
        y = jt.constant(1.0)
    with pytest.raises(ValueError, match="got 'nonsense'"):
        accumulator.jvp(y, unconnected_gradients="nonsense")


@pytest.mark.parametrize("reads", [0, 1, 6])
def test_forward_over_reverse_is_the_hessians_product(reads):
    """testVariablesHVP, testHVPCorrectness"""

    def plain(x):
        y = x
        for _ in range(reads):
            y = jnp.sin(y) * x
        return plain_bowl(y)

    v = jt.Variable(X)
    expected = jax.hessian(plain)(X) @ V
    for _ in STEPS:
        with jt.ForwardAccumulator(v, V) as accumulator:
            with jt.GradientTape(persistent=True) as tape:
                y = v
                for _ in range(reads):
                    y = jt.sin(y) * v
                    y.numpy()
                z = jt.reduce_sum(wave(y))
            slope = tape.gradient(z, v)
        assert_close(accumulator.jvp(slope), expected)
        assert_close(tape.hvp(z, v, V), expected)
        assert_close(accumulator.jvp(z), jax.grad(plain)(X) @ V)


@pytest.mark.parametrize("is_read", [False, True])
def test_reverse_over_forward_is_the_hessians_product(is_read):
    """testBackwardOverForward"""
    x, direction = jt.Variable(X), jt.Variable(V)
    for _ in STEPS:
        with jt.GradientTape() as tape:
            with jt.ForwardAccumulator(x, direction) as accumulator:
                y = jt.reduce_sum(wave(x))
                if is_read:
                    float(y)
            slope = accumulator.jvp(y)
            if is_read:
                float(slope)
        by_point, by_direction = tape.gradient(slope, [x, direction])
        assert_close(by_point, HESSIAN @ V)
        assert_close(by_direction, jax.grad(plain_bowl)(X))


def test_a_tape_inside_differentiates_the_jvp():
    x = jt.Variable(X)
    for _ in STEPS:
        with jt.ForwardAccumulator(x, V) as accumulator, jt.GradientTape() as tape:
            y = jt.reduce_sum(wave(x))
            slope = accumulator.jvp(y)
        assert_close(tape.gradient(slope, x), HESSIAN @ V)


def test_watching_depends_on_nesting_not_on_creation():
    """testForwardOverBackwardMemoryEfficiency, testBackwardOverForward"""
    x = jt.constant(X)
    for _ in STEPS:
        tape, accumulator = jt.GradientTape(), jt.ForwardAccumulator(x, V)
        with accumulator:
            with tape:
                tape.watch(x)
                y = jt.cos(x)
            slope = tape.gradient(y, x)
        assert_close(accumulator.jvp(slope), -np.cos(X) * V)


def test_jvp_of_jacobian_hessian_and_hvp():
    """HessianTests"""
    x = jt.Variable(X)
    expected = (
        along(jax.jacobian(plain_wave), V)(X),
        along(jax.hessian(plain_bowl), V)(X),
        along(lambda x: jax.hessian(plain_bowl)(x) @ U, V)(X),
    )
    for _ in STEPS:
        with jt.ForwardAccumulator(x, V) as accumulator:
            with jt.GradientTape(persistent=True) as tape:
                y = wave(x)
                z = jt.reduce_sum(y)
            asked = tape.jacobian(y, x), tape.hessian(z, x), tape.hvp(z, x, U)
        for found, wanted in zip(accumulator.jvp(asked), expected, strict=True):
            assert_close(found, wanted)


def test_jvp_of_a_gradient_by_its_output_gradient():
    """g = 3 x^2 u, along (dx, du): 6 x u dx + 3 x^2 du"""
    x, u = jt.Variable(X), jt.Variable(U)
    for _ in STEPS:
        with jt.ForwardAccumulator([x, u], [V, X]) as accumulator:
            with jt.GradientTape() as tape:
                y = x**3
            g = tape.gradient(y, x, output_gradients=u)
        assert_close(accumulator.jvp(g), 6 * X * U * V + 3 * X**3)


def test_jvp_through_rules_of_ones_own():
    """testCustomGradient, testCustomGradientRecomputeGrad"""

    @jt.custom_gradient
    def doubled(x):
        return x**3, lambda upstream: upstream * 6 * x**2  # twice the derivative

    @jax.custom_vjp
    def tripled(x):
        return jnp.sin(x)

    tripled.defvjp(
        lambda x: (jnp.sin(x), x), lambda x, upstream: (3 * upstream * jnp.cos(x),)
    )
    x, op = jt.constant(X), jt.op(tripled)
    for _ in STEPS:
        with jt.ForwardAccumulator(x, V) as accumulator:
            values = [doubled(x), op(x), jt.recompute_grad(jt.square)(x)]
        found = accumulator.jvp(values)
        assert_close(found[0], 6 * X**2 * V)
        assert_close(found[1], 3 * np.cos(X) * V)
        assert_close(found[2], 2 * X * V)


def test_an_exception_in_a_rule_is_not_swallowed():
    """testExceptionInCustomGradientNotSwallowed"""

    @jt.custom_gradient
    def broken(x):
        def rule(upstream):
            raise ZeroDivisionError("the user's own")

        return x * 2, rule

    x = jt.constant(X)
    with jt.ForwardAccumulator(x, V) as accumulator:
        y = broken(x)
    with pytest.raises(ZeroDivisionError, match="the user's own"):
        accumulator.jvp(y).numpy()
    with jt.ForwardAccumulator(x, V) as accumulator:
        y = x * 2
    assert_close(accumulator.jvp(y), 2 * V)


def test_jvp_through_loops_and_conditions():
    """ControlFlowTests"""
    x = jt.constant(2.0)
    for _ in STEPS:
        with jt.ForwardAccumulator(x, 1.0) as accumulator:
            y = jt.cond(x > 1.0, lambda: x**3, lambda: x)
            z = jt.scan(lambda total, _: total * x, jt.range(3), jt.ones(()))
        assert_close(accumulator.jvp(y), 12.0)
        assert_close(accumulator.jvp(z), [1.0, 4.0, 12.0])


@pytest.mark.filterwarnings("ignore:Compile 5 of")  # one line, many programs
def test_reads_in_the_middle_change_nothing():
    x = jt.Variable(X)
    for reads in (1, 3, 6):
        for _ in STEPS:
            with jt.ForwardAccumulator(x, V) as accumulator:
                y, tangent = x, V
                for _ in range(reads):
                    tangent = np.cos(y.numpy()) * tangent
                    y = jt.sin(y)
                    assert_close(accumulator.jvp(y), tangent)
            assert_close(accumulator.jvp(y), tangent)


def test_all_reads_of_an_assigned_variable_count():
    """((a + e s)^2 (b + e s))' = (2 a b + a^2) s, with v first a, then b"""
    v = jt.Variable([1.0, 2.0])
    for _ in STEPS:
        v.assign([1.0, 2.0])
        with jt.ForwardAccumulator(v, np.array([1.0, 10.0])) as accumulator:
            a = v * v
            v.assign([3.0, 4.0])
            y = a * v
        assert_close(accumulator.jvp(y), [7.0, 200.0])


def test_later_assignments_change_neither_point_nor_direction():
    x, direction = jt.Variable(X), jt.Variable(V)
    for _ in STEPS:
        x.assign(X)
        direction.assign(V)
        accumulator = jt.ForwardAccumulator(x, direction)
        direction.assign(U)
        with accumulator:
            y = x * x
        direction.assign(X)
        x.assign(V)
        assert_close(accumulator.jvp(y), 2 * X * V)


@pytest.mark.parametrize("size", [4, 10_000])
def test_jvp_after_an_optimizer_overwrote_the_primal(size):
    x, optimizer = jt.Variable(np.ones(size, np.float32)), jt.optimizers.SGD(0.25)
    for step in range(4):
        with jt.ForwardAccumulator(x, np.ones(size)) as accumulator:
            with jt.GradientTape() as tape:
                y = jt.reduce_sum(x**2)
            slope = tape.gradient(y, x)
        optimizer.apply_gradients([(slope, x)])
        assert_close(accumulator.jvp(y), 2 * size * 0.5**step)
        assert_close(accumulator.jvp(slope), np.full(size, 2.0))


def test_dropout_drops_the_same_tangents():
    layer, x = jt.layers.Dropout(0.5), jt.Variable(X)
    for _ in STEPS:
        with jt.ForwardAccumulator(x, V) as accumulator:
            y = layer(x, training=True)
            y.numpy()
            z = y * y
        assert_close(accumulator.jvp(z), 2 * y.numpy() ** 2 / X * V)


def test_a_tangent_has_its_values_dtype():
    x = jt.Variable(X, dtype="bfloat16")
    with jt.ForwardAccumulator(x, V) as accumulator:
        y = x * 2
        z = jt.cast(y, "float32")
    assert [t.dtype for t in accumulator.jvp([y, z])] == ["bfloat16", "float32"]


def test_complex_tangents_are_not_conjugated():
    """Along v: d(z z) = 2 z v, d|z|^2 = 2 Re(conj(z) v)"""
    z0, v = np.array([1 + 2j, 3 - 1j], np.complex64), np.array([1j, 2], np.complex64)
    z = jt.Variable(z0)
    for _ in STEPS:
        with jt.ForwardAccumulator(z, v) as accumulator:
            values = [z * z, jt.abs(z) ** 2]
        found = accumulator.jvp(values)
        assert_close(found[0], 2 * z0 * v)
        assert_close(found[1], 2 * (np.conj(z0) * v).real)


def test_an_integer_primal_has_no_derivative_and_one_warning():
    count = jt.constant([1, 2])
    with pytest.warns(UserWarning, match=r"primal of .* has dtype int32"):
        accumulator = jt.ForwardAccumulator(count, np.array([1, 1]))
    with accumulator:  # a second warning would be an error
        y = jt.cast(count, "float32") * 2
    assert accumulator.jvp(y) is None


def test_threads_and_tasks_have_accumulators_of_their_own():
    def step(number):
        x = jt.Variable(X * number)
        for _ in STEPS:
            with jt.ForwardAccumulator(x, V) as accumulator:
                with jt.GradientTape() as tape:
                    y = jt.reduce_sum(x**3)
                slope = tape.gradient(y, x)
            assert_close(accumulator.jvp(slope), 6 * X * number * V)

    async def task(number):
        x = jt.Variable(X * number)
        with jt.ForwardAccumulator(x, V) as accumulator:
            y = x * x
            await asyncio.sleep(0)
            z = y * x
            await asyncio.sleep(0)
        assert_close(accumulator.jvp(z), 3 * (X * number) ** 2 * V)

    async def tasks():
        await asyncio.gather(*map(task, range(1, 4)))

    in_threads(step, 3)
    asyncio.run(tasks())


def test_an_accumulator_is_left_where_it_was_entered():
    accumulator = jt.ForwardAccumulator(jt.constant(X), V)
    with (
        accumulator,
        pytest.raises(RuntimeError, match="entered in another thread"),
    ):
        in_a_thread(lambda: accumulator.__exit__(None, None, None))


def test_inside_jax_transformations():
    def step(x):
        with jt.ForwardAccumulator(x, V) as accumulator:
            with jt.GradientTape() as tape:
                tape.watch(x)
                y = jt.reduce_sum(wave(x))
            slope = tape.gradient(y, x)
        return accumulator.jvp(slope)

    assert_close(jax.jit(step)(jt.constant(X)), HESSIAN @ V)
    assert_close(step(jt.constant(X)), HESSIAN @ V)


def test_nothing_is_kept_of_what_nobody_holds():
    """testDeadTensorsJVPCleared, testHVPMemory"""
    x = jt.constant(X)
    accumulator = jt.ForwardAccumulator(x, V)
    for _ in STEPS:
        with accumulator:
            y = jt.sin(x)
            z = y * 2
        accumulator.jvp(z).numpy()
        kept = [weakref.ref(y), weakref.ref(z)]
        del y, z
        gc.collect()
        assert [ref() for ref in kept] == [None, None]
    primal = weakref.ref(x)
    del x, accumulator
    gc.collect()
    assert primal() is None


@pytest.mark.slow
@pytest.mark.parametrize("method", ["jacobian", "batch_jacobian", "hessian", "hvp"])
def test_a_spent_tape_keeps_nothing(method):
    options = (W,) if method == "hvp" else ()
    for _ in STEPS:
        x = jt.constant(W)
        with jt.GradientTape() as tape:
            tape.watch(x)
            y = jt.sin(x)
        getattr(tape, method)(y, x, *options).numpy()
        kept = [weakref.ref(x), weakref.ref(y)]
        del x, y
        gc.collect()
        assert [ref() for ref in kept] == [None, None]


@pytest.mark.parametrize(
    ("primals", "tangents", "message"),
    [
        (1, [V, V], r"`tangents` has 2 entries for 1 primal\. Give one Tensor"),
        (2, [V], r"`tangents` has 1 entries for 2 primals"),
        (1, V[:3], r"`tangents\[0\]` has shape \(3,\), but its primal has shape \(4,"),
        (1, [1.0, 2.0, 3.0, 4.0], r"`tangents` has 4 entries .*write jt\.constant"),
        (1, None, r"`tangents\[0\]` .*NoneType"),
    ],
)
def test_tangents_that_do_not_fit_are_named(primals, tangents, message):
    given = [jt.constant(X) for _ in range(primals)]
    with pytest.raises((ValueError, TypeError), match=message):
        jt.ForwardAccumulator(given, tangents)


def test_what_is_no_tensor_is_refused_with_its_type():
    with pytest.raises(TypeError, match="as primal; got ndarray"):
        jt.ForwardAccumulator(X, V)
    accumulator = jt.ForwardAccumulator(jt.constant(X), V)
    with accumulator, pytest.raises(TypeError, match="as target; got ndarray"):
        accumulator.jvp(X)
