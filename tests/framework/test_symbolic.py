"""Symbolic tensors: shapes that are known before any value, and what reads a value."""

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.errors import (
    ArgumentError,
    ArgumentTypeError,
    BodyError,
    NotBuiltError,
    ShapeError,
    SymbolicError,
)
from jaxtape.framework.symbolic import evaluate, unknown


def test_input_shows_unknown_lengths_as_none():
    x = jt.Input((None, 3), batch_size=4, dtype="int32", name="x")
    assert (x.shape, x.dtype, x.ndim, x.size) == ((4, None, 3), "int32", 3, None)
    assert jt.Input((2,)).shape == (None, 2)
    assert jt.Input(batch_shape=(None, 5)).shape == (None, 5)
    assert "shape=(4, None, 3)" in repr(x)
    assert len(x) == 4


# Shapes from Keras 3.15, called on keras.Input of the same shapes.
@pytest.mark.parametrize(
    ("function", "given", "expected"),
    [
        (lambda x: x + 1, (3,), (None, 3)),
        (lambda x: x @ jt.ones((3, 5)), (3,), (None, 5)),
        (lambda x: x[:, 0], (3,), (None,)),
        (lambda x: x[:, -1], (None, 3), (None, 3)),
        (lambda x: x[:, 1:], (None, 3), (None, None, 3)),
        (lambda x: x[:, None, ::2], (4, 3), (None, 1, 2, 3)),
        (lambda x: jt.reduce_sum(x, axis=1), (None, 3), (None, 3)),
        (lambda x: jt.reshape(x, (-1, 3)), (2, 3), (None, 3)),
        (lambda x: jt.reshape(x, (jt.shape(x)[0], -1)), (2, 3), (None, 6)),
        (lambda x: jt.transpose(x, (0, 2, 1)), (None, 3), (None, 3, None)),
        (lambda x: jt.concat([x, x], axis=1), (None, 3), (None, None, 3)),
        (lambda x: jt.zeros_like(x), (None, 3), (None, None, 3)),
        (lambda x: jt.ones_like(x, dtype="int32"), (None, 3), (None, None, 3)),
        (lambda x: jt.numpy.stack([x, x], -1), (3,), (None, 3, 2)),
        (lambda x: np.sum(x, axis=-1), (3,), (None,)),
        (lambda x: x / jt.shape(x)[1], (None, 3), (None, None, 3)),
        (lambda x: jt.nn.dropout(x, 0.0), (3,), (None, 3)),
    ],
)
def test_shapes_follow_and_hold_for_real_inputs(function, given, expected):
    x = jt.Input(given)
    y = function(x)
    assert y.shape == expected
    real = np.ones((2, *(7 if n is None else n for n in given)), "float32")
    found = jt.Model(x, y)(real)
    np.testing.assert_allclose(found, function(jt.constant(real)))
    assert all(n is None or n == m for n, m in zip(expected, found.shape, strict=True))


def test_lengths_that_only_python_knows_are_found_by_samples():
    class Turns(jt.Layer):
        def call(self, inputs):
            for i in range(inputs.shape[1]):
                inputs = inputs + i
            return jt.concat([inputs, inputs[:, :1]], axis=1)

    x = jt.Input((None, 3))
    y = Turns()(x)
    assert y.shape == (None, None, 3)
    assert jt.Model(x, y)(np.ones((2, 4, 3))).shape == (2, 5, 3)


def test_unknown_lengths_that_may_differ_are_taken_as_equal():
    x = jt.Input((None, 3))
    halves = jt.repeat(x[:, ::2], 2, axis=1)  # as long as x, if that is even
    assert (halves + x).shape == (None, None, 3)


@pytest.mark.parametrize(
    "read",
    [
        float,
        bool,
        int,
        np.array,
        lambda x: x.numpy(),
        lambda x: x.item(),
        lambda x: x.tolist(),
        len,
        lambda x: [*x],
        lambda x: 1 if x > 0 else 2,
    ],
)
def test_reading_a_value_says_what_to_do(read):
    x = jt.Input((3,), name="pixels")
    with pytest.raises(SymbolicError, match=r"no value.*jt\.Model\(inputs, outputs\)"):
        read(x)


