"""Invariant 11: each thread and each asyncio task has its own recording and tapes."""

import asyncio
import contextlib
import contextvars
import threading

import numpy as np
import pytest

import jaxtape as jt
from tests.forward_counter import CountedSquare
from tests.halving import halve, halving_optimizer
from tests.in_threads import frequent_switches, in_a_thread, in_threads


def cubed_slope(x):
    """d(x^3)/dx by a tape whose value is read inside."""
    v = jt.Variable(x)
    with jt.GradientTape() as tape:
        y = v * v
        float(y)
        z = y * v
    return float(tape.gradient(z, v))


def test_an_op_of_another_thread_is_not_recorded():
    with jt.GradientTape():
        y = in_a_thread(lambda: jt.constant(2.0) * 3.0)
        assert y._value is not None


def test_a_tape_of_another_thread_does_not_cover_this_one():
    v, opened, done = jt.Variable(3.0), threading.Event(), threading.Event()

    def other():
        with jt.GradientTape() as tape:
            opened.set()
            done.wait(30)
            y = v * 2.0
        return tape.watched_variables(), float(tape.gradient(y, v))

    def this():
        opened.wait(30)
        y = v * v
        done.set()
        return y._value is not None

    found = in_threads(lambda number: (other, this)[number](), 2)
    assert found[0][1] == 2.0
    assert [variable is v for variable in found[0][0]] == [True]
    assert found[1]  # computed at once


def test_a_pending_tensor_is_computed_where_it_is_read():
    v = jt.Variable(3.0)
    with jt.GradientTape() as tape:
        y = v * v
        assert in_a_thread(lambda: float(y)) == 9.0
        assert y._value is None  # the owner's recording was not run
        z = y * v
    assert float(tape.gradient(z, v)) == 27.0


def test_a_pending_tensor_is_computed_from_its_own_slice_only():
    square, v = CountedSquare(), jt.Variable(3.0)
    with jt.GradientTape():
        y, other = v * v, square(v)
        assert in_a_thread(lambda: float(y + 1.0)) == 10.0
        assert square.count() == 0
    assert float(other) == 9.0


def test_eight_threads_read_one_pending_tensor():
    with frequent_switches(), jt.GradientTape():
        y = jt.reduce_sum(jt.constant(np.arange(100.0)) * 2.0)
        assert in_threads(lambda _: float(y), 8) == [9900.0] * 8
        assert float(y) == 9900.0


def test_no_update_by_a_shared_optimizer_is_lost():
    v, optimizer = jt.Variable(np.zeros(3)), jt.optimizers.SGD(1.0)
    optimizer.build([v])

    def step(_):
        for _ in range(50):
            with jt.GradientTape() as tape:
                loss = jt.reduce_sum(v)
            optimizer.apply_gradients([(tape.gradient(loss, v), v)])

    with frequent_switches():
        in_threads(step, 8)
    assert (int(optimizer.iterations), v.tolist()) == (400, [-400.0] * 3)


def read_into(results, y):
    results.append(float(y))


def test_the_owner_and_others_read_at_once():
    for _ in range(20):
        with frequent_switches(), jt.GradientTape():
            y, results = jt.constant(3.0) * 2.0, []
            threads = [
                threading.Thread(target=read_into, args=(results, y)) for _ in "abc"
            ]
            for thread in threads:
                thread.start()
            read_into(results, y)
            for thread in threads:
                thread.join(30)
        assert results == [6.0] * 4


def test_a_pending_assignment_is_not_seen_elsewhere_before_it_ran():
    v = jt.Variable(1.0)
    with jt.GradientTape():
        v.assign(2.0)
        assert in_a_thread(lambda: float(v)) in (1.0, 2.0)
        assert float(v) == 2.0
    assert in_a_thread(lambda: float(v)) == 2.0


def test_threads_that_train_their_own_models_do_not_meet():
    def train(number):
        start = np.arange(1.0, 5.0, dtype=np.float32) * (number + 1)
        variables, optimizer = [jt.Variable(start)], halving_optimizer()
        halve(optimizer, variables, 10)
        return np.array_equal(variables[0], start / 1024)

    with frequent_switches():
        assert in_threads(train, 8) == [True] * 8


def test_threads_that_differentiate_by_one_variable_all_have_their_gradient():
    v, w = jt.Variable(3.0), jt.Variable(5.0)

    def differentiate(number):
        found = []
        for _ in range(100):
            with jt.GradientTape() as tape:
                y = v * v * w + v * float(number)
            found.append([float(g) for g in tape.gradient(y, [v, w])])
        return found

    with frequent_switches():
        results = in_threads(differentiate, 8)
    assert results == [[[30.0 + number, 9.0]] * 100 for number in range(8)]


def test_readers_see_whole_updates_only():
    """All elements of v are equal at every step; a torn read would show two values."""
    v, optimizer = jt.Variable(np.ones(256)), jt.optimizers.SGD(1.0)
    stop = threading.Event()

    def work(number):
        if number:
            seen = []
            while not stop.is_set():
                with jt.GradientTape():
                    copy = v * 1.0
                seen.append(np.ptp(copy.numpy()) == 0 and np.ptp(v.numpy()) == 0)
            return all(seen)
        for _ in range(300):
            with jt.GradientTape() as tape:
                loss = jt.reduce_sum(v)
            optimizer.apply_gradients([(tape.gradient(loss, v), v)])
        stop.set()
        return v.numpy()[0] == -299.0

    with frequent_switches():
        assert in_threads(work, 4) == [True] * 4


