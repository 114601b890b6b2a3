"""What `gradient` takes and gives: targets, sources, their structure, their number.

The docstrings name the tests of TensorFlow's `backprop_test.py` that demand the same.
"""

import numpy as np
import pytest

import jaxtape as jt


def assert_gradients(found, expected):
    assert [float(gradient) for gradient in found] == pytest.approx(expected)


@pytest.mark.parametrize("make", [jt.constant, jt.Variable])
def test_a_value_has_gradient_one_by_itself(make):
    """testTapeNoOpGradient, ...NoOpOnVariableIsIdentity"""
    x = make(3.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
    assert float(tape.gradient(x, x)) == 1.0


def test_an_unread_variable_has_gradient_one_by_itself():
    """testTapeNoOpOnVariableIsIdentity"""
    v = jt.Variable(3.0)
    with jt.GradientTape() as tape:
        y = v.read_value()
    assert float(tape.gradient(y, v)) == 1.0


@pytest.mark.parametrize("same", [lambda x: x, jt.identity, lambda x: +x])
def test_identity_has_gradient_one(same):
    """testTapeIdentityGradientIsIdentity"""
    x = jt.constant(3.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = same(x)
    assert float(tape.gradient(y, x)) == 1.0


def test_a_matrix_has_gradient_ones_by_itself():
    """testTapeNoOpGradient2By2"""
    x = jt.constant([[1.0, 2.0], [3.0, 4.0]])
    with jt.GradientTape() as tape:
        tape.watch(x)
    np.testing.assert_array_equal(tape.gradient(x, x), np.ones((2, 2)))


def test_a_target_named_twice_counts_twice():
    """testTapeNoOpGradientMultiTarget2By2, ...WithMultiTargetAllSource"""
    x = jt.constant([[1.0, 2.0], [3.0, 4.0]])
    with jt.GradientTape() as tape:
        tape.watch(x)
    np.testing.assert_array_equal(tape.gradient([x, x], x), np.full((2, 2), 2.0))


def test_a_computed_target_named_twice_counts_twice():
    x = jt.constant(3.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert float(tape.gradient([y, y], x)) == 12.0


@pytest.mark.parametrize("position", [0, 1])
def test_a_source_may_be_among_the_targets(position):
    """testTapeGradientMultiTargetOneIsSource"""
    x = jt.constant(2.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        targets = [x * x]
    targets.insert(position, x)
    assert float(tape.gradient(targets, x)) == 1 + 2 * 2.0


def test_several_sources_may_be_among_the_targets():
    """testTapeNoOpGradientWithMultiTargetMultiSource"""
    x, y = jt.constant(3.0), jt.constant(5.0)
    with jt.GradientTape() as tape:
        tape.watch([x, y])
        z = y * y
    assert_gradients(tape.gradient([x, y, z], [x, y]), [1.0, 1 + 2 * 5.0])


def test_targets_are_summed():
    """testTwoTargets"""
    x, y = jt.constant(2.0), jt.constant(3.0)
    with jt.GradientTape() as tape:
        tape.watch([x, y])
        targets = [x**2 + 3 * y, x * y]
    assert_gradients(tape.gradient(targets, [x, y]), [2 * 2 + 3, 3 + 2])


def test_targets_may_have_different_shapes():
    x = jt.constant([1.0, 2.0])
    with jt.GradientTape() as tape:
        tape.watch(x)
        targets = {"vector": x * x, "scalar": jt.reduce_sum(x)}
    np.testing.assert_allclose(tape.gradient(targets, x), [3.0, 5.0])


def test_a_target_of_any_shape_is_summed():
    x = jt.constant([1.0, 2.0])
    with jt.GradientTape() as tape:
        tape.watch(x)
        outer = jt.expand_dims(x, 1) * x  # its sum is (x0 + x1)^2
    np.testing.assert_allclose(tape.gradient(outer, x), [6.0, 6.0])


def test_output_gradients_weight_each_target():
    """testOutputGradUsedInComputation"""
    x, y = jt.constant(3.0), jt.constant(5.0)
    with jt.GradientTape() as tape:
        tape.watch([x, y])
        z = x * y
    found = tape.gradient([x, z], [x, y], output_gradients=[1.0, 2.0])
    assert_gradients(found, [1 + 2 * 5.0, 2 * 3.0])


def test_an_output_gradient_of_none_stands_for_ones():
    x = jt.constant(3.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        targets = [x * x, 10 * x]
    found = tape.gradient(targets, x, output_gradients=[None, jt.constant(2.0)])
    assert float(found) == 6 + 20


def test_output_gradients_weight_elements():
    x = jt.constant([1.0, 2.0, 3.0])
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    found = tape.gradient(y, x, output_gradients=np.float32([1, 10, 100]))
    np.testing.assert_allclose(found, [2.0, 40.0, 600.0])


@pytest.mark.parametrize("persistent", [False, True])
def test_a_source_named_twice_has_two_equal_gradients(persistent):
    """testGradientTapeRepeatedSource, testPersistentGradientTapeRepeatedSource"""
    x = jt.constant(3.0)
    with jt.GradientTape(persistent=persistent) as tape:
        tape.watch(x)
        y = x * x
    assert_gradients(tape.gradient(y, [x, x]), [6.0, 6.0])


def test_the_result_is_nested_like_the_sources():
    """testGradientTapeStructure"""
    a, b, c = jt.constant(1.0), jt.constant(2.0), jt.constant(3.0)
    with jt.GradientTape(persistent=True) as tape:
        tape.watch([a, b, c])
        y = a + 2 * b + 3 * c
    one = tape.gradient(y, a)
    pair = tape.gradient(y, (a, b))
    pairs = tape.gradient(y, [(a, b), (b, c)])
    table = tape.gradient(y, {"b": b, "rest": [c, a]})
    assert (isinstance(one, jt.Tensor), float(one)) == (True, 1.0)
    assert tuple(map(float, pair)) == (1.0, 2.0)
    assert [tuple(map(float, row)) for row in pairs] == [(1.0, 2.0), (2.0, 3.0)]
    assert (float(table["b"]), [float(g) for g in table["rest"]]) == (2.0, [3.0, 1.0])


def test_no_sources_give_no_gradients():
    x = jt.constant(1.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert tape.gradient(y, []) == []


def test_none_among_the_gradients_keeps_its_place_in_the_structure():
    a, b = jt.Variable(1.0), jt.Variable(2.0)
    with jt.GradientTape() as tape:
        y = 3 * b
    assert tape.gradient(y, {"a": a, "b": [b]}) == {"a": None, "b": [3.0]}


def test_an_intermediate_value_is_a_source():
    """testNestedGradients"""
    x = jt.constant(3.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        z = y * y
    assert_gradients(tape.gradient(z, [x, y]), [108.0, 18.0])


def test_an_intermediate_variable_read_is_no_other_source():
    v = jt.Variable(3.0)
    with jt.GradientTape() as tape:
        y = v * v
        z = y * v
    assert_gradients(tape.gradient(z, [v, y]), [27.0, 3.0])


def test_constants_of_equal_value_are_distinct_sources():
    """testDifferentiatingScalarCache"""
    x, twin = jt.constant(3.0), jt.constant(3.0)
    with jt.GradientTape() as tape:
        tape.watch([x, twin])
        y = x + twin
    assert_gradients(tape.gradient(y, [x]), [1.0])


def test_sources_made_of_one_array_are_distinct():
    array = np.float32(3.0)
    x, twin = jt.Variable(array), jt.Variable(array)
    with jt.GradientTape() as tape:
        y = x * x * twin
    assert_gradients(tape.gradient(y, [x, twin]), [18.0, 9.0])


@pytest.mark.parametrize("make", [jt.constant, jt.Variable])
def test_variables_and_constants_have_the_same_gradients(make):
    """testVariablesAndConstantsProduceTheSameGradients"""
    a, b = make(2.0), make(2.0)
    with jt.GradientTape() as tape:
        tape.watch([a, b])
        targets = [a**3, b**2]
    assert_gradients(tape.gradient(targets, [a, b]), [12.0, 4.0])


@pytest.mark.parametrize(
    "same", [jt.identity, lambda x: x + 0, lambda x: x - 0, lambda x: x * 1]
)
def test_an_operation_without_effect_makes_another_source(same):
    """testNoOpBehaviorConsistent"""
    x = jt.constant(10.0)
    other = same(x)
    with jt.GradientTape() as tape:
        tape.watch([x, other])
        loss = x * 2.0 + other * 3.0
    assert_gradients(tape.gradient(loss, [x, other]), [2.0, 3.0])


def test_copies_of_one_value_have_their_own_partial_derivatives():
    """testSameObjectForMultipleArguments"""
    x = jt.constant(3.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        a, b = jt.identity(x), jt.identity(x)
        y = a * a * b
    assert_gradients(tape.gradient(y, [a, b, x]), [18.0, 9.0, 27.0])


def test_repeated_use_accumulates():
    """testAggregateGradients, testReturnSameThing"""
    x = jt.constant(3.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = x * x + 5 * x + x / 2
    assert float(tape.gradient(y, x)) == 6 + 5 + 0.5


def test_gathered_and_dense_uses_accumulate():
    """testAggregateGradients: gather and dense mix"""
    table = jt.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    with jt.GradientTape() as tape:
        y = jt.reduce_sum(jt.gather(table, [0, 2, 0])) + jt.reduce_sum(table * table)
    expected = 2 * table.numpy() + [[2, 2], [0, 0], [1, 1]]
    np.testing.assert_allclose(tape.gradient(y, table), expected)


def test_a_list_of_watched_scalars_is_stacked_and_connected():
    """testMultiValueConvertToTensor"""
    x = jt.constant(3.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = jt.reduce_sum(jt.convert_to_tensor([x, x * x, 1.0]))
    assert float(tape.gradient(y, x)) == 1 + 2 * 3


def test_where_differentiates_the_chosen_branch():
    """testWhereGradient"""
    x = jt.constant([5.0, 20.0])
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = jt.where(x < 10.0, x, x * x)
    np.testing.assert_allclose(tape.gradient(y, x), [1.0, 40.0])


def test_python_max_selects_a_variable():
    """testPythonMax"""
    variables = [jt.Variable(2.0), jt.Variable(3.0), jt.Variable(5.0)]
    with jt.GradientTape() as tape:
        largest = max(variables)
    assert tape.gradient(largest, variables) == [None, None, 1.0]


def test_python_max_of_computed_values_selects_one():
    variables = [jt.Variable(2.0), jt.Variable(3.0), jt.Variable(5.0)]
    with jt.GradientTape() as tape:
        largest = max(v * v for v in variables)
    assert tape.gradient(largest, variables) == [None, None, 10.0]


@pytest.mark.parametrize(("start", "slope"), [(1.0, 2.0), (3.0, 6.0)])
def test_the_branch_taken_is_differentiated(start, slope):
    """testGradientTapeWithCond"""
    x = jt.constant(start)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = 2 * x if x < 2.0 else x * x
    assert float(tape.gradient(y, x)) == slope


def test_a_loop_of_unknown_length_is_differentiated():
    """testGradientTapeWithWhileLoop"""
    x = jt.constant(1.5)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y, num_turns = x, 0
        while y < 100.0:  # 1.5^2, 1.5^3, ..., 1.5^12 = 129.7
            y, num_turns = y * x, num_turns + 1
    assert num_turns == 11
    assert float(tape.gradient(y, x)) == pytest.approx(12 * 1.5**11, rel=1e-5)


def test_a_gradient_has_the_dtype_and_shape_of_its_source():
    x = jt.constant([[1.0, 2.0]], dtype="float16")
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = jt.reduce_sum(jt.cast(x, "float32") ** 2)
    gradient = tape.gradient(y, x)
    assert (gradient.dtype, gradient.shape) == ("float16", (1, 2))


def test_what_nothing_has_read_has_the_derivative_1_by_itself():
    """As in TensorFlow 2.21, whether it is watched or not."""
    v, w, fixed = jt.Variable([2.0, 3.0]), jt.Variable(3.0), jt.constant(1.0)
    with jt.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        alias = v
    assert tape.gradient(alias, v).tolist() == [1, 1]
    assert tape.gradient([v, v], [v, w])[0].tolist() == [2, 2]
    assert tape.gradient(alias, w) is None
    assert float(tape.gradient(fixed, fixed)) == 1
    weighted = tape.gradient(
        [v, fixed], [v, fixed], output_gradients=[np.array([4.0, 5.0]), 6.0]
    )
    assert [g.tolist() for g in weighted] == [[4, 5], 6]
