"""custom_gradient: a function with a rule of its own for its gradient.

The docstrings name the tests of TensorFlow (`backprop_test.py`, `gradients_test.py`,
`forwardprop_test.py`) that demand the same. Most rules here are deliberately not the
derivative, so that a number shows whether the rule was used.
"""

import asyncio
import threading

import jax
import numpy as np
import pytest

import jaxtape as jt
from tests.repeated import slopes, thrice


@jt.custom_gradient
def tripled(x):
    """x squared, with the rule dy -> 3 dy."""
    return x * x, lambda dy: 3.0 * dy


def test_the_rule_replaces_the_derivative():
    """testCustomGradientTrivial"""
    assert float(tripled(jt.constant(5.0))) == 25.0
    assert slopes(tripled, jt.constant(5.0)) == [3.0]


def test_rules_compose():
    """testCustomGradient: 3 * 3"""
    assert slopes(lambda x: tripled(tripled(x)), jt.constant(2.0)) == [9.0]


def test_the_rule_of_an_identity_holds():
    """testCustomGradientIdentity"""
    passing = jt.custom_gradient(lambda x: (x, lambda dy: 5.0 * dy))
    assert slopes(lambda x: 2.0 * passing(x), jt.constant(1.0)) == [10.0]


def test_the_rule_may_use_values_of_the_function():
    """log(1 + e^x) at 100: the derivative by the chain rule would be NaN"""

    @jt.custom_gradient
    def log1pexp(x):
        e = jt.exp(x)
        return jt.math.log(1 + e), lambda dy: dy * (1 - 1 / (1 + e))

    assert slopes(log1pexp, jt.constant(100.0)) == [1.0]
    assert slopes(log1pexp, jt.constant(0.0)) == [0.5]


def test_it_may_be_called_with_arguments_of_its_own():
    decorate = jt.custom_gradient()
    assert slopes(decorate(lambda x: (x, lambda dy: 7 * dy)), jt.constant(1.0)) == [7.0]


def test_a_decorated_function_keeps_its_name_and_its_function():
    """testCustomGradientClass"""
    assert tripled.__name__ == "tripled"
    assert tripled.__doc__ == "x squared, with the rule dy -> 3 dy."
    assert callable(tripled.__wrapped__)


def test_a_method_may_have_a_rule():
    """testCustomGradientClass; an attribute that changes is seen at the next call"""

    class Scaled:
        factor = 1.0

        @jt.custom_gradient
        def __call__(self, x):
            factor = self.factor
            return factor * x, lambda dy: 10.0 * factor * dy

    scaled = Scaled()
    for factor in (1.0, 2.0, 3.0, 4.0):
        scaled.factor = factor
        assert slopes(scaled, jt.constant(2.0)) == [10.0 * factor]


@pytest.mark.parametrize("count", [0, 2])
def test_another_number_of_gradients_is_refused_with_both_numbers(count):
    """testCustomGradientEmptyError"""
    wrong = jt.custom_gradient(lambda x: (x * x, lambda dy: [dy] * count))
    expected = f"expected to return 1 gradients.*it returned {count}"
    for _ in range(3):
        with pytest.raises(ValueError, match=expected):
            slopes(wrong, jt.constant(1.0))


def test_a_gradient_of_another_shape_is_refused_with_both_shapes():
    wrong = jt.custom_gradient(lambda x: (2 * x, lambda dy: dy[None]))
    with pytest.raises(jt.errors.ShapeError, match=r"\(1, 3\) at position 0.*\(3,\)"):
        slopes(wrong, jt.ones(3))


@pytest.mark.parametrize("is_taped", [True, False])
def test_a_function_without_a_rule_is_refused_with_what_it_returned(is_taped):
    @jt.custom_gradient
    def forgetful(x):
        return x

    expected = r"forgetful\(\) to return \(result, grad_fn\); got Tensor"
    with pytest.raises(TypeError, match=expected):
        slopes(forgetful, jt.ones(3)) if is_taped else forgetful(jt.ones(3))


