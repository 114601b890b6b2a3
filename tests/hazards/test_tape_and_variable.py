"""Semantics of tapes and variables: the rows B1 to B19 that need no `function`.

B2 is in `test_random_programs.py`, the rest of B10 in `test_higher_derivatives.py` and
`tests/framework/tape/test_nesting.py`, B12 in `tests/framework/tape/test_coverage.py`.
"""

import copy
import gc
import pickle
import tracemalloc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt


@pytest.fixture(autouse=True, params=["op_by_op", "compiled"])
def execution(request):
    """Every claim of this file holds for both ways to run a recording."""
    jt.config.execution(request.param)
    yield request.param
    jt.config.execution("auto")


@pytest.mark.parametrize("is_recorded", [False, True])
def test_b1_a_value_is_that_of_the_moment_of_the_read(is_recorded):
    v = jt.Variable(1.0)
    if is_recorded:
        with jt.GradientTape():
            y = v * 2
            v.assign(5.0)
    else:
        y = v * 2
        v.assign(5.0)
    assert (float(y), float(v)) == (2.0, 5.0)


def interrupted(v):
    """Three calls under a tape, and then an exception."""
    with jt.GradientTape():
        y = v * v
        z = y + v
        z = z * 2
        raise KeyError


def test_b3_an_exception_under_a_tape_leaves_nothing_behind():
    v = jt.Variable(3.0)
    with pytest.raises(KeyError):
        interrupted(v)
    with jt.GradientTape() as tape:
        y = v**3
    assert tape.watched_variables() == (v,)
    assert (float(tape.gradient(y, v)), float(v)) == (27.0, 3.0)


def test_b3_an_operation_that_raises_changes_nothing():
    v, bad = jt.Variable(np.ones((2, 3), np.float32)), jt.ones((4, 5))
    with jt.GradientTape() as tape:
        y = v * v
        for _ in range(3):
            with pytest.raises(ValueError, match="matmul"):
                v @ bad
        z = y * v
    np.testing.assert_allclose(tape.gradient(z, v), np.full((2, 3), 3.0))


def test_b3_the_first_operation_of_a_block_may_raise_again_and_again():
    v = jt.Variable(3.0)
    for _ in range(4):
        with pytest.raises(ValueError, match="matmul"), jt.GradientTape():
            jt.ones((2, 3)) @ jt.ones((4, 5))
        with jt.GradientTape() as tape:
            y = v * v
        assert float(tape.gradient(y, v)) == 6.0


def test_b3_every_tenth_step_may_raise():
    v, expected = jt.Variable(np.float64(1.0)), 1.0
    for step in range(50):
        try:
            with jt.GradientTape() as tape:
                loss = v * v
                if step % 10 == 3:
                    raise KeyError
            v.assign_sub(0.1 * tape.gradient(loss, v))
            expected -= 0.1 * 2 * expected
        except KeyError:
            pass
    assert float(v) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("is_read", [False, True])
def test_b4_assigns_before_an_exception_stay(is_read):
    v, w = jt.Variable(1.0), jt.Variable(1.0)

    def step():
        with jt.GradientTape():
            v.assign(2.0)
            if not is_read or float(v) == 2.0:
                raise KeyError
            w.assign(2.0)

    with pytest.raises(KeyError):
        step()
    assert (float(v), float(w)) == (2.0, 1.0)


def test_b4_assigns_before_a_refused_one_stay():
    v, w = jt.Variable(1.0), jt.Variable([1.0])
    with jt.GradientTape():
        v.assign(2.0)
        with pytest.raises(ValueError, match="incompatible"):
            w.assign([1.0, 2.0])
    assert (float(v), w.numpy().tolist()) == (2.0, [1.0])


@jt.op
def fails(x):
    """Its shape can be inferred; compiling it fails."""
    return jax.ffi.ffi_call("no_such_target", jax.ShapeDtypeStruct(x.shape, x.dtype))(x)


def test_b5_an_error_at_launch_names_the_line_that_recorded_the_call():
    v = jt.Variable(3.0)
    with jt.GradientTape():
        y = fails(v * 2)  # this line
    with pytest.raises(RuntimeError, match="no_such_target") as caught:
        y.numpy()
    line = test_b5_an_error_at_launch_names_the_line_that_recorded_the_call.__code__
    assert f"{__file__}:{line.co_firstlineno + 3}" in everything_said(caught.value)


def everything_said(error):
    """The message of an error with its notes and causes."""
    if error is None:
        return ""
    notes = getattr(error, "__notes__", [])
    return "\n".join([str(error), *notes, everything_said(error.__cause__)])