def test_a_function_that_reads_sees_variables_of_one_moment(tmp_path):
    """All are 0 or all are 1 at every moment: loading weights assigns them at once."""
    model = jt.Model()
    model.parts = [jt.Variable(0.0) for _ in range(20)]

    @jt.function
    def read():
        return jt.stack(model.parts)

    files = [tmp_path / f"{value}.safetensors" for value in (0, 1)]
    for value, file in enumerate(files):
        model.set_weights([np.float32(value)] * 20)
        model.save_weights(file)
        assert read().numpy().tolist() == [value] * 20
    stop = threading.Event()

    def work(number):
        seen = []
        while number and not stop.is_set():
            seen.append(float(np.ptp(read().numpy())))
        for _ in range(0 if number else 100):
            for file in files:
                model.load_weights(file)
        stop.set()
        return max(seen, default=0.0)

    with frequent_switches():
        assert in_threads(work, 2) == [0.0, 0.0]


def test_calls_run_op_by_op_while_a_function_updates_their_variable():
    """Each width is a new structure; 50 * 50 * 3 * (a whole number) for every one."""
    v = jt.Variable(np.zeros((50, 50)))
    stop = threading.Event()

    @jt.function
    def step():
        v.assign_add(jt.ones((50, 50)))

    def work(number):
        while number and not stop.is_set():
            step()
        found = []
        for width in range(0 if number else 25):
            ones = np.ones((50, width + 1))
            with jt.GradientTape():
                sums = jt.reduce_sum(v @ ones * 3.0, axis=0)
            found.append(sums.numpy() / 7500.0)
        stop.set()
        return all(np.allclose(sums, np.round(sums[0]), 1e-5) for sums in found)

    assert in_threads(work, 2) == [True, True]


@pytest.mark.parametrize("covered", [False, True], ids=["at once", "under a tape"])
def test_no_update_of_a_shared_variable_is_lost(covered):
    v = jt.Variable(np.zeros(3))

    def add(_):
        for _ in range(50):
            with jt.GradientTape() if covered else contextlib.nullcontext():
                v.assign_add(np.ones(3))
            jt.sync()

    with frequent_switches():
        in_threads(add, 8)
    assert v.tolist() == [400.0] * 3


async def slope_in_turns(x):
    v = jt.Variable(x)
    with jt.GradientTape() as tape:
        y = v * v
        await asyncio.sleep(0)
        float(y)
        await asyncio.sleep(0)
        z = y * v
        await asyncio.sleep(0)
    return float(tape.gradient(z, v))


def test_tasks_that_take_turns_do_not_meet():
    async def main():
        return await asyncio.gather(*[slope_in_turns(float(n)) for n in range(20)])

    assert asyncio.run(main()) == [3.0 * n * n for n in range(20)]


@pytest.mark.parametrize("start", ["create_task", "gather", "to_thread", "wait_for"])
def test_a_task_started_inside_a_tape_is_not_covered_by_it(start):
    async def main():
        v = jt.Variable(3.0)
        with jt.GradientTape() as tape:
            y = v * v
            if start == "create_task":
                found = await asyncio.create_task(slope_in_turns(5.0))
            elif start == "gather":
                found, _ = await asyncio.gather(
                    slope_in_turns(5.0), slope_in_turns(4.0)
                )
            elif start == "to_thread":
                found = await asyncio.to_thread(cubed_slope, 5.0)
            else:
                found = await asyncio.wait_for(slope_in_turns(5.0), 30)
            z = y * v
        return found, float(z), float(tape.gradient(z, v))

    assert asyncio.run(main()) == (75.0, 27.0, 27.0)


def test_a_task_computes_at_once_while_its_parent_records():
    async def child():
        return (jt.constant(2.0) * 3.0)._value is not None

    async def main():
        with jt.GradientTape():
            jt.constant(1.0) * 2.0
            return await asyncio.create_task(child())

    assert asyncio.run(main())


def test_a_tensor_that_another_task_has_pending_can_be_read():
    async def child(y):
        await asyncio.sleep(0)
        return float(y * 2.0)

    async def main():
        v = jt.Variable(3.0)
        with jt.GradientTape() as tape:
            y = v * v
            found = await asyncio.create_task(child(y))
            z = y * v
        return found, float(tape.gradient(z, v))

    assert asyncio.run(main()) == (18.0, 27.0)


def test_a_copied_context_in_a_thread_is_a_stranger_too():
    v = jt.Variable(3.0)
    with jt.GradientTape() as tape:
        y = v * v
        context = contextvars.copy_context()
        assert in_a_thread(lambda: context.run(cubed_slope, 5.0)) == 75.0
        z = y * v
    assert float(tape.gradient(z, v)) == 27.0


def test_a_tape_opened_after_an_await_belongs_to_the_task():
    async def main():
        await asyncio.sleep(0)
        results = [await slope_in_turns(2.0)]
        results += await asyncio.gather(slope_in_turns(3.0), slope_in_turns(4.0))
        return results

    assert asyncio.run(main()) == [12.0, 27.0, 48.0]
    assert cubed_slope(5.0) == 75.0


def test_a_loop_that_is_run_inside_a_tape_is_not_covered_by_it():
    v, w = jt.Variable(3.0), jt.Variable(2.0)

    async def inside():
        return v * w

    with jt.GradientTape() as tape:
        y = v * v
        z = asyncio.run(inside())
        y = y * v
    assert float(z) == 6.0
    assert [None if g is None else float(g) for g in tape.gradient([y], [v, w])] == [
        27.0,
        None,
    ]
