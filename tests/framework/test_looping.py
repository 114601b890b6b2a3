"""while_loop, scan, foldl, foldr, map_fn, vectorized_map: loops inside of one program.

Expected numbers are those of the same loop in Python or NumPy.
"""

import asyncio
import contextlib
import gc
import threading
import weakref

import jax
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.recording.node import roots
from tests.compile_counter import count_compiles
from tests.memory import live_array_bytes
from tests.repeated import slopes, thrice

XS = np.float32([1.0, 2.0, 3.0])


def doubling(maximum=None):
    """Three times x -> 2 v x"""

    def function(x, v):
        return jt.while_loop(
            lambda i, _: i < 3,
            lambda i, x: (i + 1, 2.0 * v * x),
            (jt.constant(0), x),
            maximum_iterations=maximum,
        )[1]

    return function


@pytest.mark.parametrize("maximum", [None, 3, 10])
def test_a_while_loop_differentiates_every_turn(maximum):
    """testGradientTapeWithWhileLoop: (2 v)^3 x by x and by v"""
    found = slopes(doubling(maximum), jt.constant(5.0), jt.constant(1.5))
    assert found == [27.0, 3 * 8 * 1.5**2 * 5.0]


@pytest.mark.one_in(2, 1)
@pytest.mark.parametrize(("maximum", "turns"), [(0, 0), (1, 1), (2, 2), (9, 3)])
@pytest.mark.parametrize("is_taped", [True, False])
def test_a_while_loop_stops_after_its_maximum(maximum, turns, is_taped):
    x, v = jt.constant(1.0), jt.constant(1.0)
    if is_taped:
        assert slopes(doubling(maximum), x, v)[0] == 2.0**turns
    assert float(doubling(maximum)(x, v)) == 2.0**turns


def test_the_number_of_turns_is_no_part_of_the_program():
    def count(limit):
        return jt.while_loop(lambda i: i < limit, lambda i: i + 1, (jt.constant(0),))[0]

    for limit in (1, 2):
        count(jt.constant(limit))
    with count_compiles() as compiles:
        assert [int(count(jt.constant(n))) for n in (0, 3, 100)] == [0, 3, 100]
    assert compiles.count == 0


def test_loop_variables_keep_their_nesting():
    found = jt.while_loop(
        lambda i, state: i < 2,
        lambda i, state: [i + 1, {"a": state["a"] * 2, "b": []}],
        [0, {"a": 3.0, "b": []}],
    )
    assert int(found[0]) == 2
    assert float(found[1]["a"]) == 12.0
    assert found[1]["b"] == []


def test_a_body_that_changes_shape_is_a_loop_in_python():
    def function(x):
        return jt.while_loop(
            lambda x: x.shape[0] < 8, lambda x: jt.concat([x, x], 0), (x,)
        )[0]

    assert function(jt.constant([1.0])).shape == (8,)
    assert slopes(function, jt.constant([1.0])) == [[8.0]]


def test_a_body_that_makes_fractions_of_an_integer_loses_none():
    """1.5^3, as in a Python loop"""
    for _ in range(3):
        x = jt.while_loop(
            lambda i, x: i < 3, lambda i, x: (i + 1, x * 1.5), (0, jt.constant(1))
        )[1]
        assert float(x) == 3.375


def test_a_body_that_reads_values_is_a_loop_in_python():
    seen = []

    def body(i):
        seen.append(int(i))
        return i + 1

    assert int(jt.while_loop(lambda i: i < 3, body, (jt.constant(0),))[0]) == 3
    assert seen[-3:] == [0, 1, 2]


def test_scan_stacks_all_states():
    found = jt.scan(lambda s, x: s * x + 1, jt.constant(XS), jt.constant(1.0))
    np.testing.assert_array_equal(found, [2.0, 5.0, 16.0])
    found = jt.scan(lambda s, x: s + x, jt.constant(XS))
    np.testing.assert_array_equal(found, np.cumsum(XS))
    found = jt.scan(lambda s, x: s + x, jt.constant(XS), reverse=True)
    np.testing.assert_array_equal(found, np.cumsum(XS[::-1])[::-1])


