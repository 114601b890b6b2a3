"""Variable: a value that can be assigned.

The docstrings name the tests of TensorFlow's `resource_variable_ops_test.py` that
demand the same.
"""

import copy
import pickle
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt
from tests.compile_counter import count_compiles

MATRIX = np.float32([[1, 2, 3], [4, 5, 6]])


def test_a_variable_has_keras_defaults():
    v = jt.Variable(MATRIX)
    assert (v.trainable, v.name, v.shape, v.dtype) == (
        True,
        "Variable",
        (2, 3),
        "float32",
    )
    np.testing.assert_array_equal(v.numpy(), MATRIX)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1, "int32"),
        (1.0, "float32"),
        (True, "bool"),
        (1j, "complex64"),
        ([1, 2], "int32"),
        ([1.0, 2], "float32"),
        (np.float64(1.0), "float32"),
        (np.int64(1), "int32"),
        (np.float16(1.0), "float16"),
        (np.uint8(1), "uint8"),
    ],
)
def test_the_dtype_is_that_of_the_value(value, dtype):
    assert jt.Variable(value).dtype == dtype


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int32", "bool"])
def test_the_dtype_asked_for_casts(dtype):
    v = jt.Variable([0, 1, 2], dtype=dtype)
    assert v.dtype == dtype
    np.testing.assert_array_equal(
        v.numpy().astype("float32"), np.array([0, 1, 2]).astype(v.dtype)
    )


@pytest.mark.parametrize(
    "value",
    [lambda: jt.Tensor(3.0), lambda: jnp.float32(3.0), lambda: jt.Variable(3.0)],
)
def test_the_first_value_may_be_any_kind_of_array(value):
    assert float(jt.Variable(value())) == 3.0


def test_the_first_value_may_be_a_callable():
    """testInitialValueAsCallable"""
    np.testing.assert_array_equal(jt.Variable(lambda: MATRIX + 1), MATRIX + 1)


def test_the_first_value_may_be_a_pending_tensor():
    v = jt.Variable(3.0)
    with jt.GradientTape():
        made = jt.Variable(v * 2)
    assert float(made) == 6.0


def test_a_variable_is_never_weakly_typed():
    v = jt.Variable(jnp.asarray(3.0))  # JAX calls this one weak
    assert (v * jt.constant(1.0, "bfloat16")).dtype == "float32"


@pytest.mark.parametrize(
    ("update", "expected"),
    [("assign", 2.0), ("assign_add", 5.0), ("assign_sub", 1.0)],
)
def test_an_update_returns_the_new_value(update, expected):
    """testAssignMethod, testAssignAddMethod, testAssignSubMethod"""
    v = jt.Variable(3.0)
    returned = getattr(v, update)(2.0)
    assert (float(returned), float(v)) == (expected, expected)


@pytest.mark.parametrize("update", ["assign", "assign_add", "assign_sub"])
def test_an_update_without_read_value_returns_nothing(update):
    """testAssignMethod: read_value=False"""
    v = jt.Variable(3.0)
    assert getattr(v, update)(0.0, read_value=False) is None


def test_updates_and_reads_keep_their_order():
    """testManyAssigns"""
    v, seen = jt.Variable(0.0), []
    with jt.GradientTape():
        for i in range(50):
            seen.append(v.assign(float(i)))
            seen.append(v.read_value())
            v.assign_add(0.5)
            seen.append(v + 0.0)
    expected = [x for i in range(50) for x in (i, i, i + 0.5)]
    assert [float(x) for x in seen] == expected


def test_a_value_computed_before_an_update_keeps_the_old_one():
    v = jt.Variable(3.0)
    with jt.GradientTape():
        old, twice = v.value, v * 2
        v.assign(5.0)
        new = v.read_value()
    assert (float(old), float(twice), float(new)) == (3.0, 6.0, 5.0)


def test_numpy_gives_a_private_array():
    v = jt.Variable(MATRIX)
    v.numpy()[0, 0] = 9
    np.testing.assert_array_equal(v, MATRIX)


@pytest.mark.parametrize("source", [jt.Variable, jt.constant, np.asarray, jnp.asarray])
def test_any_kind_of_array_can_be_assigned(source):
    v = jt.Variable(np.zeros((2, 3), np.float32))
    v.assign(source(MATRIX))
    np.testing.assert_array_equal(v, MATRIX)


def test_assigning_keeps_the_dtype():
    v = jt.Variable([1.0, 2.0], dtype="bfloat16")
    v.assign(np.float32([3, 4]))
    v.assign_add(np.float64(1.0))
    v.assign_sub(0.5)
    assert v.dtype == "bfloat16"
    assert v.numpy().tolist() == [3.5, 4.5]