def test_what_the_function_raises_comes_through():
    """testErrors"""

    @jt.custom_gradient
    def failing(x):
        raise LookupError("mine")

    for _ in range(3):
        with pytest.raises(LookupError, match="mine"):
            slopes(failing, jt.constant(1.0))


def test_what_the_rule_raises_comes_through():
    """testCustomGradientErrors, testExceptionInCustomGradientNotSwallowed"""

    @jt.custom_gradient
    def failing(x):
        def rule(dy):
            raise LookupError("mine")

        return x * x, rule

    x = jt.constant(1.0)
    for _ in range(3):
        with pytest.raises(LookupError, match="mine"):
            slopes(failing, x)
        with jt.ForwardAccumulator(x, jt.constant(1.0)) as accumulator:
            y = failing(x)
        with pytest.raises(LookupError, match="mine"):
            accumulator.jvp(y)
        with pytest.raises(LookupError, match="mine"):
            slopes(lambda x: jt.reduce_sum(jt.map_fn(failing, x[None])), x)
        with pytest.raises(LookupError, match="mine"):
            jax.grad(lambda x: jt.convert_to_tensor(failing(x))._array())(1.0)


def test_a_rule_that_fails_and_is_not_asked_does_no_harm():
    @jt.custom_gradient
    def failing(x):
        def rule(dy):
            raise LookupError("mine")

        return x * x, rule

    assert slopes(lambda x: x + jt.stop_gradient(failing(x)), jt.constant(3.0)) == [1.0]


def test_variables_that_the_function_reads_have_gradients():
    """testCustomGradientWithVariables"""
    v = jt.Variable(3.0)

    @jt.custom_gradient
    def scaled(x):
        def rule(dy, variables):
            assert variables == [v]
            return 10.0 * dy * v, [100.0 * dy * x]

        return v * x, rule

    x = jt.constant(2.0)
    for value in (3.0, 4.0, 5.0, 6.0):
        v.assign(value)
        with jt.GradientTape() as tape:
            tape.watch(x)
            y = scaled(x)
        assert float(y) == 2.0 * value
        assert tape.gradient(y, [x, v]) == [10.0 * value, 200.0]


def test_variables_come_in_the_order_of_their_reads():
    a, b = jt.Variable(1.0, name="a"), jt.Variable([1.0, 1.0], name="b")
    names = []

    @jt.custom_gradient
    def both(x):
        def rule(dy, variables=None):
            names.append([variable.name for variable in variables])
            return dy, [jt.constant(5.0), None]

        return x * a + jt.reduce_sum(b), rule

    with jt.GradientTape() as tape:
        y = both(jt.constant(1.0))
    assert tape.gradient(y, [a, b]) == [5.0, None]
    assert names == [["a", "b"]]


@pytest.mark.parametrize("form", ["keyword", "keywords", "after positions"])
def test_the_rule_may_take_variables_in_any_way(form):
    """testCustomGradientVariablesKwonlyArgs"""
    v = jt.Variable(3.0)
    rules = {
        "keyword": lambda dy, *, variables: (dy, [7.0 * dy]),
        "keywords": lambda *dys, **named: (dys[0], [7.0 * dys[0]]),
        "after positions": lambda *dys, variables=None: (dys[0], [7.0 * dys[0]]),
    }
    scaled = jt.custom_gradient(lambda x: (v * x, rules[form]))
    x = jt.constant(2.0)

    def step():
        with jt.GradientTape() as tape:
            y = scaled(x)
        return tape.gradient(y, v)

    assert float(thrice(step)) == 7.0


def test_variables_without_a_place_for_them_are_refused_by_name():
    v = jt.Variable(3.0, name="kernel")
    careless = jt.custom_gradient(lambda x: (v * x, lambda dy: dy))
    for _ in range(2):
        with pytest.raises(TypeError, match=r"reads the variables 'kernel'"):
            slopes(careless, jt.constant(2.0))


def test_an_argument_is_no_captured_variable():
    """testCustomGradientWithVariablesNoFalsePositives"""
    v = jt.Variable(3.0)
    doubled = jt.custom_gradient(lambda x: (x * 1.0, lambda dy: 2.0 * dy))
    assert slopes(lambda x: doubled(x * v) + v, jt.constant(5.0)) == [6.0]