def test_folds_give_the_last_state():
    def divided(s, x):
        return s / x

    assert float(jt.foldl(divided, jt.constant(XS))) == pytest.approx(1 / 2 / 3)
    assert float(jt.foldr(divided, jt.constant(XS))) == pytest.approx(3 / 2 / 1)
    assert float(jt.foldl(divided, XS, 12.0)) == 2.0
    assert float(jt.foldr(divided, XS, 12.0)) == 2.0


def test_gradients_of_scan_go_back_to_everything_that_it_takes():
    """s -> s v + x from s0: v^3 s0 + v^2 x1 + v x2 + x3, at s0 = 1, v = 2"""
    v = jt.Variable(2.0)

    def function(xs, start):
        return jt.scan(lambda s, x: s * v + x, xs, start)[-1]

    assert slopes(function, jt.constant(XS), jt.constant(1.0)) == [[4, 2, 1], 8.0]

    def step():
        with jt.GradientTape() as tape:
            y = function(jt.constant(XS), jt.constant(1.0))
        return tape.gradient(y, v)

    assert float(thrice(step)) == 3 * 4 + 2 * 2 * 1 + 2


@pytest.mark.parametrize("apply", [jt.map_fn, jt.vectorized_map])
def test_maps_compute_each_element(apply):
    v = jt.Variable(3.0)
    found = apply(lambda x: {"a": x * v, "b": (x, [])}, jt.constant(XS))
    np.testing.assert_array_equal(found["a"], 3 * XS)
    np.testing.assert_array_equal(found["b"][0], XS)
    pairs = apply(lambda p: p[0] + p[1], (jt.constant(XS), jt.constant(XS)))
    np.testing.assert_array_equal(pairs, 2 * XS)
    assert slopes(
        lambda xs: jt.reduce_sum(apply(lambda x: x * x * v, xs)), jt.constant(XS)
    ) == [(6 * XS).tolist()]


def test_loops_may_be_nested():
    """Rows: (v + a) v + b, by a: v, by b: 1, by v: 2 v + a"""
    v = jt.Variable(2.0)
    rows = jt.constant([[1.0, 2.0], [3.0, 4.0]])

    def function(rows):
        inner = lambda row: jt.scan(lambda s, x: s * v + x, row, 1.0)[-1]  # noqa: E731
        return jt.reduce_sum(jt.map_fn(inner, rows))

    assert slopes(function, rows) == [[[2.0, 1.0], [2.0, 1.0]]]

    def step():
        with jt.GradientTape() as tape:
            y = function(rows)
        return tape.gradient(y, v)

    assert float(thrice(step)) == (4 + 1) + (4 + 3)


@pytest.mark.parametrize("size", [0, 1])
def test_loops_over_no_or_one_element(size):
    xs = jt.ones(size)
    for apply in (jt.map_fn, jt.vectorized_map):
        np.testing.assert_array_equal(apply(lambda x: 2 * x, xs), 2 * np.ones(size))
        summed = lambda xs, a=apply: jt.reduce_sum(a(lambda x: 2 * x, xs))  # noqa: E731
        assert slopes(summed, xs) == [[2.0] * size]
    found = jt.scan(lambda s, x: s + x, xs, 1.0)
    np.testing.assert_array_equal(found, [2.0] * size)
    folded = lambda xs, s: jt.foldl(lambda s, x: s * 3 + x, xs, s)  # noqa: E731
    assert slopes(folded, xs, jt.constant(1.0)) == [[1.0] * size, 3.0**size]


@pytest.mark.parametrize("loop", [jt.scan, jt.foldl, jt.foldr])
def test_no_element_and_no_initializer_are_refused(loop):
    expected = rf"{loop.__name__}\(\) expected at least one element.*shape \(0, 2\)"
    with pytest.raises(jt.errors.ShapeError, match=expected):
        loop(lambda s, x: s + x, jt.zeros((0, 2)))


@pytest.mark.parametrize(
    ("elements", "shapes"),
    [([], "none"), (1.0, r"\(\)"), ((np.ones(2), np.ones(3)), r"\(2,\), \(3,\)")],
)
def test_elements_without_a_common_length_are_refused_with_their_shapes(
    elements, shapes
):
    for name, loop in (("map_fn", jt.map_fn), ("vectorized_map", jt.vectorized_map)):
        with pytest.raises(jt.errors.ShapeError, match=rf"{name}\(\).*{shapes}"):
            loop(lambda x: x, elements)
    with pytest.raises(jt.errors.ShapeError, match=rf"scan\(\).*{shapes}"):
        jt.scan(lambda s, x: s, elements, 1.0)