def test_b5_later_tapes_work_after_an_error_at_launch():
    v = jt.Variable(3.0)
    with jt.GradientTape():
        v.assign_add(1.0)
        y = fails(v * 2)
    with pytest.raises(RuntimeError, match="no_such_target"):
        y.numpy()
    with jt.GradientTape() as tape:
        z = v * v
    assert (float(v), float(tape.gradient(z, v))) in [(3.0, 6.0), (4.0, 8.0)]


def test_b5_a_value_lost_by_an_error_says_why():
    v = jt.Variable(3.0)
    with jt.GradientTape():
        other = v * 5
        y = fails(v * 2)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no_such_target"):
            y.numpy()
    with pytest.raises(RuntimeError, match="no_such_target"):
        other.numpy()


def test_b6_a_wrong_shape_raises_where_it_is_recorded():
    a, b = jt.Variable(np.ones((2, 3))), jt.Variable(np.ones((4, 5)))
    match = r"matmul.*\[2,3\].*\[4,5\]"
    with jt.GradientTape(), pytest.raises(ValueError, match=match):
        jt.matmul(a, b)


def test_b7_a_second_gradient_names_persistent():
    v = jt.Variable(3.0)
    with jt.GradientTape() as tape:
        y = v * v
    tape.gradient(y, v)
    with pytest.raises(RuntimeError, match=r"persistent=True"):
        tape.gradient(y, v)


def test_b8_what_the_tape_did_not_record_has_no_gradient():
    v, constant = jt.Variable(3.0), jt.constant(2.0)
    outside = v * v
    with jt.GradientTape(persistent=True) as tape:
        y = v * constant
    assert tape.gradient(outside, v) is None
    assert tape.gradient(y, constant) is None


def test_b8_an_integer_source_has_no_gradient_and_warns_with_its_dtype():
    v, count = jt.Variable(3.0), jt.Variable(2)
    with jt.GradientTape() as tape:
        y = v * count
    with pytest.warns(UserWarning, match=r"source.*int32"):
        assert tape.gradient(y, [v, count]) == [2.0, None]


def test_b8_an_integer_target_has_no_gradient_and_warns_with_its_dtype():
    v = jt.Variable(3.0)
    with jt.GradientTape() as tape:
        y = jt.cast(v, "int32") * 2
    with pytest.warns(UserWarning, match=r"target.*int32"):
        assert tape.gradient(y, v) is None


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "complex64"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3)])
def test_b9_zeros_have_the_shape_and_dtype_of_the_source(shape, dtype):
    v, w = jt.Variable(np.ones(shape), dtype=dtype), jt.Variable(1.0)
    with jt.GradientTape() as tape:
        y = w * 2
    found = tape.gradient(y, v, unconnected_gradients="zero")
    assert (found.shape, found.dtype) == (shape, dtype)
    assert not found.numpy().any()


def rosenbrock(x, square):
    """The sum of 100 (x[i+1] - x[i]^2)^2 + (1 - x[i])^2"""
    a, b = x[1:], x[:-1]
    return (100.0 * square(a - square(b)) + square(1.0 - b)).sum()


def test_b10_hessian_vector_products_agree_with_jax_hessian():
    point = np.array([0.5, -1.0, 1.5, 0.2])
    direction = np.array([1.0, 2.0, -1.0, 0.5])
    with jax.enable_x64(True):
        x = jt.Variable(point, dtype="float64")
        with jt.GradientTape() as outer:
            with jt.GradientTape() as inner:
                y = rosenbrock(x, jt.square)
            gradient = inner.gradient(y, x)
        product = outer.gradient(gradient, x, output_gradients=jt.constant(direction))
        hessian = jax.jit(jax.hessian(lambda p: rosenbrock(p, jnp.square)))(point)
        np.testing.assert_allclose(product, hessian @ direction, rtol=1e-12)


def test_b13_a_read_flushes_at_that_point():
    v = jt.Variable(3.0)
    with jt.GradientTape() as tape:
        y = v * v
        branch = "big" if y > 8 else "small"
        whole, text = int(y), f"{float(y):.1f} {y}"
        v.assign(10.0)
        z = y * v
    assert (branch, whole, text) == ("big", 9, "9.0 9.0")
    assert (float(z), float(tape.gradient(z, v))) == (90.0, 6 * 10.0 + 9.0)


def test_b13_reading_draws_no_random_numbers_anew():
    jt.random.set_seed(1)
    with jt.GradientTape():
        drawn = jt.random.normal((4,))
        first = drawn.numpy()
        total = float(jt.reduce_sum(drawn))
        again = (drawn * 1.0).numpy()
    np.testing.assert_array_equal(first, again)
    assert total == pytest.approx(first.sum(), rel=1e-5)