def test_a_scalar_is_added_to_every_element():
    v = jt.Variable(MATRIX)
    v.assign_add(1.0)
    np.testing.assert_array_equal(v, MATRIX + 1)


@pytest.mark.parametrize("update", ["assign", "assign_add", "assign_sub"])
def test_a_wrong_shape_is_refused_with_both_shapes(update):
    """testAssignIncompatibleShape"""
    v = jt.Variable(MATRIX, name="w")
    with pytest.raises(
        ValueError, match=r"(?s)'w'.*\(2, 3\).*\(3, 2\).*shapes.*incompatible"
    ):
        getattr(v, update)(np.zeros((3, 2), np.float32))
    np.testing.assert_array_equal(v, MATRIX)


def test_a_scalar_is_no_matrix():
    v = jt.Variable(MATRIX)
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(\)"):
        v.assign(0.0)


@pytest.mark.parametrize("shape", [(2, 1), (1, 3), (3,), (2, 3, 1), (4, 2, 3)])
def test_no_shape_is_broadcast(shape):
    v = jt.Variable(MATRIX)
    with pytest.raises(ValueError, match="incompatible"):
        v.assign_add(np.ones(shape, np.float32))


@pytest.mark.parametrize("value", [1.5, np.float32(1.5), 1j])
def test_no_fraction_is_lost(value):
    """testAssignDifferentDtypes: wrong dtype rejected"""
    v = jt.Variable(3, name="count")
    with pytest.raises(TypeError, match=r"'count'.*int32.*(float32|complex64)"):
        v.assign(value)
    assert int(v) == 3


@pytest.mark.parametrize("value", ["text", None, object(), [[1.0], [1.0, 2.0]]])
def test_what_is_no_number_is_refused(value):
    v = jt.Variable(3.0)
    with pytest.raises(TypeError):
        v.assign(value)
    assert float(v) == 3.0


def test_a_refused_update_leaves_what_is_pending_alone():
    v = jt.Variable([1.0, 2.0])
    with jt.GradientTape() as tape:
        y = v * v
        with pytest.raises(ValueError, match="incompatible"):
            v.assign([1.0, 2.0, 3.0])
        z = y * v
    np.testing.assert_allclose(tape.gradient(z, v), [3.0, 12.0])


def test_operators_compute_with_the_value():
    """testOperatorOverload"""
    v = jt.Variable(2.0)
    found = [v + v, 1 - v, v * 3, v / 4, v**2, -v, v % 2, 7 // v, abs(-v)]
    assert [float(x) for x in found] == [4, -1, 6, 0.5, 4, -2, 0, 3, 2]


def test_an_operator_gives_a_tensor():
    v = jt.Variable(2.0)
    assert type(v + 1) is jt.Tensor
    assert type(v.value) is jt.Tensor


def test_augmented_assignment_makes_a_tensor_and_leaves_the_variable():
    v = jt.Variable(2.0)
    result = v
    result += 1
    assert (type(result), float(result), float(v)) == (jt.Tensor, 3.0, 2.0)


@pytest.mark.parametrize("value", [0, 1, 0.0, 2.5, True, False])
def test_truth_is_that_of_the_value(value):
    """testBool"""
    assert bool(jt.Variable(value)) is bool(value)


def test_names_need_not_be_unique():
    """testSharedNameWithNamescope..., names need not be unique"""
    v, w = jt.Variable(1.0, name="w"), jt.Variable(2.0, name="w")
    assert (v.name, w.name, float(v + w)) == ("w", "w", 3.0)


@pytest.mark.parametrize("constraint", [3.0, "nonneg", [1]])
def test_a_constraint_must_be_callable(constraint):
    """testConstraintArg"""
    with pytest.raises(ValueError, match=r"`constraint` must be callable"):
        jt.Variable(1.0, constraint=constraint)


def test_a_constraint_is_kept():
    assert jt.Variable(1.0, constraint=abs).constraint is abs


def test_a_missing_first_value_is_refused():
    with pytest.raises(ValueError, match="`initial_value`"):
        jt.Variable()


def test_a_first_value_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3, 2\)"):
        jt.Variable(MATRIX, shape=(3, 2))


def test_a_64_bit_variable_needs_the_switch():
    with pytest.raises(ValueError, match=r"float64.*enable_x64"):
        jt.Variable(1.0, dtype="float64")


