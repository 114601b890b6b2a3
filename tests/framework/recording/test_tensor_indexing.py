"""Indexing, slicing and iterating a Tensor: NumPy's numbers, and no clamping."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt

X = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
MASK = X[:, :, 0] % 3 == 0

INDICES = [
    0,
    2,
    -1,
    -3,
    (1, 2),
    (1, -2, 3),
    (0, 0, 0),
    slice(None),
    slice(1, None),
    slice(None, 2),
    slice(-2, None),
    slice(0, 100),
    slice(2, 1),
    slice(5, 9),
    slice(None, None, 2),
    slice(None, None, -1),
    slice(2, 0, -1),
    (slice(None), slice(3, None, -2)),
    (slice(None), slice(1, 3), slice(0, 5, 3)),
    (1, slice(1, 3)),
    (slice(1, 3), 1),
    (slice(1, 3), slice(None), -1),
    None,
    (None, 1),
    (1, None, slice(1, 3)),
    (slice(None), None, 2, None),
    Ellipsis,
    (Ellipsis, 0),
    (0, Ellipsis),
    (0, Ellipsis, 1),
    (Ellipsis, slice(1, 3), 2),
    (Ellipsis, None),
    (0, 1, 2, Ellipsis),
    (),
    [0, 2],
    [-1, 0, 0],
    ([0, 2], [1, 3]),
    (slice(None), [3, 0]),
    ([2, 0], slice(1, 3)),
    ([[0], [2]], [1, 3]),
    (1, [0, 2]),
    (slice(None), 1, [0, 2]),
    (0, slice(None), [0, 2]),
    ([0, 1], slice(None), [2, 3]),
    np.array([2, 1]),
    X > 30,
    MASK,
    X[:, 0, 0] > 10,
    (slice(None), [True, False, True, False]),
    (0, np.array([True, False, True, False])),
    (MASK, 2),
    [True, False, True],
    np.zeros(3, bool),
    np.zeros((0,), int),
]


@pytest.fixture(autouse=True, params=["at once", "recorded"])
def reason(request):
    """Every claim of this file holds for computed and for pending Tensors."""
    if request.param == "at once":
        yield
    else:
        with jt.GradientTape():
            yield


@pytest.mark.one_in(5)
@pytest.mark.parametrize("index", INDICES, ids=lambda i: repr(i)[:30])
def test_an_index_agrees_with_numpy(index):
    found = jt.constant(X)[index]
    assert (found.shape, found.dtype) == (X[index].shape, "float32")
    np.testing.assert_array_equal(found, X[index])


@pytest.mark.parametrize("make", [jt.constant, jt.Variable, jnp.asarray, np.asarray])
def test_an_index_may_be_any_kind_of_integer_array(make):
    rows = make([2, 0, 2])
    np.testing.assert_array_equal(jt.constant(X)[rows], X[[2, 0, 2]])


@pytest.mark.parametrize("make", [jt.constant, jt.Variable, jnp.asarray, np.asarray])
def test_an_index_may_be_any_kind_of_mask(make):
    np.testing.assert_array_equal(jt.constant(X)[make(X > 30)], X[X > 30])


def test_a_mask_computed_from_the_tensor_selects():
    x = jt.constant(X)
    np.testing.assert_array_equal(x[x > 30], X[X > 30])


@pytest.mark.parametrize("make", [jt.constant, np.int64, np.int32, np.array, jnp.int32])
def test_an_index_may_be_any_kind_of_integer(make):
    np.testing.assert_array_equal(jt.constant(X)[make(2)], X[2])
    np.testing.assert_array_equal(jt.constant(X)[0, make(-1)], X[0, -1])


@pytest.mark.parametrize("make", [jt.constant, np.int64, np.int32, jnp.int32])
def test_a_slice_may_be_made_of_any_kind_of_integer(make):
    found = jt.constant(X)[make(1) : make(3), :: make(2)]
    np.testing.assert_array_equal(found, X[1:3, ::2])


@pytest.mark.parametrize(
    ("index", "named"),
    [(3, "Index 3"), (-4, "Index -4"), ((0, 4), "Index 4"), ((0, 0, 10), "Index 10")],
)
def test_an_index_out_of_range_raises_instead_of_clamping(index, named):
    with pytest.raises(IndexError, match=rf"{named} .*\(3, 4, 5\).*Use an index from"):
        jt.constant(X)[index]


@pytest.mark.parametrize("make", [np.array, list])
@pytest.mark.parametrize("bad", [3, -4])
def test_a_host_array_with_an_index_out_of_range_raises(make, bad):
    with pytest.raises(IndexError, match=rf"{bad}.*\(3, 4, 5\)"):
        jt.constant(X)[make([0, bad])]


def test_a_mask_of_the_wrong_shape_raises():
    with pytest.raises(IndexError, match=r"\(2,\).*\(3, 4, 5\)"):
        jt.constant(X)[np.array([True, False])]


def test_too_many_indices_raise_with_both_numbers():
    with pytest.raises(IndexError, match=r"4 for a Tensor of shape \(3, 4, 5\)"):
        jt.constant(X)[0, 0, 0, 0]


def test_a_scalar_has_no_index():
    with pytest.raises(IndexError, match=r"\(\)"):
        jt.constant(1.0)[0]


def test_a_second_ellipsis_raises():
    with pytest.raises(IndexError, match=r"[Ee]llipsis"):
        jt.constant(X)[..., 0, ...]


@pytest.mark.parametrize("index", [1.0, "a", (0, 1.5), [0.5], slice(0.5, 2)])
def test_an_index_that_is_no_integer_raises(index):
    with pytest.raises((TypeError, IndexError)):
        jt.constant(X)[index]


def test_elements_cannot_be_set():
    with pytest.raises(TypeError, match="item assignment"):
        jt.constant(X)[0] = 1.0


def test_the_length_is_that_of_the_first_axis():
    assert (len(jt.constant(X)), len(jt.zeros((0, 2)))) == (3, 0)


def test_a_scalar_has_no_length():
    with pytest.raises(TypeError, match=r"scalar.*float\(x\)"):
        len(jt.constant(1.0))


def test_iterating_gives_the_rows():
    rows = list(jt.constant(X))
    assert (len(rows), {type(row) for row in rows}) == (3, {jt.Tensor})
    np.testing.assert_array_equal(np.stack([row.numpy() for row in rows]), X)


def test_a_tensor_unpacks():
    a, (b, *rest) = jt.constant([1.0, 2.0]), jt.constant([3.0, 4.0, 5.0])
    assert float(sum(a)) == 3.0
    assert [float(b), *map(float, rest)] == [3.0, 4.0, 5.0]


def test_a_scalar_cannot_be_iterated():
    with pytest.raises(TypeError, match="scalar"):
        list(jt.constant(1.0))


def test_membership_compares_elements():
    x = jt.constant([1.0, 2.0])
    assert 2.0 in x
    assert 3.0 not in x


@pytest.mark.one_in(5)
@pytest.mark.parametrize(
    "index",
    [0, (1, -2, 3), slice(2, 0, -1), (slice(None), slice(1, 3)), [2, 0, 2], X > 30,
     (None, 1), (Ellipsis, 0), ([0, 2], slice(None), [1, 1])],
    ids=lambda i: repr(i)[:30],
)  # fmt: skip
def test_the_gradient_of_an_index_counts_how_often_each_element_was_chosen(index):
    x, count = jt.constant(X), np.zeros_like(X)
    np.add.at(count, index, 1.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = x[index]
    np.testing.assert_array_equal(tape.gradient(y, x), count)


def test_the_gradient_of_iterating_reaches_every_row():
    x = jt.constant([1.0, 2.0, 3.0])
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = sum(i * row * row for i, row in enumerate(x))
    np.testing.assert_allclose(tape.gradient(y, x), [0.0, 4.0, 12.0])


@pytest.mark.one_in(5)
@pytest.mark.parametrize("step", [-3, -2, -1, 2, 3, 10])
@pytest.mark.parametrize("bounds", [(None, None), (1, 6), (6, 1), (5, 5)])
def test_a_slice_with_a_step_and_its_gradient(step, bounds):
    """As in NumPy; the gradient is 1 where an element is taken, 0 elsewhere"""
    index = slice(*bounds, step)
    values = np.arange(7, dtype=np.float32)
    x = jt.Variable(values)
    for _ in range(3):
        with jt.GradientTape() as tape:
            y = x[index]
        np.testing.assert_array_equal(y, values[index])
        taken = np.isin(np.arange(7), np.arange(7)[index])
        found = tape.gradient(y, x)
        np.testing.assert_array_equal(found, taken.astype(np.float32))