@pytest.mark.parametrize(
    ("returned", "given"),
    [(lambda dy: (dy, [dy, dy]), "it returned 2"), (lambda dy: (dy, []), "returned 0")],
)
def test_another_number_of_variable_gradients_is_refused(returned, given):
    v = jt.Variable(3.0)
    wrong = jt.custom_gradient(lambda x: (v * x, lambda dy, variables: returned(dy)))
    expected = (
        f"expected to return 1 gradients, one for each of its variables; .*{given}"
    )
    with pytest.raises(ValueError, match=expected):
        slopes(wrong, jt.constant(2.0))


@pytest.mark.parametrize(
    ("returned", "given"),
    [(lambda dy: dy, "it returned Tensor"), (lambda dy: [dy] * 3, "a list of 3")],
)
def test_variable_gradients_that_are_left_out_are_asked_for(returned, given):
    v = jt.Variable(3.0)
    wrong = jt.custom_gradient(lambda x: (v * x, lambda dy, variables: returned(dy)))
    with pytest.raises(
        TypeError, match=rf"\(gradients, variable_gradients\); .*{given}"
    ):
        slopes(wrong, jt.constant(2.0))


def test_arguments_may_be_numpy_arrays_and_numbers():
    """testWithNumpyInputs"""

    @jt.custom_gradient
    def product(x, array, number, count):
        return x * array * number * count, lambda dy: (dy * number, None, None, None)

    array = np.float32([2.0, 3.0])
    x = jt.constant([1.0, 1.0])
    np.testing.assert_array_equal(product(x, array, 0.5, 4), 2 * array)
    assert slopes(lambda x: product(x, array, 0.5, 4), x) == [[0.5, 0.5]]


def test_an_integer_argument_has_a_place_among_the_gradients_and_none_itself():
    chosen = jt.custom_gradient(lambda x, i: (x[i], lambda dy: (dy * jt.ones(3), None)))
    x = jt.constant([1.0, 2.0, 3.0])
    assert slopes(lambda x: chosen(x, jt.constant(1)), x) == [[1.0, 1.0, 1.0]]


def test_a_rule_may_give_no_gradient():
    """None by connectivity, as where no path leads"""
    half = jt.custom_gradient(lambda x, y: (x * y, lambda dy: (dy, None)))
    assert slopes(half, jt.constant(2.0), jt.constant(3.0)) == [1.0, None]


def test_the_rule_connects_what_the_function_does_not():
    passing = jt.custom_gradient(lambda x: (jt.round(x), lambda dy: 2.0 * dy))
    assert slopes(passing, jt.constant(2.6)) == [2.0]


def test_rules_of_functions_with_several_results():
    @jt.custom_gradient
    def split(x):
        return (x * x, x * 5.0), lambda first, second: 2.0 * first + 100.0 * second

    def weighted(x):
        first, second = split(x)
        return 3.0 * first + second

    assert slopes(weighted, jt.constant(1.0)) == [106.0]
    assert slopes(lambda x: split(x)[1], jt.constant(1.0)) == [100.0]


def test_arguments_and_results_may_be_nested_and_empty():
    """testCustomGradientStructuralInputOutput"""

    @jt.custom_gradient
    def nested(named, listed, nothing):
        def rule(dp, dq):
            return {"a": 2 * dp, "b": 3 * dq}, [5 * dp, 7 * dq], []

        a, b = named["a"], named["b"]
        return {"p": a + listed[0], "q": (b * listed[1],), "none": []}, rule

    def summed(a, b, c, d):
        result = nested({"a": a, "b": b}, [c, d], ())
        assert result["none"] == []
        return result["p"] + result["q"][0]

    assert slopes(summed, *map(jt.constant, (1.0, 2.0, 3.0, 4.0))) == [2, 3, 5, 7]


