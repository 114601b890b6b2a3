"""Rows C8, C10, E4 and G14 of the hazards, as far as they concern devices.

This process may have one device only, so the claims run in another one that has two.
"""

import asyncio
import contextlib
import os
import subprocess
import sys

import jax
import numpy as np
import pytest

import jaxtape as jt
from tests.in_threads import in_a_thread

COVERED = pytest.mark.parametrize(
    "covered", [False, True], ids=["at once", "under a tape"]
)
needs_two_devices = pytest.mark.skipif(
    len(jax.devices("cpu")) < 2, reason="runs in a process that has two devices"
)


def test_in_a_process_with_two_devices():
    if len(jax.devices("cpu")) > 1:
        pytest.skip("this is that process")
    two = "--xla_force_host_platform_device_count=2"
    flags = f"{os.environ.get('XLA_FLAGS', '')} {two}"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", __file__],
        env={**os.environ, "XLA_FLAGS": flags, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@needs_two_devices
@COVERED
def test_c8_the_default_device_of_jax(covered):
    for _ in range(3):
        results = []
        with jt.GradientTape() if covered else contextlib.nullcontext():
            for number in (0, 1, 0, 1):
                with jax.default_device(jax.devices("cpu")[number]):
                    results.append(jt.zeros(3) + 1.0)
        assert [y.device.id for y in results] == [0, 1, 0, 1]


@needs_two_devices
def test_c8_the_device_of_what_runs_at_once():
    for number in (0, 1, 0, 1):
        with jt.device(f"cpu:{number}"):
            v = jt.Variable([3.0, 4.0])
            results = [v, jt.reduce_sum(v * v), jt.zeros(2), jt.random.normal((2,))]
        assert [result.device.id for result in results] == [number] * 4


@needs_two_devices
def test_c8_the_device_of_a_tape_and_its_gradient():
    for number in (0, 1, 0, 1, 1):
        with jt.device(f"cpu:{number}"):
            v = jt.Variable([3.0, 4.0])
            with jt.GradientTape() as tape:
                y = jt.reduce_sum(v * v)
            results = [v, y, tape.gradient(y, v)]
        assert [result.device.id for result in results] == [number] * 3
        assert results[2].tolist() == [6.0, 8.0]


@needs_two_devices
def test_c10_a_function_runs_where_its_arguments_are():
    double = jt.function(lambda x: x + x)
    for number in (0, 1, 0, 1):
        x = jax.device_put(np.arange(3.0, dtype=np.float32), jax.devices("cpu")[number])
        assert double(x).device.id == number
        assert double(x).tolist() == [0.0, 2.0, 4.0]


@needs_two_devices
def test_c10_a_function_reads_and_replaces_variables_where_they_are():
    for number in (0, 1, 0):
        with jt.device(f"cpu:{number}"):
            weight, other = jt.Variable([1.0, 2.0]), jt.Variable(1.0)
            optimizer = jt.optimizers.SGD(0.5)

            @jt.function
            def step(weight, other, optimizer):
                with jt.GradientTape() as tape:
                    loss = jt.reduce_sum(weight * weight) + other
                pairs = [weight, other]
                gradients = tape.gradient(loss, pairs)
                optimizer.apply_gradients(zip(gradients, pairs, strict=True))
                return loss

            losses = [step(weight, other, optimizer) for _ in range(3)]
        assert [loss.device.id for loss in losses] == [number] * 3
        assert weight.device.id == number
        assert weight.tolist() == [0.0, 0.0]


def split(rows):
    """The same rows, half of them on each device."""
    mesh = jax.make_mesh((2,), ("rows",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.sharding.PartitionSpec("rows")
    return jax.device_put(rows, jax.sharding.NamedSharding(mesh, spec))


@needs_two_devices
def test_c10_an_argument_that_is_split_over_devices_stays_split():
    double = jt.function(lambda x: x + x)
    whole = np.arange(4.0, dtype=np.float32)
    assert len(double(split(whole))._array().devices()) == 2
    assert len(double(whole)._array().devices()) == 1
    assert double(split(whole)).tolist() == [0.0, 2.0, 4.0, 6.0]


RNG = np.random.default_rng(0)
X = RNG.normal(size=(46, 3)).astype(np.float32)
Y = RNG.normal(size=(46, 1)).astype(np.float32)
KERNEL, BIAS = np.float32([[1.0], [-2.0], [0.5]]), np.float32([0.25])


def linear():
    model = jt.Sequential([jt.layers.Dense(1, input_shape=(3,))])
    model.set_weights([KERNEL, BIAS])
    return model


@needs_two_devices
@pytest.mark.parametrize("batch_size", [None, 1, 7, 46, 100])
def test_g14_rows_that_are_split_over_devices_keep_their_order(batch_size):
    model, expected = linear(), X @ KERNEL + BIAS
    predicted = model.predict(split(X), batch_size=batch_size, verbose=0)
    np.testing.assert_allclose(predicted, expected, rtol=1e-5, atol=1e-6)
    model.compile(loss="mse", metrics=["mae"])
    found = model.evaluate(split(X), split(Y), batch_size=batch_size, verbose=0)
    errors = expected - Y
    np.testing.assert_allclose(
        found, [np.mean(errors**2), np.mean(np.abs(errors))], rtol=1e-5
    )


def descended(batches, rate=0.1):
    """Weights after steps of gradient descent on the mean squared error, by NumPy."""
    design = np.hstack([X, np.ones((46, 1), np.float32)])
    weights = np.vstack([KERNEL, BIAS[None]])
    for rows in batches:
        errors = design[rows] @ weights - Y[rows]
        weights = weights - rate * 2 * design[rows].T @ errors / len(errors)
    return [weights[:3], weights[3]]


@needs_two_devices
def test_a_batch_that_is_split_over_devices_trains_as_it_does_on_one():
    model, optimizer, loss_fn = (
        linear(),
        jt.optimizers.SGD(0.1),
        jt.losses.MeanSquaredError(),
    )
    x, y = split(X), split(Y)
    for _ in range(4):
        with jt.GradientTape() as tape:
            loss = loss_fn(y, model(x))
        gradients = tape.gradient(loss, model.weights)
        optimizer.apply_gradients(zip(gradients, model.weights, strict=True))
    for found, expected in zip(
        model.get_weights(), descended([slice(46)] * 4), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert len(model.weights[0].value._array().devices()) == 2


@needs_two_devices
def test_fit_takes_samples_that_are_split_over_devices():
    model = linear()
    model.compile(jt.optimizers.SGD(0.1), "mse")
    model.fit(split(X), split(Y), batch_size=23, epochs=2, shuffle=False, verbose=0)
    steps = [slice(0, 23), slice(23, 46)] * 2
    for found, expected in zip(model.get_weights(), descended(steps), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@needs_two_devices
def test_e4_a_device_belongs_to_its_thread():
    with jt.device("cpu:1"):
        here = jt.zeros(3) + 1.0
        there = in_a_thread(lambda: jt.zeros(3) + 1.0)
        with jt.GradientTape():
            covered = jt.zeros(3) + 1.0
    assert (here.device.id, there.device.id, covered.device.id) == (1, 0, 1)


@needs_two_devices
def test_e4_a_device_belongs_to_its_task():
    async def other():
        return (jt.zeros(3) + 1.0).device.id

    async def main():
        task = asyncio.create_task(other())
        with jt.device("cpu:1"):
            y = jt.zeros(3) + 1.0
        return y.device.id, await task

    assert asyncio.run(main()) == (1, 0)