def test_a_64_bit_variable_is_made_when_the_switch_is_on():
    with jax.enable_x64(True):
        v = jt.Variable(0.1, dtype="float64")
        assert (v.dtype, float(v * 3)) == ("float64", 0.1 * 3)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_is_independent(copied):
    """testDeepCopy"""
    v = jt.Variable(MATRIX, name="w", trainable=False)
    other = copied(v)
    other.assign_add(np.ones((2, 3)))
    np.testing.assert_array_equal(v, MATRIX)
    np.testing.assert_array_equal(other, MATRIX + 1)
    assert (other.name, other.trainable, other.dtype) == ("w", False, "float32")


def test_a_deep_copy_of_a_structure_keeps_shared_variables_shared():
    v = jt.Variable(1.0)
    first, second = copy.deepcopy([v, v])
    assert first is second
    assert first is not v


def test_pickle_keeps_everything():
    """testPickle"""
    v = jt.Variable(MATRIX, name="w", trainable=False, dtype="bfloat16")
    loaded = pickle.loads(pickle.dumps(v))
    assert (loaded.name, loaded.trainable, loaded.dtype) == ("w", False, "bfloat16")
    assert (loaded.shape, loaded.numpy().tolist()) == ((2, 3), MATRIX.tolist())


def test_pickle_and_copy_see_pending_updates():
    v = jt.Variable(1.0)
    with jt.GradientTape():
        v.assign(2.0)
        assert float(pickle.loads(pickle.dumps(v))) == 2.0
        v.assign(3.0)
        assert float(copy.deepcopy(v)) == 3.0


def test_an_integer_variable_has_no_gradient():
    """testGradientZeroesIntVariable"""
    count = jt.Variable(3)
    with jt.GradientTape() as tape:
        y = count * 2.0
    with pytest.warns(UserWarning, match="source.*int32"):
        assert tape.gradient(y, count) is None


def test_watching_an_integer_variable_warns_with_its_dtype():
    count = jt.Variable(3)
    with jt.GradientTape() as tape, pytest.warns(UserWarning, match="Variable.*int32"):
        tape.watch(count)


def test_trainable_takes_effect_from_the_next_read():
    v = jt.Variable(3.0)
    v.trainable = False
    with jt.GradientTape() as tape:
        y = v * v
    assert tape.gradient(y, v) is None
    v.trainable = True
    with jt.GradientTape() as tape:
        y = v * v
    assert float(tape.gradient(y, v)) == 6.0


def test_a_variable_is_compared_element_by_element_and_unhashable():
    v = jt.Variable([1.0, 2.0])
    assert (v == [1.0, 3.0]).numpy().tolist() == [True, False]
    with pytest.raises(TypeError, match=r"Variable.*\.ref\(\)"):
        hash(v)
    assert {v.ref(): "kept"}[v.ref()] == "kept"
    assert v.ref().deref() is v


def test_repr_shows_the_value():
    """testRepr"""
    expected = "<jt.Variable 'Variable:0' shape=() dtype=int32, numpy=1>"
    assert repr(jt.Variable(1)) == expected


def test_a_variable_made_in_a_function_is_new_at_each_call():
    """No program is compiled for it again"""

    def step(x):
        v = jt.Variable(2.0)
        with jt.GradientTape() as tape:
            y = v * v * x
        slope = tape.gradient(y, v)
        v.assign_sub(slope)
        return float(v)

    for x in (1.0, 2.0, 3.0):
        step(jt.constant(x))
    with count_compiles() as compiles:
        found = [step(jt.constant(x)) for x in (0.0, 1.0, 2.0)]
    assert found == [2.0, -2.0, -6.0]
    assert compiles.count == 0


def test_a_variable_made_under_a_tape_is_made_at_once():
    with jt.GradientTape() as tape:
        v = jt.Variable(3.0)
        y = v * v
    assert float(tape.gradient(y, v)) == 6.0


def test_concurrent_updates_are_all_applied():
    v = jt.Variable(0.0)

    def add():
        for _ in range(50):
            v.assign_add(1.0)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert float(v) == 200.0


def test_a_variable_has_the_shape_protocol_of_an_array():
    v = jt.Variable(MATRIX)
    assert (len(v), v.ndim, v.size, v.T.shape) == (2, 2, 6, (3, 2))
    assert [row.numpy().tolist() for row in v] == MATRIX.tolist()
    assert np.asarray(v).tolist() == MATRIX.tolist()
    assert (v.item.__self__ is v, jt.Variable(2.5).item()) == (True, 2.5)
