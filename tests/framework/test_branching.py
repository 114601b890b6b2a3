"""cond, switch_case, case: branches inside of one program."""

import jax
import numpy as np
import pytest

import jaxtape as jt
from tests.compile_counter import count_compiles
from tests.repeated import slopes, thrice


@pytest.mark.parametrize(("x", "expected"), [(3.0, 6.0), (-3.0, 5.0)])
def test_the_branch_that_is_taken_gives_value_and_gradient(x, expected):
    """testGradientTapeWithCond: x^2 or 5x"""

    def function(x):
        return jt.cond(x > 0, lambda: x * x, lambda: 5.0 * x)

    assert slopes(function, jt.constant(x)) == [expected]
    assert float(function(jt.constant(x))) == (9.0 if x > 0 else -15.0)


def test_the_condition_is_no_part_of_the_program():
    v = jt.Variable(0.0)

    def step(value):
        v.assign(value)
        with jt.GradientTape() as tape:
            y = jt.cond(v > 0, lambda: v * v, lambda: 5.0 * v)
        return float(tape.gradient(y, v))

    for value in (1.0, -1.0, 2.0):
        step(value)
    with count_compiles() as compiles:
        assert [step(x) for x in (3.0, -3.0, 4.0, -4.0)] == [6.0, 5.0, 8.0, 5.0]
    assert compiles.count == 0


@pytest.mark.parametrize("pred", [True, 1, np.bool_(True), jt.constant(True)])
def test_the_condition_may_be_any_scalar(pred):
    assert jt.cond(pred, lambda: "yes", lambda: "no") == "yes"


def test_a_condition_that_is_no_scalar_is_refused_with_its_shape():
    with pytest.raises(jt.errors.ShapeError, match=r"scalar `pred`; got shape \(2,\)"):
        jt.cond(jt.constant([True, False]), lambda: 1, lambda: 2)


def test_branches_of_different_shapes_are_told_apart_by_reading():
    for x, slope in ((1.0, [6.0]), (-1.0, [7.0])):

        def function(x):
            return jt.cond(x[0] > 0, lambda: jt.concat([x, x], 0) * 3, lambda: x * 7)

        assert slopes(function, jt.constant([x])) == [slope]
        assert function(jt.constant([x])).shape == ((2,) if x > 0 else (1,))


def test_results_are_nested_and_may_be_empty():
    with jt.GradientTape():
        x = jt.constant(2.0) * 1.0
        found = jt.cond(x > 0, lambda: {"a": (x, [])}, lambda: {"a": (x * 2, [])})
        nothing = jt.cond(x > 0, lambda: None, lambda: None)
    assert float(found["a"][0]) == 2.0
    assert (found["a"][1], nothing) == ([], None)


def test_only_the_branch_that_is_taken_assigns():
    for steps in (True, False):
        v, w = jt.Variable(1.0), jt.Variable(10.0)
        for k in range(4):
            before = v.numpy(), w.numpy()

            def first(v=v, w=w):
                return v.assign_add(1.0) * w

            def second(v=v, w=w):
                return w.assign_add(5.0) * v

            with jt.GradientTape() as tape:
                turn = jt.constant(k % 2) * 1 if steps else k % 2
                y = jt.cond(turn == 0, first, second)
            assert v.numpy() == before[0] + (k % 2 == 0)
            assert w.numpy() == before[1] + 5 * (k % 2 == 1)
            # Both factors were read: d(v w) = w dv + v dw.
            assert tape.gradient(y, [v, w]) == [w.numpy(), v.numpy()]


def test_what_a_branch_captures_has_gradients():
    x, v = jt.constant(2.0), jt.Variable(3.0)

    def step():
        with jt.GradientTape() as tape:
            tape.watch(x)
            y = jt.cond(x > 0, lambda: x * v, lambda: x)
        return tape.gradient(y, [x, v])

    assert [*map(float, thrice(step))] == [3.0, 2.0]


def test_no_branch_connects_what_it_stops():
    def function(x):
        return jt.cond(
            x > 0, lambda: jt.stop_gradient(x) * 2, lambda: jt.stop_gradient(x)
        )

    assert slopes(function, jt.constant(2.0)) == [None]
    half = lambda x: jt.cond(x > 0, lambda: jt.stop_gradient(x) * x, lambda: x)  # noqa: E731
    assert slopes(half, jt.constant(2.0)) == [2.0]