@pytest.mark.parametrize(
    ("function", "given"),
    [
        (lambda s, x: jt.stack([s, s]), r"float32\[2\]"),
        (lambda s, x: (s, s), r"float32\[\], float32\[\], nested as"),
        (lambda s, x: jt.complex(s, s), r"it returned complex64\[\]"),
    ],
)
def test_another_state_than_was_taken_is_refused(function, given):
    with pytest.raises(jt.errors.ShapeError, match=rf"scan\(\).*float32\[\].*{given}"):
        jt.scan(function, XS, 1.0)


def test_an_integer_state_takes_no_fraction():
    expected = r"takes: int32\[\].*it returned float32\[\].*`initializer`"
    with pytest.raises(jt.errors.ShapeError, match=expected):
        jt.scan(lambda s, x: s + x, XS, 0)


def test_a_value_that_a_loop_computes_cannot_be_read():
    expected = r"given to scan\(\) needs the value.*jt.where.*write the loop in Python"
    with pytest.raises(jt.errors.BodyError, match=expected):
        jt.scan(lambda s, x: s + float(x), XS, 0.0)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("use", [float, lambda x: x + 1.0, np.asarray])
@pytest.mark.parametrize("is_taped", [True, False])
def test_a_value_that_leaves_a_loop_by_the_back_door_is_refused(use, is_taped):
    """B15: one Tensor stands for the values of all turns"""
    kept = []
    jt.scan(lambda s, x: (kept.append(2 * s), s + x)[1], XS, 0.0)
    expected = r"given to scan\(\) needs the value"
    around = jt.GradientTape() if is_taped else contextlib.nullcontext()
    with around, pytest.raises(jt.errors.BodyError, match=expected):
        use(kept[0])


