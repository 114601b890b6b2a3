"""Invariant 12: what fails changes nothing, as far as the device allows."""

import contextlib
import threading

import jax
import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.recording import slots
from jaxtape.framework.recording.execution import call
from jaxtape.framework.recording.node import begin
from jaxtape.framework.recording.op import Op
from tests.halving import halve, halving_optimizer
from tests.interruption import Interruption, interrupted_everywhere

START = np.arange(1.0, 5.0, dtype=np.float32)


@pytest.fixture(autouse=True, params=[0, 4096], ids=["own buffers", "common buffer"])
def packed_size(request, monkeypatch):
    """Small variables can have buffers of their own, or share one."""
    monkeypatch.setattr(jt.config.bounds, "packed_size", request.param)


@pytest.fixture(autouse=True)
def fresh_recording():
    """What one test breaks is not the next one's fault."""
    begin()
    yield
    begin()


class Sensor:
    """An op that fails on the device while it is unplugged, and else is x * 1."""

    def __init__(self):
        self.is_plugged = True
        self._op = Op("read_sensor", self._function)

    def __call__(self, x):
        return call(self._op, (x,))

    def _function(self, x):
        @jax.custom_jvp
        def read(x):
            kind = jax.ShapeDtypeStruct(x.shape, x.dtype)
            return jax.pure_callback(self._read, kind, x)

        read.defjvp(lambda primals, tangents: (read(*primals), tangents[0]))
        return read(x)

    def _read(self, x):
        if not self.is_plugged:
            raise ValueError("the sensor is unplugged")
        return np.asarray(x)


@pytest.mark.parametrize("position", ["first", "middle", "last"])
def test_an_op_that_raises_adds_no_node(position):
    x, misfit = jt.Variable(3.0), jt.constant(np.ones((2, 3)))
    for _ in range(3):
        with jt.GradientTape() as tape:
            if position != "first":
                y = x * x
            with pytest.raises(ValueError, match="matmul"):
                misfit @ misfit
            if position == "first":
                y = x * x
            if position != "last":
                y = y * x
        power = 2 if position == "last" else 3
        assert float(y) == 3.0**power
        assert float(tape.gradient(y, x)) == power * 3.0 ** (power - 1)


def test_a_tape_in_which_everything_raised_leaves_nothing():
    misfit = jt.constant(np.ones((2, 3)))
    for _ in range(3):
        with pytest.raises(ValueError, match="matmul"), jt.GradientTape():
            misfit @ misfit
        v = jt.Variable(3.0)
        with jt.GradientTape() as tape:
            y = v * v
        assert float(tape.gradient(y, v)) == 6.0


def test_an_op_that_raises_leaves_its_arguments_usable():
    a, b = jt.constant(np.ones((2, 3))), jt.constant(np.ones((2, 3)))
    with jt.GradientTape() as tape:
        tape.watch([a, b])
        with pytest.raises(ValueError, match="matmul"):
            a @ b
        y = jt.reduce_sum(a * b + a)
    by_a, by_b = tape.gradient(y, [a, b])
    assert (by_a.numpy().tolist(), by_b.numpy().tolist()) == (
        [[2.0] * 3] * 2,
        [[1.0] * 3] * 2,
    )


def test_assigns_completed_before_an_error_stay():
    v, w = jt.Variable(1.0), jt.Variable(1.0)

    def interrupted_step():
        with jt.GradientTape():
            v.assign(2.0)
            raise KeyError
            w.assign(2.0)

    with pytest.raises(KeyError):
        interrupted_step()
    assert (float(v), float(w)) == (2.0, 1.0)


def test_an_assign_of_the_wrong_shape_changes_nothing():
    v = jt.Variable(START)
    for covered in (False, True):
        tape = jt.GradientTape() if covered else contextlib.nullcontext()
        with tape, pytest.raises(ValueError, match=r"\(4,\).*\(3,\)"):
            v.assign(np.ones(3))
    assert v.tolist() == START.tolist()