def test_second_derivatives_pass_through_a_branch():
    """x^3 at 2: 12"""
    x = jt.constant(2.0)

    def step():
        with jt.GradientTape() as outer:
            outer.watch(x)
            with jt.GradientTape() as inner:
                inner.watch(x)
                y = jt.cond(x > 0, lambda: x**3, lambda: x)
            slope = inner.gradient(y, x)
        return outer.gradient(slope, x)

    assert float(thrice(step)) == 12.0


def test_draws_of_a_branch_advance_the_state():
    drawn = set()
    for _ in range(4):
        with jt.GradientTape():
            x = jt.constant(1.0) * 1
            y = jt.cond(x > 0, lambda: jt.random.uniform(()), lambda: jt.constant(2.0))
        drawn.add(float(y))
    assert len(drawn) == 4
    assert max(drawn) < 1


@pytest.mark.parametrize(
    ("index", "expected"), [(0, 1.0), (1, 2.0), (2, 3.0), (3, 3.0), (-1, 3.0)]
)
@pytest.mark.parametrize("is_taped", [True, False])
def test_switch_case_takes_the_last_branch_for_other_numbers(index, expected, is_taped):
    branches = [lambda k=k: jt.constant(float(k)) for k in (1, 2, 3)]
    if not is_taped:
        assert float(jt.switch_case(index, branches)) == expected
        assert float(jt.switch_case(jt.constant(index), branches)) == expected
        return
    with jt.GradientTape():
        found = jt.switch_case(jt.constant(index) * 1, branches)
    assert float(found) == expected


@pytest.mark.parametrize("form", [dict, list])
def test_switch_case_by_number_with_a_default(form):
    branches = form(
        {5: lambda: jt.constant(50.0), 2: lambda: jt.constant(20.0)}.items()
    )
    with jt.GradientTape():
        found = [
            jt.switch_case(jt.constant(n) * 1, branches, lambda: jt.constant(-1.0))
            for n in (2, 3, 5)
        ]
    assert [*map(float, found)] == [20.0, -1.0, 50.0]


@pytest.mark.parametrize("branches", [[], {}])
def test_switch_case_without_functions_is_refused(branches):
    with pytest.raises(jt.errors.ArgumentError, match="at least one function"):
        jt.switch_case(jt.constant(0), branches)


@pytest.mark.parametrize(("x", "expected"), [(-1.0, 10.0), (0.5, 20.0), (2.0, 30.0)])
def test_case_takes_the_first_condition_that_holds(x, expected):
    def function(x):
        return jt.case(
            [(x < 0, lambda: 10.0 * x), (x < 1, lambda: 20.0 * x)],
            default=lambda: 30.0 * x,
        )

    assert slopes(function, jt.constant(x)) == [expected]


def test_case_without_a_default_ends_with_its_last_function():
    x = jt.constant(5.0)
    found = jt.case([(x < 0, lambda: 1.0), (x < 1, lambda: 2.0)])
    assert found == 2.0


def test_case_without_pairs_is_refused():
    with pytest.raises(jt.errors.ArgumentError, match="at least one pair"):
        jt.case([])


def test_what_a_branch_raises_leaves_everything_as_it_was():
    v, x = jt.Variable(1.0), jt.constant(3.0)

    def failing():
        v.assign(2 * x)
        raise LookupError("mine")

    for value in (1.0, 2.0, 3.0):
        v.assign(value)
        with jt.GradientTape() as tape:
            y = v * x
            with pytest.raises(LookupError, match="mine"):
                jt.cond(y > 0, lambda: x, failing)
            z = y * v
        assert float(v) == value
        assert float(tape.gradient(z, v)) == 6.0 * value


def test_branches_may_be_nested():
    def function(x):
        inner = lambda: jt.cond(x > 2, lambda: 3 * x, lambda: 2 * x)  # noqa: E731
        return jt.cond(x > 0, inner, lambda: x)

    for x, slope in ((3.0, 3.0), (1.0, 2.0), (-1.0, 1.0)):
        assert slopes(function, jt.constant(x)) == [slope]


def test_a_users_own_jit_takes_both_branches():
    def function(x):
        t = jt.convert_to_tensor(x)
        return jt.cond(t > 0, lambda: t * t, lambda: 5.0 * t)._array()

    assert [float(jax.jit(function)(x)) for x in (3.0, -3.0)] == [9.0, -15.0]
    assert [float(jax.jit(jax.grad(function))(x)) for x in (3.0, -3.0)] == [6.0, 5.0]
