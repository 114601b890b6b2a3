"""Rows E1 to E6 of the hazards: threads and asyncio tasks.

What concerns devices, of row E4, is in `test_two_devices.py`.
"""

import asyncio
import contextlib
import threading

import jax
import numpy as np
import pytest

import jaxtape as jt
from tests.halving import halve, halving_optimizer
from tests.in_threads import frequent_switches, in_a_thread, in_threads

# E1: many threads, each with its own tape and variables


def train(number, steps=20):
    """Losses and final weights of a small regression; the same for one number."""
    generator = np.random.default_rng(number)
    x = generator.normal(size=(16, 3)).astype(np.float32)
    y = (x @ generator.normal(size=(3, 1)) + 0.5).astype(np.float32)
    w, b = jt.Variable(np.zeros((3, 1))), jt.Variable(np.zeros(1))
    losses = []
    for step in range(steps):
        with jt.GradientTape() as tape:
            loss = jt.reduce_mean(jt.square(jt.matmul(x, w) + b - y))
        for v, gradient in zip((w, b), tape.gradient(loss, [w, b]), strict=True):
            v.assign_sub(0.1 * gradient)
        if step % 5 == 0:
            losses.append(float(loss))
    return [*losses, *w.numpy().ravel().tolist(), *b.numpy().tolist()]


@pytest.mark.parametrize(
    ("threads", "runs"), [(16, 2), pytest.param(50, 20, marks=pytest.mark.full)]
)
def test_e1_threads_train_as_a_single_one_does(threads, runs):
    """In all 1,000 threads, 50 at a time, when slow tests run."""
    for run in range(runs):
        numbers = range(run * threads, (run + 1) * threads)
        serial = [train(number) for number in numbers]
        with frequent_switches() if run == 0 else contextlib.nullcontext():
            parallel = in_threads(lambda n, first=numbers[0]: train(first + n), threads)
        np.testing.assert_allclose(parallel, serial, rtol=1e-5, atol=1e-6)


def test_e1_to_the_last_bit_where_everything_is_compiled(monkeypatch):
    monkeypatch.setattr(jt.config.switches, "execution", "compiled")
    train(0)
    serial = [train(number) for number in range(16)]
    with frequent_switches():
        assert in_threads(train, 16) == serial


def test_e1_optimizers_in_threads():
    def halve_in_turn(number):
        variables = [jt.Variable(np.full(3, 2.0**20 * (number + 1)))]
        halve(halving_optimizer(), variables, 20)
        return variables[0].tolist()

    with frequent_switches():
        found = in_threads(halve_in_turn, 8)
    assert found == [[number + 1.0] * 3 for number in range(8)]


@pytest.mark.filterwarnings("ignore:The loop at .* is compiled anew")
def test_e1_threads_that_meet_one_new_structure_at_once():
    """All eight find nothing compiled, and compile or run op by op side by side."""
    with frequent_switches():
        for length in (61, 62, 63):
            x = jt.constant(np.full(length, 2.0, np.float32))

            def slope(_, x=x):
                with jt.GradientTape() as tape:
                    tape.watch(x)
                    y = jt.reduce_sum(x * x * x)
                return tape.gradient(y, x).numpy()[0]

            assert in_threads(slope, 8) == [12.0] * 8


# E2: one variable, many writers


@pytest.mark.parametrize("covered", [False, True], ids=["at once", "under a tape"])
@pytest.mark.parametrize("size", [1, 10_000])
def test_e2_every_assign_add_is_applied(covered, size):
    v = jt.Variable(np.zeros(size, np.float32))

    def add(_):
        for _ in range(200):
            with jt.GradientTape() if covered else contextlib.nullcontext():
                v.assign_add(np.ones(size, np.float32))
            jt.sync()

    with frequent_switches():
        in_threads(add, 8)
    assert np.unique(v.numpy()).tolist() == [1_600.0]


def test_e2_sliced_assignments_do_not_undo_each_other():
    v = jt.Variable(np.zeros(8, np.float32))

    def add(number):
        for _ in range(100):
            v[number].assign(v[number] + 1.0)

    with frequent_switches():
        in_threads(add, 8)
    assert v.tolist() == [100.0] * 8


