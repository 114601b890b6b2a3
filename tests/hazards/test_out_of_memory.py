"""Row D4: a step that needs more memory than there is changes and loses nothing."""

import re

import jax
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.errors import OutOfMemoryError
from jaxtape.framework.recording import memory

MANY = 800_000  # their pairs are 2.56 TB of float32
HINT = "Make the batch or the arrays smaller"


def fresh():
    variable = jt.Variable(np.arange(MANY, dtype=np.float32), name="all")
    optimizer = jt.optimizers.Adam(0.5)
    return variable, optimizer


def step(variable, optimizer, count):
    """Sorts the products of all pairs among the first ones."""
    with jt.GradientTape() as tape:
        few = variable[:count]
        pairs = jt.sort(few[:, None] * few[None, :], axis=0)
        loss = jt.reduce_sum(pairs)
    gradients = tape.gradient(loss, [variable])
    optimizer.apply_gradients(zip(gradients, [variable], strict=True))
    return loss


def check_whole(variable, optimizer):
    """Nothing has changed, and the next step is the first one of Adam."""
    np.testing.assert_array_equal(variable.numpy(), np.arange(MANY))
    assert optimizer.iterations == 0
    step(variable, optimizer, 2)
    # Adam's first step is its rate, 0.5, down wherever the gradient is not 0.
    np.testing.assert_allclose(variable.numpy()[:3], [-0.5, 0.5, 2.0], atol=1e-5)


def test_d4_a_step_that_cannot_fit_says_what_it_needs():
    variable, optimizer = fresh()
    with pytest.raises(OutOfMemoryError) as caught:
        step(variable, optimizer, MANY)
    text = str(caught.value)
    needed = re.search(r"needs (\S+) TB, and the device has", text)
    assert float(needed[1]) >= 2.56
    assert "float32[800000,800000]" in text
    assert "(2.56 TB)" in text
    assert HINT in text
    assert "test_out_of_memory.py" in str(caught.value.__notes__)
    assert isinstance(caught.value, MemoryError)
    check_whole(variable, optimizer)


def test_d4_it_is_refused_every_time():
    variable, optimizer = fresh()
    for _ in range(3):
        with pytest.raises(OutOfMemoryError, match=HINT):
            step(variable, optimizer, MANY)
    check_whole(variable, optimizer)


def test_d4_op_by_op():
    variable, optimizer = fresh()
    jt.config.run_eagerly(True)
    try:
        with pytest.raises(OutOfMemoryError, match=HINT):
            step(variable, optimizer, MANY)
    finally:
        jt.config.run_eagerly(False)
    check_whole(variable, optimizer)


def test_d4_in_a_function():
    variable, optimizer = fresh()
    with pytest.raises(OutOfMemoryError, match=HINT):
        jt.function(step)(variable, optimizer, MANY)
    check_whole(variable, optimizer)


class Pairs(jt.layers.Layer):
    """Sorts the products of all pairs of samples."""

    def call(self, x):
        return jt.reduce_sum(jt.sort(x[:, None] * x[None], axis=1), axis=1)


def test_d4_in_fit_evaluate_and_predict():
    x, y = np.ones((MANY, 1), np.float32), np.ones((MANY, 1), np.float32)
    model = jt.Sequential([Pairs(), jt.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x[:8], y[:8], verbose=0)
    before = model.get_weights()
    options = {"batch_size": MANY, "verbose": 0}
    for call, given in [
        (model.fit, (x, y)),
        (model.evaluate, (x, y)),
        (model.predict, (x,)),
    ]:
        with pytest.raises(OutOfMemoryError, match=HINT):
            call(*given, **options)
    with pytest.raises(OutOfMemoryError, match=HINT):
        model.train_on_batch(x, y)
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_d4_a_first_launch_that_fails_in_the_middle_loses_nothing(monkeypatch):
    monkeypatch.setattr(memory, "LARGE", 0)

    def fail(x):
        raise RuntimeError("RESOURCE_EXHAUSTED: by purpose")

    @jt.op
    def failing(x):
        return jax.pure_callback(fail, jax.ShapeDtypeStruct((), np.float32), x)

    variable, optimizer = jt.Variable([1.0, 2.0]), jt.optimizers.SGD(0.5)

    def failing_step():
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(variable**2)
            gradient = tape.gradient(loss, variable)
            moved = gradient + failing(jt.stop_gradient(loss))
            optimizer.apply_gradients([(moved, variable)])

    with pytest.raises(OutOfMemoryError, match="by purpose"):
        failing_step()
    np.testing.assert_array_equal(variable.numpy(), [1, 2])


def test_d4_sizes_are_told_in_decimal_units():
    assert memory._size(999) == "999 bytes"
    assert memory._size(256_016_832) == "256 MB"
    assert memory._size(25_600_000_000_080) == "25.6 TB"