def test_a_layer_that_reads_values_is_named():
    class Reading(jt.Layer):
        def call(self, inputs):
            return inputs if jt.reduce_sum(inputs) > 0 else -inputs

    with pytest.raises(BodyError, match=r"Reading\('r'\) needs the value.*jt\.cond"):
        Reading(name="r")(jt.Input((3,)))


def test_a_layer_may_use_shapes_as_in_tensorflow():
    class Rows(jt.Layer):
        def call(self, inputs):
            rows = jt.shape(inputs)[0]
            zeros = jt.zeros((rows, 1))
            scaled = jt.reshape(inputs, (rows, -1)) * jt.cast(rows, "float32")
            return jt.concat([scaled, zeros], axis=1)

    x = jt.Input((2, 3))
    y = Rows()(x)
    assert y.shape == (None, 7)
    found = jt.Model(x, y)(np.ones((4, 2, 3)))
    np.testing.assert_array_equal(found[:, 5:], [[4, 0]] * 4)


def test_what_needs_a_length_at_once_says_so():
    x = jt.Input((3,))
    with pytest.raises(SymbolicError, match=r"zeros got.*batch.*`call` of a layer"):
        jt.zeros((jt.shape(x)[0], 3))
    with pytest.raises(SymbolicError, match=r"shape .*batch.* not known"):
        jt.shape(x).numpy()


def test_a_variable_is_assigned_when_a_model_runs():
    total = jt.Variable(0.0)
    with pytest.raises(SymbolicError, match=r"assign_add got the symbolic tensor"):
        total.assign_add(jt.reduce_sum(jt.Input((3,))))


def test_a_layer_takes_symbolic_tensors_as_arguments_only():
    other = jt.Input((3,), name="other")

    class Closing(jt.Layer):
        def call(self, inputs):
            return inputs + other

    with pytest.raises(SymbolicError, match=r"Closing\('c'\) uses .*'other'"):
        Closing(name="c")(jt.Input((3,)))


def test_a_loss_is_added_by_layers():
    with pytest.raises(ArgumentTypeError, match=r"add_loss\(\) takes a value; got"):
        jt.layers.Dense(1).add_loss(jt.reduce_sum(jt.Input((3,))))


def test_shapes_that_never_fit_are_told():
    with pytest.raises(ShapeError, match=r"matmul.*float32\[batch,3\]"):
        _ = jt.Input((3,)) @ jt.ones((4, 2))


@pytest.mark.parametrize(
    ("shape", "error", "message"),
    [
        ((-1,), ArgumentError, "length -1"),
        (("a",), ArgumentTypeError, "got 'a'"),
        (None, ArgumentError, "`shape` is missing"),
    ],
)
def test_input_refuses_what_is_no_shape(shape, error, message):
    with pytest.raises(error, match=message):
        jt.Input(shape)


def test_compute_output_shape_makes_weights_and_computes_nothing():
    layer = jt.layers.Dense(4)
    assert layer.compute_output_shape((None, 3)) == (None, 4)
    assert layer.kernel.shape == (3, 4)
    assert jt.layers.Add().compute_output_shape([(None, 2), (None, 2)]) == (None, 2)


def test_counting_needs_weights():
    with pytest.raises(NotBuiltError, match=r"Dense\('d'\).*not built.*build\(\(None"):
        jt.layers.Dense(2, name="d").count_params()


@pytest.mark.parametrize(
    "formula",
    [
        lambda b, n: 2 * b * n + 1,
        lambda b, n: (n + 1) // 2 - b % 3,
        lambda b, n: n**2 - -(-n // 4),
    ],
)
def test_lengths_are_evaluated_as_python_does(formula):
    symbolic = formula(unknown(0), unknown(1))
    assert evaluate(symbolic, {"batch": 5, "axis1": 9}) == formula(5, 9)


def test_a_length_that_no_input_has_is_named():
    with pytest.raises(ArgumentError, match="needs the length `axis2`"):
        evaluate(unknown(2), {"batch": 5})