def test_e2_plus_and_minus_cancel():
    v = jt.Variable(0.0)

    def change(number):
        for _ in range(200):
            (v.assign_add if number % 2 else v.assign_sub)(1.0)

    with frequent_switches():
        in_threads(change, 8)
    assert float(v) == 0.0


# E3: many threads step one model


@pytest.mark.parametrize("units", [4, 128], ids=["in one buffer", "of their own"])
def test_e3_threads_that_step_one_model_apply_every_update(units):
    """The gradient is the same everywhere, so that every update counts alike."""
    model = jt.Sequential([jt.layers.Dense(units, input_shape=(64,))])
    model.set_weights([np.zeros((64, units)), np.zeros(units)])
    optimizer = jt.optimizers.SGD(2.0**-6)
    x = np.ones((1, 64), np.float32)

    def step(_):
        for _ in range(25):
            with jt.GradientTape() as tape:
                loss = jt.reduce_sum(model(x))
            variables = model.trainable_variables
            gradients = tape.gradient(loss, variables)
            optimizer.apply_gradients(zip(gradients, variables, strict=True))

    step(0)
    with frequent_switches():
        in_threads(step, 8)
    assert int(optimizer.iterations) == 9 * 25
    for weights in model.get_weights():
        assert np.unique(weights).tolist() == [-9 * 25 * 2.0**-6]


def test_e3_each_thread_steps_with_an_optimizer_of_its_own():
    """Another's update may lie between the calls that read variables of one home.

    A step of Adam by a gradient that is always 1 is the learning rate.
    """
    x = np.ones((1, 3), np.float32)
    for _ in range(6):
        layers = [jt.layers.Dense(units) for units in (4, 2, 1)]
        for layer in layers:
            layer.build((None, 3))
        variables = [variable for layer in layers for variable in layer.variables]
        start = [variable.numpy() for variable in variables]
        optimizers = [jt.optimizers.Adam(0.25) for _ in range(3)]
        for optimizer in optimizers:
            optimizer.build(variables)
        step = _stepping(x, layers, variables, optimizers)
        with frequent_switches():
            in_threads(step, 3)
        assert [int(optimizer.iterations) for optimizer in optimizers] == [40] * 3
        for variable, before in zip(variables, start, strict=True):
            expected = before - 0.25 * 3 * 40
            np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-5)


def _stepping(x, layers, variables, optimizers):
    def step(number):
        for _ in range(40):
            with jt.GradientTape(persistent=True) as tape:  # recorded each time
                loss = jt.add_n([jt.reduce_sum(layer(x)) for layer in layers])
            gradients = tape.gradient(loss, variables)
            optimizers[number].apply_gradients(zip(gradients, variables, strict=True))

    return step