@pytest.mark.parametrize("form", ["second named", "both named", "other order", "flag"])
def test_the_rule_holds_for_arguments_given_by_keyword(form):
    """TensorFlow drops it silently"""

    @jt.custom_gradient
    def product(x, y=None, *, is_doubled=False):
        factor = 2.0 if is_doubled else 1.0
        return factor * x * y, lambda dy: (10.0 * dy, 20.0 * factor * dy)

    calls = {
        "second named": lambda x, y: product(x, y=y),
        "both named": lambda x, y: product(x=x, y=y),
        "other order": lambda x, y: product(y=y, x=x),
        "flag": lambda x, y: product(x, y, is_doubled=True),
    }
    expected = [10.0, 40.0] if form == "flag" else [10.0, 20.0]
    assert slopes(calls[form], jt.constant(2.0), jt.constant(3.0)) == expected


def test_a_variable_as_an_argument_has_its_gradient_by_the_rule():
    """testImplicitGradientsCustomGradientAndCachedVariableValue: 2 * 3 + 1"""
    v = jt.Variable(3.0)
    squared = jt.custom_gradient(lambda x: (x**2, lambda dy: 2.0 * x * dy))

    def step():
        with jt.GradientTape() as tape:
            y = squared(v) + v
        return tape.gradient(y, v)

    assert float(thrice(step)) == 7.0


def test_the_rule_holds_where_the_function_assigns_its_variable():
    """testCustomGradientVariableOutput"""
    v = jt.Variable(1.0)

    @jt.custom_gradient
    def assigned(x):
        return v.assign(2.0 * x), lambda dy, variables: (7.0 * dy, [None])

    for value in (3.0, 4.0, 5.0, 6.0):
        x = jt.constant(value)
        with jt.GradientTape() as tape:
            tape.watch(x)
            y = assigned(x) * v
        assert (float(y), float(v)) == (4.0 * value**2, 2.0 * value)
        assert float(tape.gradient(y, x)) == 7.0 * 2.0 * value


def test_numbers_and_tensors_from_around_may_change_from_call_to_call():
    """No program holds an old one"""
    x = jt.constant(2.0)
    for k in range(6):
        number, tensor = float(k), jt.constant(10.0 * k)

        @jt.custom_gradient
        def linear(x, number=number, tensor=tensor):
            return x * number + tensor, lambda dy: dy * (number + tensor)

        with jt.GradientTape() as tape:
            tape.watch([x, tensor])
            y = linear(x)
        assert float(y) == 12.0 * k
        assert float(tape.gradient(y, x)) == 11.0 * k


def test_values_may_be_read_in_the_function():
    @jt.custom_gradient
    def branching(x):
        factor = float(x)
        sign = 1.0 if x > 2.0 else -1.0
        return x * factor, lambda dy: 100.0 * sign * factor * dy

    for value in (1.0, 2.0, 3.0, 1.0):
        sign = 1.0 if value > 1.0 else -1.0
        step = lambda x: branching(2.0 * x)  # noqa: E731 - a pending argument
        assert slopes(step, jt.constant(value)) == [400.0 * sign * value]


@pytest.mark.parametrize("read", [float, bool, np.asarray])
def test_a_rule_that_reads_its_cotangent_is_told_why_it_cannot(read):
    reading = jt.custom_gradient(lambda x: (2.0 * x, lambda dy: (read(dy), dy)[1]))
    expected = "The grad_fn of a custom_gradient needs the value .*look at the gradient"
    with pytest.raises(jt.errors.BodyError, match=expected):
        slopes(reading, jt.constant(1.0))


def test_a_rule_may_print_its_cotangent_which_has_no_value_yet(capsys):
    printing = jt.custom_gradient(lambda x: (2.0 * x, lambda dy: (print(dy), dy)[1]))
    assert slopes(printing, jt.constant(1.0)) == [1.0]
    shown = "jt.Tensor((no value yet), shape=(), dtype=float32)\n"
    assert capsys.readouterr().out == 3 * shown


def test_a_failure_is_told_as_new_each_time():
    """Its traceback and its notes do not grow"""

    @jt.custom_gradient
    def failing(x):
        def rule(dy):
            raise LookupError("mine")

        return x * x, rule

    lengths = set()
    for _ in range(4):
        with pytest.raises(LookupError, match="mine") as caught:
            slopes(lambda x: jt.reduce_sum(jt.map_fn(failing, x)), jt.ones(2))
        lengths.add((len(caught.traceback), len(caught.value.__notes__)))
    assert len(lengths) == 1