def momentum_state(optimizer, v):
    slots = [slot.numpy() for slot in optimizer._slots.get(id(v), [])]
    return int(optimizer.iterations), v.numpy(), slots


def assert_same_state(first, second):
    assert first[0] == second[0]
    np.testing.assert_array_equal(first[1], second[1])
    np.testing.assert_array_equal(first[2], second[2])


def sensor_step(sensor, optimizer, v):
    with jt.GradientTape() as tape:
        loss = jt.reduce_sum(sensor(v) * v)
    optimizer.apply_gradients([(tape.gradient(loss, v), v)])


def test_a_launch_that_fails_op_by_op_leaves_variables_and_slots(monkeypatch):
    monkeypatch.setattr(jt.config.switches, "execution", "op_by_op")
    sensor, v = Sensor(), jt.Variable(START)
    optimizer = jt.optimizers.SGD(0.25, momentum=0.5)
    for _ in range(3):
        sensor_step(sensor, optimizer, v)
    before = momentum_state(optimizer, v)
    sensor.is_plugged = False
    with pytest.raises(Exception, match="the sensor is unplugged"):
        sensor_step(sensor, optimizer, v)
    assert_same_state(momentum_state(optimizer, v), before)
    sensor.is_plugged = True
    sensor_step(sensor, optimizer, v)
    assert momentum_state(optimizer, v)[0] == 4


def fail_on_the_device():
    """A model, after a compiled step of it failed on the device, and the error."""
    sensor, v = Sensor(), jt.Variable(START, name="weights")
    optimizer = jt.optimizers.SGD(0.25, momentum=0.5)
    for _ in range(3):
        sensor_step(sensor, optimizer, v)
    before = momentum_state(optimizer, v)
    sensor.is_plugged = False
    with pytest.raises(Exception, match="the sensor is unplugged") as caught:
        sensor_step(sensor, optimizer, v)
    return v, optimizer, before, caught.value


def test_a_device_error_after_donation_names_what_was_lost():
    v, _, _, error = fail_on_the_device()
    assert isinstance(error, jt.errors.ExecutionError)
    assert "'weights'" in str(error)
    with pytest.raises(jt.errors.ExecutionError, match="'weights'"):
        v.numpy()


def test_a_variable_that_was_lost_can_be_assigned_again():
    v, _, _, _ = fail_on_the_device()
    v.assign(START)
    halve(halving_optimizer(), [v])
    assert v.tolist() == (START / 2).tolist()


def test_safe_steps_keep_a_copy(monkeypatch):
    jt.config.safe_steps(True)
    try:
        v, optimizer, before, _ = fail_on_the_device()
        assert_same_state(momentum_state(optimizer, v), before)
    finally:
        jt.config.safe_steps(False)


def test_a_failed_result_says_why_when_it_is_read():
    sensor = Sensor()
    sensor.is_plugged = False
    with jt.GradientTape():
        y = sensor(jt.constant(1.0))
        z = y * 2.0
    with pytest.raises(Exception, match="the sensor is unplugged"):
        y.numpy()
    with pytest.raises(RuntimeError, match=r"(?s)no value.*the sensor is unplugged"):
        z.numpy()


@pytest.mark.parametrize("steps_before", [0, 3])
def test_a_compile_that_fails_leaves_variables_and_slots(steps_before, monkeypatch):
    v, optimizer = jt.Variable(START), jt.optimizers.SGD(0.25, momentum=0.5)
    for _ in range(steps_before):
        halve(optimizer, [v])
    before = momentum_state(optimizer, v)

    class Broken(slots.Program):
        def __init__(self, *args):
            raise RuntimeError("no space left for this program")

    slots.slots.clear()
    with monkeypatch.context() as patch:
        patch.setattr(slots, "Program", Broken)
        with pytest.raises(RuntimeError, match="no space"):
            halve(optimizer, [v])
    assert (int(optimizer.iterations), v.tolist()) == (before[0], before[1].tolist())
    halve(optimizer, [v])
    assert int(optimizer.iterations) == steps_before + 1