def test_b14_a_pending_value_may_leave_in_any_way():
    v, kept = jt.Variable(3.0), []
    with jt.GradientTape():
        y = v * v
        kept.append(y)
        pickled = pickle.dumps(v * 2)
        copied = copy.deepcopy({"y": y})
        is_equal = y == 9.0
        table = {y.ref(): "y"}
        v.assign(0.0)
    assert (float(kept[0]), float(pickle.loads(pickled))) == (9.0, 6.0)
    assert (float(copied["y"]), bool(is_equal), table[y.ref()]) == (9.0, True, "y")


def test_b14_a_pending_value_as_a_key_says_what_to_do():
    v = jt.Variable(3.0)
    with jt.GradientTape(), pytest.raises(TypeError, match=r"x\.ref\(\)"):
        {v * v: 1}


def test_b16_the_same_draw_gives_the_same_numbers():
    with jt.GradientTape():
        r = jt.random.normal((100,))
        a, b = r + 0.0, r * 1.0
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(r, a)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_b16_the_order_of_reading_changes_no_draw(order):
    def draws(order):
        jt.random.set_seed(7)
        with jt.GradientTape():
            made = [jt.random.normal((3,)) for _ in range(3)]
        values = {i: made[i].numpy() for i in order}
        return np.stack([values[i] for i in range(3)])

    np.testing.assert_array_equal(draws(order), draws((0, 1, 2)))


def test_b16_forward_and_gradient_see_the_same_numbers():
    v = jt.Variable(np.ones(50, np.float32))
    with jt.GradientTape() as tape:
        noise = jt.random.normal((50,))
        y = jt.reduce_sum(v * noise)
    np.testing.assert_allclose(tape.gradient(y, v), noise.numpy())


def test_b17_a_source_named_twice_is_differentiated_once():
    v = jt.Variable(3.0)
    with jt.GradientTape() as tape:
        loss = v * v
    assert [float(g) for g in tape.gradient(loss, [v, v])] == [6.0, 6.0]


def test_b17_a_variable_in_two_places_gets_the_sum():
    v, x = jt.Variable([[2.0]]), jt.constant([[3.0]])
    with jt.GradientTape() as tape:
        loss = jt.reduce_sum(jt.matmul(jt.matmul(x, v), v))
    np.testing.assert_allclose(tape.gradient(loss, v), [[2 * 3.0 * 2.0]])


def test_b18_all_reads_of_a_variable_count():
    v = jt.Variable(1.0)
    with jt.GradientTape() as tape:
        a = 2 * v
        v.assign(5.0)
        b = 3 * v
        y = a + b
    assert (float(y), float(tape.gradient(y, v))) == (17.0, 5.0)


def test_b18_nothing_flows_through_an_assignment():
    v, w = jt.Variable(1.0), jt.Variable(3.0)
    with jt.GradientTape() as tape:
        v.assign(2 * w)
        y = v * v
    assert tape.gradient(y, [w, v]) == [None, 12.0]


def test_b18_the_value_that_assign_returns_is_a_read():
    v, w = jt.Variable(1.0), jt.Variable(3.0)
    with jt.GradientTape() as tape:
        y = v.assign_add(w) ** 2
    assert tape.gradient(y, [v, w]) == [8.0, None]


@pytest.mark.parametrize("num_reads", [1, 2, 7])
def test_b18_holds_when_values_are_read_in_between(num_reads):
    v = jt.Variable(1.0)
    with jt.GradientTape() as tape:
        y = jt.constant(0.0)
        for i in range(num_reads):
            y = y + (i + 1) * v
            float(y)
            v.assign_add(1.0)
    assert float(tape.gradient(y, v)) == num_reads * (num_reads + 1) / 2


def test_b19_a_deleted_model_frees_its_variables():
    weights = [jt.Variable(np.ones((100, 100), np.float32)) for _ in range(5)]
    with jt.GradientTape() as tape:
        y = weights[0]
        for w in weights[1:]:
            y = y @ w
    gradients = tape.gradient(y, weights)
    watched = [weakref.ref(x) for x in (*weights, *gradients, y, tape)]
    del weights, gradients, y, tape, w
    gc.collect()
    jt.sync()
    gc.collect()
    assert [x() for x in watched] == [None] * len(watched)


def test_b19_a_thousand_pending_results_are_freed():
    v = jt.Variable(np.ones(1000, np.float32))
    with jt.GradientTape() as tape:
        kept = [v * float(i) for i in range(1000)]
    watched = [weakref.ref(x) for x in kept]
    del kept, tape
    gc.collect()
    assert not any(x() is not None for x in watched)


def test_b19_spent_tapes_keep_no_host_arrays():
    x, v, kept = np.ones(2**18, np.float32), jt.Variable(1.0), []
    tracemalloc.start()
    for _ in range(10):
        with jt.GradientTape() as tape:
            kept.append(jt.reduce_mean(v * x))
        kept.append(tape.gradient(kept[-1], v))
        kept[-1].numpy()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 3 * x.nbytes  # JAX lets go of the last argument at its next call
