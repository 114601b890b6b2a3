"""Reading a Tensor: as a number, as text, as a copy, as a dictionary key."""

import copy
import gc
import json
import math
import pickle
import weakref
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt

GOLDENS = Path(__file__).resolve().parents[2] / "goldens" / "tensor_repr.json"
GOLDEN = json.loads(GOLDENS.read_text(encoding="utf-8"))
NEEDS_X64 = ("int64", "float64")


@pytest.fixture(autouse=True, params=["at once", "recorded"])
def reason(request):
    """Every claim of this file holds for computed and for pending Tensors."""
    if request.param == "at once":
        yield
    else:
        with jt.GradientTape():
            yield


def tensor(value, dtype=None):
    """A Tensor that is pending where a tape is active."""
    return jt.identity(jt.constant(value, dtype=dtype))


def golden_value(row):
    if row["values"] == "range(2000)":
        return list(range(2000))
    return complex(*row["values"]) if "complex" in row["dtype"] else row["values"]


def golden_tensor(row):
    if row["kind"] == "constant":
        return tensor(golden_value(row), row["dtype"])
    return jt.Variable(golden_value(row), dtype=row["dtype"], name=row["name"])


def in_our_name(text):
    return text.replace("<tf.", "<jt.").replace("tf.Tensor(", "jt.Tensor(")


@pytest.mark.parametrize(
    "row", [r for r in GOLDEN["cases"] if r["dtype"] not in NEEDS_X64],
    ids=lambda row: f"{row['kind']} {row['dtype']} {str(row['values'])[:20]}",
)  # fmt: skip
def test_a_tensor_is_shown_as_in_tensorflow(row):
    x = golden_tensor(row)
    assert repr(x) == in_our_name(row["repr"])
    assert str(x) == in_our_name(row["str"])
    assert f"{x}" == in_our_name(row["format"])


@pytest.mark.parametrize("row", GOLDEN["formats"], ids=lambda row: row["spec"])
def test_a_format_is_that_of_tensorflow(row):
    x = tensor(row["values"], row["dtype"])
    if "error" in row:
        with pytest.raises((TypeError, ValueError)):
            format(x, row["spec"])
    else:
        assert format(x, row["spec"]) == row["text"]


def test_percent_formatting_takes_a_scalar():
    assert "%.2f %d" % (tensor(1.5), tensor(3)) == "1.50 3"  # noqa: UP031


def test_a_scalar_reads_as_a_number():
    x = tensor(2.5)
    assert (float(x), int(x), complex(x), x.item()) == (2.5, 2, 2.5 + 0j, 2.5)
    assert {type(v) for v in (float(x), x.item())} == {float}
    assert type(int(x)) is int


def test_a_one_element_tensor_reads_as_a_number():
    assert (float(tensor([[2.5]])), tensor([[2.5]]).item()) == (2.5, 2.5)


@pytest.mark.parametrize("read", [float, int, bool])
def test_several_elements_are_no_number(read):
    with pytest.raises((TypeError, ValueError)):
        read(tensor([1.0, 2.0]))


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, 0, 3, True, False, math.nan])
def test_truth_is_that_of_the_value(value):
    assert bool(tensor(value)) is bool(value)


def test_an_integer_scalar_is_an_index():
    i = tensor(2)
    assert (["a", "b", "c"][i], list(range(i)), "ab" * i) == ("c", [0, 1], "abab")
    assert np.arange(5)[i] == 2


def test_a_float_is_no_index():
    with pytest.raises(TypeError):
        ["a", "b", "c"][tensor(1.0)]


@pytest.mark.parametrize(("digits", "expected"), [(None, 3), (0, 3.0), (2, 3.14)])
def test_round_gives_a_python_number(digits, expected):
    found = round(tensor(3.14159), digits)
    assert (found, type(found)) == (pytest.approx(expected), type(expected))


def test_the_math_module_takes_a_scalar():
    assert math.isnan(tensor(math.nan))
    assert math.isinf(tensor(-math.inf))
    assert (math.floor(tensor(2.7)), math.ceil(tensor(2.2))) == (2, 3)
    assert math.sqrt(tensor(9.0)) == 3.0