def test_complex_gradients_are_conjugated_as_tensorflow_does():
    """d Re(c z^2) = Re(2 c z dz), so the gradient is conj(2 c z)"""
    squared = jt.custom_gradient(lambda z: (z * z, lambda dy: dy * jt.math.conj(2 * z)))
    z, c = jt.constant(3 + 4j), 1 + 2j
    expected = [np.conj(2 * c * (3 + 4j))]
    assert slopes(lambda z: jt.math.real(c * squared(z)), z) == expected
    assert slopes(lambda z: jt.math.real(c * z * z), z) == expected


def test_derivatives_of_the_rule_up_to_the_third_order():
    """x^4 at 2: 32, 48, 48, with the rule of the calculus"""
    power = jt.custom_gradient(lambda x: (x**4, lambda dy: dy * 4 * x**3))
    x = jt.constant(2.0)

    def step():
        with jt.GradientTape() as a:
            a.watch(x)
            with jt.GradientTape() as b:
                b.watch(x)
                with jt.GradientTape() as c:
                    c.watch(x)
                    y = power(x)
                first = c.gradient(y, x)
            second = b.gradient(first, x)
        return first, second, a.gradient(second, x)

    assert [*map(float, thrice(step))] == [32.0, 48.0, 48.0]


def test_a_rule_inside_of_the_rule_is_that_of_the_second_order():
    """testOverrideSecondOrderWithCustomGradient: d(dy 5)/dx = 0, by the rule 11"""

    @jt.custom_gradient
    def first_order(x):
        @jt.custom_gradient
        def second_order(x):
            return 5.0 * x, lambda ddy: 11.0 * ddy

        return x * x, lambda dy: dy * second_order(x)

    x = jt.constant(3.0)

    def step():
        with jt.GradientTape() as outer:
            outer.watch(x)
            with jt.GradientTape() as inner:
                inner.watch(x)
                y = first_order(x)
            slope = inner.gradient(y, x)
        return slope, outer.gradient(slope, x)

    assert [*map(float, thrice(step))] == [15.0, 11.0]


def test_no_second_derivative_passes_where_the_rule_stops_it():
    """dy * stop(2x) * x at 3 is 18; its derivative 6, and 12 if nothing stopped it"""

    @jt.custom_gradient
    def squared(x):
        return x * x, lambda dy: dy * jt.stop_gradient(2.0 * x) * x

    x = jt.constant(3.0)

    def step():
        with jt.GradientTape() as outer:
            outer.watch(x)
            with jt.GradientTape() as inner:
                inner.watch(x)
                y = squared(x)
            slope = inner.gradient(y, x)
        return slope, outer.gradient(slope, x)

    assert [*map(float, thrice(step))] == [18.0, 6.0]


def test_a_function_inside_of_a_function_keeps_its_rule():
    """testRecursiveCustomGradient"""

    @jt.custom_gradient
    def power(x, n):
        if n == 0:
            return 1.0 * x, lambda dy: (dy, None)
        inner = power(x, n - 1)
        return inner * x, lambda dy: (dy * power(x, n - 1) * 2.0, None)

    x = jt.constant(3.0)
    assert float(power(x, 2)) == 27.0
    assert slopes(lambda x: power(x, 2), x) == [18.0]


def test_jacobians_hessians_and_products_use_the_rule():
    """The rule is 2 * 3 x^2, whose derivative is 12 x"""
    cube = jt.custom_gradient(lambda x: (x**3, lambda dy: dy * 6 * x**2))
    x, e = jt.constant([1.0, 2.0]), jt.constant([1.0, 1.0])

    def step():
        with jt.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = cube(x)
            total = jt.reduce_sum(y)
        with jt.ForwardAccumulator(x, e) as accumulator:
            z = cube(x)
        return (
            tape.jacobian(y, x),
            tape.hessian(total, x),
            tape.hvp(total, x, e),
            accumulator.jvp(z),
        )

    rows = [part.numpy().tolist() for part in thrice(step)]
    assert rows == [[[6, 0], [0, 24]], [[12, 0], [0, 24]], [12, 24], [6, 24]]