def test_values_from_around_a_loop_can_be_read():
    v, x = jt.Variable(2.0), jt.constant(2.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        z = 3 * x
        y = jt.scan(lambda s, e: s + float(z) * float(v) * e * x, XS, 0.0)[-1]
    assert float(tape.gradient(y, x)) == 6 * 2 * 6


def test_every_turn_draws_anew_and_the_state_advances():
    def draw(x):
        return x + jt.random.uniform(())

    zeros, drawn = jt.zeros(3), []
    for _ in range(4):
        drawn.extend(jt.map_fn(draw, zeros).numpy())
        drawn.extend(jt.vectorized_map(draw, zeros).numpy())
        drawn.extend(jt.scan(lambda s, x: draw(x), zeros, 0.0).numpy())
        with jt.GradientTape():
            drawn.extend(jt.map_fn(draw, zeros).numpy())
    assert len(set(drawn)) == 4 * 12


def test_vectorized_map_of_draws_may_be_forbidden_to_loop():
    with pytest.raises(jt.errors.ArgumentError, match="draws random numbers"):
        jt.vectorized_map(lambda x: x + jt.random.uniform(()), XS, False)


def test_every_turn_assigns():
    v = jt.Variable(1.0)

    def turn(s, x):
        return s + v.assign_add(x)

    for start in (1.0, 7.0, 13.0):
        states = jt.scan(turn, jt.constant(XS), 0.0)
        values = start + np.cumsum(XS)
        np.testing.assert_array_equal(states, np.cumsum(values))
        assert float(v) == values[-1]


def test_nothing_passes_through_an_assignment_in_a_loop():
    """s + v x with v := 2 x first: 2 x^2 each; by x 2 x, and by v the sum of x"""
    v, xs = jt.Variable(1.0), jt.constant(XS)

    def turn(s, x):
        v.assign(2.0 * x)
        return s + v * x

    def step():
        with jt.GradientTape() as tape:
            tape.watch(xs)
            y = jt.foldl(turn, xs, 0.0)
        return (y, *tape.gradient(y, [xs, v]))

    y, by_xs, by_v = thrice(step)
    assert (float(y), float(by_v)) == (28.0, 6.0)
    np.testing.assert_array_equal(by_xs, 2 * XS)


def test_nothing_passes_where_the_body_stops_it():
    xs = jt.constant(XS)
    stopped = {
        "map_fn": lambda xs: jt.map_fn(jt.stop_gradient, xs),
        "vectorized_map": lambda xs: jt.vectorized_map(jt.round, xs),
        "scan": lambda xs: jt.scan(lambda s, x: s + 1.0, xs, 0.0),
        "argmax": lambda xs: jt.map_fn(lambda x: jt.cast(x > 1, "float32"), xs),
    }
    for name, function in stopped.items():
        assert slopes(function, xs) == [None], name
    half = lambda xs: jt.map_fn(lambda x: jt.stop_gradient(x) * x, xs)  # noqa: E731
    assert slopes(half, xs) == [XS.tolist()]


def test_a_tape_in_the_body_of_a_loop():
    """Newton's steps s - e * d(s^3 v)/ds, differentiated by v, as JAX does"""
    v, es = jt.Variable(2.0), jt.constant([0.1, 0.2])

    def turn(s, e):
        with jt.GradientTape() as tape:
            tape.watch(s)
            loss = s**3 * v
        return s - e * tape.gradient(loss, s)

    def reference(v, s=1.0):
        for e in (0.1, 0.2):
            s = s - e * 3 * s**2 * v
        return s

    def step():
        with jt.GradientTape() as tape:
            y = jt.foldl(turn, es, 1.0)
        return y, tape.gradient(y, v)

    expected = jax.value_and_grad(reference)(2.0)
    np.testing.assert_allclose([*map(float, thrice(step))], expected, rtol=1e-5)


def test_a_body_that_raises_leaves_everything_as_it_was():
    v, x = jt.Variable(1.0), jt.constant(3.0)

    def failing(s, e):
        v.assign_add(e)
        raise LookupError("mine")

    for value in (1.0, 2.0, 3.0):
        v.assign(value)
        with jt.GradientTape() as tape:
            y = v * x
            with pytest.raises(LookupError, match="mine"):
                jt.scan(failing, XS, 0.0)
            z = y * v
        assert float(v) == value
        assert float(tape.gradient(z, v)) == 6.0 * value


def test_second_derivatives_and_jacobians_pass_through_loops():
    """The sum of x^3: diag(6 x); scan's Jacobian is the lower triangle"""
    xs = jt.constant(XS)

    def step():
        with jt.GradientTape(persistent=True) as tape:
            tape.watch(xs)
            total = jt.reduce_sum(jt.map_fn(lambda x: x**3, xs))
            sums = jt.scan(lambda s, x: s + x, xs, 0.0)
        with jt.ForwardAccumulator(xs, jt.ones(3)) as accumulator:
            again = jt.scan(lambda s, x: s + x, xs, 0.0)
        return tape.hessian(total, xs), tape.jacobian(sums, xs), accumulator.jvp(again)

    hessian, jacobian, tangent = thrice(step)
    np.testing.assert_allclose(hessian, np.diag(6 * XS), rtol=1e-6)
    np.testing.assert_array_equal(jacobian, np.tril(np.ones((3, 3))))
    np.testing.assert_array_equal(tangent, [1, 2, 3])


def test_loops_in_a_users_own_jit_and_grad():
    """(((x + x) 2 + x) 3 + x) = 16 x, then three times times x: 16 x^4"""

    def function(x):
        t = jt.convert_to_tensor(x)
        y = jt.scan(lambda s, e: s * e + t, XS, t)[-1]
        powered = jt.while_loop(
            lambda i, a: i < 3,
            lambda i, a: (i + 1, a * t),
            (0, y),
            maximum_iterations=5,
        )
        return powered[1]._array()

    assert float(jax.jit(function)(2.0)) == 256.0
    assert float(jax.grad(function)(2.0)) == 512.0
    assert float(jax.jit(jax.grad(function))(2.0)) == 512.0


@pytest.mark.parametrize("mode", ["op_by_op", "compiled"])
def test_both_ways_to_run_agree(mode):
    v = jt.Variable(2.0)
    jt.config.execution(mode)
    try:
        with jt.GradientTape() as tape:
            y = jt.scan(lambda s, x: s * v + x, XS, 1.0)[-1]
        assert (float(y), float(tape.gradient(y, v))) == (8 + 4 + 4 + 3, 12 + 4 + 2)
    finally:
        jt.config.execution("auto")


def test_loops_in_threads_and_tasks():
    def work(number):
        x = jt.constant(float(number))
        return slopes(lambda x: jt.foldl(lambda s, e: s * e + x, XS, x), x)

    wrong = []
    threads = [
        threading.Thread(target=lambda n=n: work(n) == [16.0] or wrong.append(n))
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong

    async def task(number):
        x = jt.constant(float(number))
        with jt.GradientTape() as tape:
            tape.watch(x)
            await asyncio.sleep(0)
            y = jt.foldl(lambda s, e: s * e + x, XS, x)
            await asyncio.sleep(0)
        return float(tape.gradient(y, x))

    async def tasks():
        return await asyncio.gather(*[task(n) for n in range(4)])

    assert asyncio.run(tasks()) == [16.0] * 4


def _step_with_new_functions(v, xs):
    """One step whose bodies are lambdas that are made anew"""
    rule = jt.custom_gradient(
        lambda x: (x * v, lambda dy, variables: (3.0 * dy, [dy * x]))
    )
    again = jt.recompute_grad(lambda x: jt.tanh(x * v))
    with jt.GradientTape() as tape:
        y = jt.reduce_sum(jt.map_fn(lambda x: x * v, xs)) + rule(1.0 * v)
        y += jt.cond(y > 0, lambda: 2 * v, lambda: v) + again(2.0 * v)
        y += jt.foldl(lambda s, x: s * x + v, xs, 1.0 * v)
    slope = tape.gradient(y, v)
    v.assign_sub(1e-3 * slope)
    return y


def test_functions_made_anew_compile_nothing_and_grow_nothing():
    """C5: lambdas of every step"""
    v, xs = jt.Variable(1.0), jt.constant(XS)
    nodes, held, compiled = [], [], []
    for count in (3, 100, 100):
        with count_compiles() as compiles:
            for _ in range(count):
                float(_step_with_new_functions(v, xs))
        nodes.append(roots.count)
        held.append(live_array_bytes())
        compiled.append(compiles.count)
    assert compiled[1:] == [0, 0]
    assert len(set(nodes)) == 1
    assert held[2] == held[1]


def test_nothing_of_a_step_is_kept():
    references = []

    def step():
        x, v = jt.constant(XS * 1), jt.Variable(1.0)
        body = lambda e: e * x[0] * v  # noqa: E731
        with jt.GradientTape() as tape:
            y = jt.reduce_sum(jt.map_fn(body, x)) + jt.cond(
                v > 0, lambda: x[1] * v, lambda: x[2]
            )
            y += jt.while_loop(
                lambda a: a < 5, lambda a: a * x[1] + v, (y,), maximum_iterations=2
            )[0]
        float(tape.gradient(y, v))
        references.extend(map(weakref.ref, (x, v, body, y)))

    for _ in range(4):
        step()
    gc.collect()
    assert [reference() for reference in references] == [None] * 16


def count_up(body, x, **options):
    return jt.while_loop(lambda x: jt.reduce_sum(x) < 9.0, body, [x], **options)[0]


def test_a_loop_in_a_function_says_what_its_body_does_that_has_no_program():
    """Not that its condition has no value: a loop in Python was tried after that."""
    read = jt.function(lambda x: count_up(lambda x: x + abs(float(x)), x))
    expected = r"given to while_loop\(\) needs the value"
    with pytest.raises(jt.errors.BodyError, match=expected):
        read(jt.constant(1.0))
    grow = jt.function(lambda x: count_up(lambda x: jt.concat([x, x], 0), x))
    expected = r"takes, float32\[1\], .*; it returned float32\[2\]\."
    with pytest.raises(jt.errors.ShapeError, match=expected):
        grow(jt.ones(1))


def test_a_loop_under_a_tape_in_a_function_needs_a_limit():
    @jt.function
    def slope(x, **options):
        with jt.GradientTape() as tape:
            tape.watch(x)
            y = count_up(lambda x: 2.0 * x, x, **options)
        return tape.gradient(y, x)

    with pytest.raises(jt.errors.BodyError, match="Give maximum_iterations=100"):
        slope(jt.constant(1.0))
    # 1, 2, 4, 8, 16: four doublings.
    assert float(slope(jt.constant(1.0), maximum_iterations=10)) == 16.0


def test_an_error_of_the_body_itself_passes_a_loop_unchanged():
    def body(x):
        raise jt.errors.BodyError("mine")

    for run in (count_up, jt.function(count_up)):
        with pytest.raises(jt.errors.BodyError, match=r"^mine$"):
            run(body, jt.constant(1.0))