def test_python_functions_take_scalars():
    values = [tensor(3.0), tensor(1.0), tensor(2.0)]
    assert [float(x) for x in sorted(values)] == [1.0, 2.0, 3.0]
    assert (float(max(values)), float(min(values)), float(sum(values))) == (3, 1, 6)
    assert (any(values), all([*values, tensor(0.0)])) == (True, False)


def test_if_and_while_read():
    x, turns = tensor(10.0), 0
    while x > 1.0:
        x, turns = x / 2, turns + 1
    assert turns == 4
    assert ("big" if tensor(3.0) > 2 else "small") == "big"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32", "bool"])
def test_numpy_of_one_number_is_a_numpy_scalar(dtype):
    """As in TensorFlow: an array of no axes has no `round` and no hash."""
    for handle in (jt.constant(1, dtype), jt.Variable(1, dtype=dtype)):
        number = handle.numpy()
        assert isinstance(number, np.generic)
        assert number.dtype == handle.dtype
        assert {number: "one"}[1] == "one"
        assert round(jt.cast(handle, "float32").numpy() / 3, 2) == np.float32(0.33)


def test_numpy_gives_a_private_writable_array():
    x = tensor([1.0, 2.0])
    array = x.numpy()
    array[0] = 9
    assert (type(array), array.dtype, x.numpy().tolist()) == (
        np.ndarray,
        np.float32,
        [1.0, 2.0],
    )


def test_tolist_gives_python_numbers():
    assert tensor([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert type(tensor([1]).tolist()[0]) is int


def test_shape_and_dtype_are_known():
    x = tensor(np.zeros((2, 3), np.float16))
    assert (x.shape, x.ndim, x.size, x.dtype) == ((2, 3), 2, 6, "float16")
    assert x.dtype == np.float16
    assert x.dtype != "float32"
    assert (x.shape[0], tuple(x.shape), len(x.shape)) == (2, (2, 3), 2)


def test_device_names_where_the_value_lies():
    assert tensor(1.0).device.platform == "cpu"


def test_a_tensor_is_unhashable_and_says_what_to_do():
    x = tensor(1.0)
    for use in (hash, lambda t: {t: 1}, lambda t: {t}):
        with pytest.raises(TypeError, match=r"Tensor is unhashable.*x\.ref\(\)"):
            use(x)


def test_a_reference_is_a_dictionary_key():
    x, twin = tensor(1.0), tensor(1.0)
    table = {x.ref(): "x", twin.ref(): "twin"}
    assert (table[x.ref()], table[twin.ref()]) == ("x", "twin")
    assert x.ref().deref() is x
    assert x.ref() == x.ref()
    assert x.ref() != twin.ref()


def test_a_deep_copy_has_the_value():
    x = tensor([1.0, 2.0], "bfloat16")
    copied = copy.deepcopy({"x": [x]})["x"][0]
    assert (copied.dtype, copied.numpy().tolist()) == ("bfloat16", [1.0, 2.0])


def test_a_copy_has_the_value():
    np.testing.assert_array_equal(copy.copy(tensor([1.0, 2.0])), [1.0, 2.0])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32", "bool"])
def test_pickle_keeps_value_and_dtype(dtype):
    x = tensor([1, 0, 1], dtype)
    loaded = pickle.loads(pickle.dumps(x))
    assert (type(loaded), loaded.dtype) == (jt.Tensor, dtype)
    assert loaded.numpy().tolist() == x.numpy().tolist()


def test_a_scalar_keeps_its_dtype_in_pickle():
    loaded = pickle.loads(pickle.dumps(tensor(1.5) * 2))
    assert (loaded.dtype, loaded.shape, float(loaded)) == ("float32", (), 3.0)


def test_a_value_is_computed_once():
    x = tensor([3.0, 4.0]) * 2
    assert x._array() is x._array()


def test_a_read_tensor_keeps_no_other_alive():
    x = tensor([1.0, 2.0])
    y = x * 2
    z = y + 1
    dropped = weakref.ref(y)
    del y
    z.numpy()
    gc.collect()
    assert dropped() is None


def test_a_constructor_copies():
    array = np.ones(3, np.float32)
    x = jt.Tensor(array)
    array[:] = 0
    np.testing.assert_array_equal(x, [1, 1, 1])
    assert jt.Tensor([1, 2], dtype="float16").dtype == "float16"


def test_a_jax_array_is_taken_as_it_is():
    np.testing.assert_array_equal(tensor(jnp.arange(3)), [0, 1, 2])