def test_tapes_may_be_used_in_the_function_and_in_its_rule():
    """testGradientsFunctionInCustomGradient: d(x^3) = 12; the rule is d(x^2) = 4"""

    @jt.custom_gradient
    def slope(x):
        with jt.GradientTape() as tape:
            tape.watch(x)
            y = x**3

        def rule(dy):
            with jt.GradientTape() as inner:
                inner.watch(x)
                z = x**2
            return dy * inner.gradient(z, x)

        return tape.gradient(y, x), rule

    assert float(slope(jt.constant(2.0))) == 12.0
    assert slopes(slope, jt.constant(2.0)) == [4.0]


def test_a_tape_of_the_function_may_be_asked_for_a_jacobian_in_the_rule():
    """testJacobianCustomGradient: J^T dy with J = diag(2x)"""

    @jt.custom_gradient
    def squared(x):
        with jt.GradientTape() as tape:
            tape.watch(x)
            y = x * x
        return y, lambda dy: jt.linalg.matvec(tape.jacobian(y, x), dy)

    x, weights = jt.constant([2.0, 5.0]), jt.constant([1.0, 3.0])
    found = slopes(lambda x: jt.reduce_sum(squared(x) * weights), x)
    assert found == [[4.0, 30.0]]


def test_random_numbers_in_the_function_are_those_of_its_rule():
    @jt.custom_gradient
    def noisy(x):
        noise = jt.random.normal((3,))
        return x * noise, lambda dy: dy * noise

    x, drawn = jt.ones(3), []
    for _ in range(4):
        with jt.GradientTape() as tape:
            tape.watch(x)
            y = noisy(x)
        np.testing.assert_array_equal(tape.gradient(y, x), y)
        drawn.append(tuple(y.numpy().tolist()))
    assert len(set(drawn)) == 4


def test_an_exception_after_an_assignment_leaves_everything_as_it_was():
    v = jt.Variable(1.0)

    @jt.custom_gradient
    def failing(x):
        v.assign(2.0 * x)
        raise LookupError("mine")

    x = jt.constant(3.0)
    for value in (1.0, 2.0, 3.0, 4.0):
        v.assign(value)
        with jt.GradientTape() as tape:
            tape.watch(x)
            z = v * x
            with pytest.raises(LookupError, match="mine"):
                failing(x)
            y = z * v
        assert tape.gradient(y, [x, v]) == [value**2, 2.0 * 3.0 * value]
        assert float(v) == value


def test_a_rule_as_an_activation_in_a_layer():
    """halved: relu with the rule dy / 2; the layer is x @ ones at x = (1, 1)"""
    halved = jt.custom_gradient(lambda x: (jt.nn.relu(x), lambda dy: 0.5 * dy))
    layer = jt.layers.Dense(2, activation=halved, kernel_initializer="ones")
    x = jt.ones((1, 2))
    layer(x)

    def step():
        with jt.GradientTape() as tape:
            tape.watch(x)
            y = jt.reduce_sum(layer(x))
        return tape.gradient(y, [x, *layer.trainable_variables])

    by_input, by_kernel, by_bias = thrice(step)
    np.testing.assert_array_equal(by_input, [[1.0, 1.0]])
    np.testing.assert_array_equal(by_kernel, np.full((2, 2), 0.5))
    np.testing.assert_array_equal(by_bias, [0.5, 0.5])


