"""Invariant 3: a host array that changes after the call changes nothing."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtape as jt


def fresh_and_changed(dtype=np.float32, order="C"):
    """An array of ones that is large enough for JAX to adopt instead of copying."""
    return np.ones((64, 64), dtype, order=order)


def aligned(dtype=np.float32):
    """The same at an address that XLA's CPU client can use in place."""
    raw = np.empty(64 * 64 * np.dtype(dtype).itemsize + 64, np.uint8)
    start = -raw.ctypes.data % 64
    ones = raw[start : start + raw.size - 64].view(dtype).reshape(64, 64)
    ones[:] = 1
    return ones


WAYS_IN = {
    "constant": jt.constant,
    "Tensor": jt.Tensor,
    "convert_to_tensor": jt.convert_to_tensor,
    "Variable": jt.Variable,
    "operand": lambda x: jt.constant(1.0) * x,
    "left operand": lambda x: x * jt.constant(1.0),
    "matmul": lambda x: jt.matmul(x, np.eye(64, dtype=x.dtype)),
    "reduce_max": lambda x: jt.reduce_max(x, 0),
    "op": jt.op(lambda x: x),
    "numpy namespace": lambda x: jt.numpy.add(x, 0.0),
    "assign": lambda x: jt.Variable(jnp.zeros((64, 64))).assign(x),
    "nested list": lambda x: jt.constant([list(row) for row in x]),
    "stack": lambda x: jt.stack([x, x]),
}


@pytest.mark.parametrize("way", WAYS_IN)
@pytest.mark.parametrize("covered", [False, True], ids=["at once", "under a tape"])
@pytest.mark.parametrize("make", [fresh_and_changed, aligned])
def test_a_change_after_the_call_changes_nothing(way, covered, make):
    for _ in range(3):  # op by op, then compiled
        host = make()
        with jt.GradientTape() if covered else contextlib.nullcontext():
            y = WAYS_IN[way](host)
            host[:] = 7
        assert y.numpy().min() == y.numpy().max() == 1


@pytest.mark.parametrize("dtype", ["float64", "int64", "int8", "bool", "float16"])
def test_every_dtype_is_copied(dtype):
    host = np.ones(4, dtype)
    x = jt.constant(host)
    host[:] = 0
    assert x.numpy().all()


@pytest.mark.parametrize(
    "view", [lambda x: x.T, lambda x: x[::2], lambda x: x[::-1], np.asfortranarray]
)
def test_every_layout_is_copied(view):
    host = np.arange(64.0, dtype=np.float32).reshape(8, 8)
    expected = view(host).copy()
    x = jt.constant(view(host))
    host[:] = 0
    np.testing.assert_array_equal(x, expected)


def test_an_index_array_is_copied():
    x, index = jt.constant([10.0, 20.0, 30.0]), np.array([0, 2])
    with jt.GradientTape():
        y = x[index]
        index[:] = 1
    assert y.tolist() == [10.0, 30.0]


def test_a_boolean_mask_is_copied():
    x, mask = jt.constant([10.0, 20.0, 30.0]), np.array([True, False, True])
    with jt.GradientTape():
        y = x[mask]
        mask[:] = True
    assert y.tolist() == [10.0, 30.0]


def test_output_gradients_are_copied():
    x, weights = jt.constant([1.0, 2.0]), np.array([3.0, 5.0], np.float32)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    gradient = tape.gradient(y, x, output_gradients=weights)
    weights[:] = 0
    assert gradient.tolist() == [6.0, 20.0]


def test_a_gradient_given_as_a_host_array_is_copied():
    w, optimizer, host = jt.Variable([1.0, 1.0]), jt.optimizers.SGD(1.0), np.ones(2)
    optimizer.apply_gradients([(host, w)])
    host[:] = 9
    assert w.numpy().tolist() == [0.0, 0.0]


def test_a_batch_that_is_refilled_in_place_trains_on_each_filling():
    buffer, w = np.empty((32, 32), np.float32), jt.Variable(jnp.zeros(()))
    optimizer = jt.optimizers.SGD(1.0)
    for filling in range(1, 21):
        buffer[:] = filling
        with jt.GradientTape() as tape:
            loss = jt.reduce_mean(buffer * w)
        optimizer.apply_gradients([(tape.gradient(loss, w), w)])
        buffer[:] = -1e6
    assert float(w) == -sum(range(1, 21))  # the mean's gradient is the filling


@pytest.mark.parametrize("make", [jt.constant, jt.Variable])
def test_the_array_that_numpy_gives_is_private(make):
    x = make(np.ones(8, np.float32))
    given = x.numpy()
    given[:] = 7
    assert x.numpy().tolist() == [1.0] * 8


@pytest.mark.parametrize("read", [np.asarray, np.array, np.asanyarray])
def test_the_array_that_numpy_makes_is_private_or_read_only(read):
    x = jt.Variable(np.ones(8, np.float32))
    given = read(x)
    if given.flags.writeable:
        given[:] = 7
    assert x.numpy().tolist() == [1.0] * 8


def test_an_array_of_jax_given_by_the_user_is_not_changed_by_training():
    theirs = jnp.ones(8)
    v = jt.Variable(theirs)
    v.assign_add(jt.constant(theirs))
    assert theirs.tolist() == [1.0] * 8
    assert jax.device_get(theirs).tolist() == [1.0] * 8