def test_e3_each_update_of_adam_starts_from_a_whole_one():
    """Updates come in any order: the loss falls, and no step is lost."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(32, 8)).astype(np.float32)
    y = (x @ generator.normal(size=(8, 1))).astype(np.float32)
    model = jt.Sequential([jt.layers.Dense(1, input_shape=(8,))])
    optimizer = jt.optimizers.Adam(0.01)

    def train(_):
        for _ in range(50):
            with jt.GradientTape() as tape:
                loss = jt.reduce_mean(jt.square(model(x) - y))
            variables = model.trainable_variables
            gradients = tape.gradient(loss, variables)
            optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return float(loss)

    def loss_of_all():
        return float(jt.reduce_mean(jt.square(model(x) - y)))

    first = loss_of_all()
    with frequent_switches():
        last = in_threads(train, 8)
    assert int(optimizer.iterations) == 8 * 50
    assert max(last) < first  # the thread that is done first has seen 50 updates
    assert loss_of_all() < 0.1 * first


# E4: one thread inside a tape or on a device, another not


def test_e4_a_tape_covers_its_own_thread_only():
    v = jt.Variable(3.0)
    with jt.GradientTape() as tape:
        y = v * v
        other = in_a_thread(lambda: v * v)
        assert other._value is not None  # computed at once
    assert tape.gradient(other, v) is None
    assert float(y) == 9.0


def test_e4_tapes_in_two_threads_at_once():
    v, gate = jt.Variable(3.0), threading.Barrier(2)

    def slope(number):
        with jt.GradientTape() as tape:
            gate.wait(30)
            y = v ** (number + 2)
            gate.wait(30)
        gate.wait(30)
        return float(tape.gradient(y, v))

    assert in_threads(slope, 2) == [6.0, 27.0]


def test_e4_an_optimizer_step_in_one_thread_while_another_records():
    """The tape differentiates at the values that it saw: 2 v at v = 3."""
    v, optimizer = jt.Variable(3.0), halving_optimizer()
    for _ in range(3):
        v.assign(3.0)
        with jt.GradientTape() as tape:
            y = v * v
            in_a_thread(lambda: halve(optimizer, [v]))
            z = v * v
        assert float(tape.gradient(y, v)) in (6.0, 9.0)
        assert (float(y), float(v)) == (9.0, 1.5)
        assert float(z) in (9.0, 2.25)


def test_e4_settings_belong_to_their_thread():
    with jax.enable_x64(True):
        assert jt.constant(np.ones(2)).dtype == "float64"
        assert in_a_thread(lambda: jt.constant(np.ones(2)).dtype) == "float32"


async def stepwise_slope(x):
    v = jt.Variable(x)
    with jt.GradientTape() as tape:
        y = v * v
        await asyncio.sleep(0)
        y = y * v
        await asyncio.sleep(0)
    return float(tape.gradient(y, v))


def test_e4_tapes_in_twenty_tasks_at_once():
    async def main():
        return await asyncio.gather(*[stepwise_slope(float(n)) for n in range(20)])

    assert asyncio.run(main()) == [3.0 * n * n for n in range(20)]


def test_e4_a_task_beside_a_tape_computes_at_once():
    async def beside():
        return (jt.constant(2.0) * 3.0)._value is not None

    async def main():
        task = asyncio.create_task(beside())
        with jt.GradientTape() as tape:
            v = jt.Variable(3.0)
            y = v * v
            was_computed = await task
        return was_computed, float(tape.gradient(y, v))

    assert asyncio.run(main()) == (True, 6.0)


def test_e4_a_loop_that_is_run_inside_a_tape():
    v = jt.Variable(3.0)
    with jt.GradientTape() as tape:
        y = v * v
        found = asyncio.run(stepwise_slope(5.0))
        z = y * v
    assert (found, float(z), float(tape.gradient(z, v))) == (75.0, 27.0, 27.0)


# E5: a tape opened in one thread, used in another


def right_or_refused(function, expected):
    """A clear error of our own, or the right value; never `None` or garbage."""
    try:
        found = in_a_thread(function)
    except jt.errors.JaxtapeError as error:
        return "thread" in str(error)
    return found is not None and float(found) == expected


@pytest.mark.parametrize("read", [False, True])
def test_e5_a_tape_of_a_task_that_has_ended(read):
    """As in a notebook, where each cell may be a task of its own."""
    v = jt.Variable(3.0)

    async def first_cell():
        with jt.GradientTape() as tape:
            y = v * v
            if read:
                y.numpy()
            z = y * v
        return tape, z

    async def second_cell(tape, z):
        try:
            gradient = float(tape.gradient(z, v))
        except jt.errors.TapeError as error:
            gradient = 27.0 if "task" in str(error) else None
        return gradient, float(z)

    async def notebook():
        tape, z = await asyncio.create_task(first_cell())
        return await asyncio.create_task(second_cell(tape, z))

    assert asyncio.run(notebook()) == (27.0, 27.0)


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("read", [False, True])
def test_e5_a_gradient_asked_for_in_another_thread(persistent, read):
    v = jt.Variable(3.0)
    with jt.GradientTape(persistent=persistent) as tape:
        y = v * v
    if read:
        y.numpy()
    assert right_or_refused(lambda: tape.gradient(y, v), 6.0)
    assert float(y) == 9.0


def test_e5_a_gradient_asked_for_while_the_tape_is_open():
    v = jt.Variable(3.0)
    with jt.GradientTape(persistent=True) as tape:
        y = v * v
        assert right_or_refused(lambda: tape.gradient(y, v), 6.0)
        z = y * v
    assert float(tape.gradient(z, v)) == 27.0


def test_e5_a_tape_entered_in_another_thread():
    """It covers what that thread records; its owner may differentiate it."""
    v, tape = jt.Variable(3.0), jt.GradientTape()

    def record():
        with tape:
            return v * v

    y = in_a_thread(record)
    assert float(y) == 9.0
    try:
        gradient = tape.gradient(y, v)
    except jt.errors.JaxtapeError as error:
        assert "thread" in str(error)  # noqa: PT017 (either is right)
    else:
        assert float(gradient) == 6.0


def test_e5_a_tape_left_in_another_thread():
    """Both threads compute at once afterwards, as outside of any tape."""
    v, tape = jt.Variable(3.0), jt.GradientTape()
    tape.__enter__()
    y = v * v

    def leave():
        with contextlib.suppress(jt.errors.JaxtapeError):
            tape.__exit__(None, None, None)
        return (v * 2.0)._value is not None

    assert in_a_thread(leave)
    with contextlib.suppress(jt.errors.JaxtapeError):
        tape.__exit__(None, None, None)
    assert (v * 2.0)._value is not None
    assert float(y) == 9.0


def test_e5_an_active_tape_is_not_entered_twice():
    v, tape = jt.Variable(3.0), jt.GradientTape()

    def enter():
        with tape:
            v * 3.0

    with tape:
        y = v * v
        with pytest.raises(jt.errors.JaxtapeError, match="already active"):
            in_a_thread(enter)
    assert float(tape.gradient(y, v)) == 6.0


def test_e5_tensors_of_a_tape_in_the_tape_of_another_thread():
    """They are constants there, and may be watched."""
    v = jt.Variable(3.0)

    def other(y):
        with jt.GradientTape() as inner:
            inner.watch(y)
            z = y * y
        return float(inner.gradient(z, y))

    with jt.GradientTape() as tape:
        y = v * v
        assert in_a_thread(lambda: other(y)) == 18.0
    assert float(tape.gradient(y, v)) == 6.0


# E6: a thread that dies inside a tape


def die_inside_a_tape(v):
    with jt.GradientTape() as tape:
        tape.watch(v)
        v.assign_add(1.0)
        raise KeyError(float(v * 2.0))


def test_e6_a_dead_thread_does_not_touch_the_others():
    v, dead = jt.Variable(0.0), 0
    variables, optimizer = [jt.Variable(np.ones(3))], halving_optimizer()
    for _ in range(10):
        try:
            in_a_thread(lambda: die_inside_a_tape(v))
        except KeyError:
            dead += 1
        halve(optimizer, variables)
        with jt.GradientTape() as tape:
            y = v * v
        assert float(tape.gradient(y, v)) == 2.0 * float(v)
    assert (dead, float(v)) == (10, 10.0)
    assert variables[0].tolist() == [2.0**-10] * 3


def test_e6_the_lock_of_a_variable_is_released():
    v = jt.Variable([0.0, 0.0])

    def fail(_):
        for bad in (np.ones(3), "text", None):
            with contextlib.suppress(jt.errors.JaxtapeError, ValueError, TypeError):
                v.assign_add(bad)
        v.assign_add([1.0, 1.0])

    in_threads(fail, 8)  # a lock that was kept would make this hang
    assert v.tolist() == [8.0, 8.0]


def test_e6_a_pending_tensor_outlives_its_thread():
    v, kept = jt.Variable(3.0), []

    def record_and_die():
        with jt.GradientTape():
            kept.append(v * v)
            raise KeyError

    with pytest.raises(KeyError):
        in_a_thread(record_and_die)
    assert float(kept[0]) == 9.0
    assert float(kept[0] * 2.0) == 18.0


def test_e6_a_thread_that_never_leaves_its_tape():
    v, held = jt.Variable(3.0), []

    def enter_only():
        held.append(jt.GradientTape())
        held[0].__enter__()
        held.append(v * v)

    in_a_thread(enter_only)
    halve(halving_optimizer(), [v], 2)
    assert float(held[1]) == 9.0
    assert float(v) == 0.75