@pytest.mark.parametrize(
    "gradients",
    [
        [np.ones(3, np.float32), np.ones(4, np.float32)],  # the first does not fit
        [np.ones(4, np.float32), np.ones(3, np.float32)],
        [np.ones(4, np.float32), "a string"],
        [np.ones(4, np.float32)],
    ],
    ids=["first shape", "second shape", "type", "number"],
)
def test_an_update_that_is_refused_changes_nothing(gradients):
    variables = [jt.Variable(START), jt.Variable(START)]
    optimizer = jt.optimizers.SGD(0.25, momentum=0.5)
    for _ in range(2):
        with pytest.raises((ValueError, TypeError)):
            optimizer.apply(gradients, variables)
        jt.sync()
        assert int(optimizer.iterations) == 0
        assert [v.tolist() for v in variables] == [START.tolist()] * 2
    optimizer.apply([np.ones(4, np.float32)] * 2, variables)
    assert [v.tolist() for v in variables] == [(START - 0.25).tolist()] * 2


needs_main_thread = pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(),
    reason="signals arrive in the main thread",
)


@needs_main_thread
def test_an_interrupt_anywhere_leaves_a_whole_number_of_steps():
    """Every variable, slot and counter is of the same step, wherever Ctrl-C falls.

    The gradient is 1 and the rate 1, so after n steps all variables are -n.
    """
    variables = [jt.Variable(np.zeros(3)), jt.Variable(np.zeros((2, 2)))]
    large = jt.Variable(np.zeros(5_000))  # in no common buffer
    variables, optimizer = [*variables, large], jt.optimizers.SGD(1.0)

    def step():
        with jt.GradientTape() as tape:
            loss = jt.add_n([jt.reduce_sum(v) for v in variables])
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    def check():
        steps = int(optimizer.iterations)
        found = [np.unique(v.numpy()).tolist() for v in variables]
        assert found == [[-float(steps)]] * 3

    for _ in range(3):
        step()
    num_places = interrupted_everywhere(step, check)
    assert num_places > 100


@pytest.mark.one_in(2)
@needs_main_thread
def test_an_interrupt_anywhere_leaves_assigns_whole():
    v, w = jt.Variable(np.zeros(3)), jt.Variable(np.zeros(5_000))

    def step():
        with jt.GradientTape():
            v.assign_add(np.ones(3))
            w.assign_add(np.ones(5_000))
        jt.sync()

    def check():
        jt.sync()
        for variable in (v, w):
            assert np.unique(variable.numpy()).size == 1

    for _ in range(3):
        step()
    interrupted_everywhere(step, check)
    before = float(v[0]), float(w[0])
    step()
    assert (float(v[0]), float(w[0])) == (before[0] + 1, before[1] + 1)


@pytest.mark.one_in(2)
@needs_main_thread
def test_an_interrupt_anywhere_of_a_step_that_runs_op_by_op(monkeypatch):
    monkeypatch.setattr(jt.config.switches, "execution", "op_by_op")
    variables, optimizer = (
        [jt.Variable(np.zeros(3)), jt.Variable(0.0)],
        jt.optimizers.SGD(1.0),
    )

    def step():
        with jt.GradientTape() as tape:
            loss = jt.add_n([jt.reduce_sum(v) for v in variables])
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    def check():
        steps = int(optimizer.iterations)
        assert [np.unique(v.numpy()).tolist() for v in variables] == [
            [-float(steps)]
        ] * 2

    for _ in range(2):
        step()
    interrupted_everywhere(step, check)


@needs_main_thread
def test_after_an_interrupt_the_next_step_is_right():
    variables, optimizer = (
        [jt.Variable(np.ones(3)), jt.Variable(1.0)],
        halving_optimizer(),
    )
    halve(optimizer, variables, 2)
    for at in range(1, 400, 7):
        for v in variables:
            v.assign(np.ones(v.shape))
        with Interruption(at):
            halve(optimizer, variables)
        size = float(variables[1])
        halve(optimizer, variables)
        assert variables[0].tolist() == [size / 2] * 3
        assert float(variables[1]) == size / 2