def test_a_rule_holds_in_every_kind_of_body():
    """f = x^2 with the rule 3 dy; each body applies it once to every element"""
    xs = jt.constant([1.0, 2.0, 3.0])
    bodies = {
        "scan": lambda xs: jt.scan(lambda s, x: s + tripled(x), xs, 0.0)[-1],
        "map_fn": lambda xs: jt.reduce_sum(jt.map_fn(tripled, xs)),
        "vectorized_map": lambda xs: jt.reduce_sum(jt.vectorized_map(tripled, xs)),
        "recompute_grad": lambda xs: jt.reduce_sum(jt.recompute_grad(tripled)(xs)),
        "cond": lambda xs: jt.cond(xs[0] > 0, lambda: tripled(xs), lambda: xs),
        "while_loop": lambda xs: jt.while_loop(
            lambda i, _: i < 1, lambda i, x: (i + 1, tripled(x)), (0, xs)
        )[1],
        "bounded": lambda xs: jt.while_loop(
            lambda i, _: i < 1,
            lambda i, x: (i + 1, tripled(x)),
            (0, xs),
            maximum_iterations=4,
        )[1],
    }
    for name, body in bodies.items():
        assert slopes(body, xs) == [[3.0, 3.0, 3.0]], name


def test_variables_of_a_rule_in_a_loop():
    """Each element gives 100 x to the variable"""
    v = jt.Variable(2.0)

    @jt.custom_gradient
    def scaled(x):
        return v * x, lambda dy, variables: (3.0 * dy, [100.0 * dy * x])

    xs = jt.constant([1.0, 2.0, 3.0])
    for apply in (jt.map_fn, jt.vectorized_map):

        def step(apply=apply):
            with jt.GradientTape() as tape:
                y = jt.reduce_sum(apply(scaled, xs))
            return tape.gradient(y, v)

        assert float(thrice(step)) == 600.0


def test_rules_hold_in_a_users_own_grad_and_jit():
    def function(x):
        return jt.convert_to_tensor(tripled(jt.convert_to_tensor(x)))._array()

    assert float(jax.grad(function)(2.0)) == 3.0
    assert float(jax.jit(function)(2.0)) == 4.0
    assert float(jax.jit(jax.grad(function))(2.0)) == 3.0


def test_rules_in_many_threads():
    wrong = []

    def work(number):
        for turn in range(5):
            factor = float(number + turn)
            rule = jt.custom_gradient(lambda x, f=factor: (x, lambda dy: dy * f))
            if slopes(rule, jt.constant(1.0)) != [factor]:
                wrong.append((number, turn))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_rules_in_many_tasks():
    async def work(number):
        x = jt.constant(float(number))
        with jt.GradientTape() as tape:
            tape.watch(x)
            await asyncio.sleep(0)
            y = number * tripled(x)
            await asyncio.sleep(0)
        return float(tape.gradient(y, x))

    async def all_of_them():
        return await asyncio.gather(*[work(n) for n in range(5)])

    assert asyncio.run(all_of_them()) == [0.0, 3.0, 6.0, 9.0, 12.0]


class TestGradPassThrough:
    def test_the_value_is_the_functions_and_the_gradient_the_identity(self):
        """testGradPassThrough*; at 2.6 rounding gives 3"""
        rounded = jt.grad_pass_through(jt.round)
        assert float(rounded(jt.constant(2.6))) == 3.0
        assert slopes(lambda x: 5.0 * rounded(x), jt.constant(2.6)) == [5.0]

    def test_an_assignment_becomes_differentiable(self):
        """z^2 at 3: 6"""
        v, z = jt.Variable(1.0), jt.Variable(3.0)

        def step():
            with jt.GradientTape() as tape:
                y = jt.grad_pass_through(v.assign)(z**2)
            return tape.gradient(y, z)

        assert float(thrice(step)) == 6.0
        assert float(v) == 9.0

    def test_variables_of_the_function_get_none(self):
        v, x = jt.Variable(2.0), jt.constant(3.0)

        def step():
            with jt.GradientTape() as tape:
                tape.watch(x)
                y = jt.grad_pass_through(lambda x: v * x)(x)
            return (y, *tape.gradient(y, [x, v]))

        value, by_input, by_variable = thrice(step)
        assert (float(value), float(by_input), by_variable) == (6.0, 1.0, None)

    def test_several_arguments(self):
        """testGradPassThrough with a tuple of results"""
        swapped = jt.grad_pass_through(lambda a, b: (b, a))

        def function(a, b):
            first, second = swapped(a, b)
            return 2.0 * first + 3.0 * second

        assert slopes(function, jt.constant(1.0), jt.constant(1.0)) == [2.0, 3.0]
