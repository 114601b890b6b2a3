"""What a tape covers: pausing, resetting, entering again, asking again.

The docstrings name the tests of TensorFlow's `backprop_test.py` that demand the same.
"""

import gc
import weakref

import numpy as np
import pytest

import jaxtape as jt


def test_a_value_made_while_recording_is_stopped_has_no_gradient():
    """testTapeStopRecording"""
    x = jt.constant(3.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        with tape.stop_recording():
            y = x * x
    assert tape.gradient(y, x) is None


def test_later_operations_connect_through_those_before_the_stop():
    """testTapeStopStartRecording"""
    x = jt.constant(1.0)
    with jt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        double = x * 2
        with tape.stop_recording():
            y = double * double
        z = double * double
    assert tape.gradient(y, double) is None
    assert float(tape.gradient(z, double)) == 4.0
    assert float(tape.gradient(z, x)) == 8.0


def test_a_value_made_while_recording_is_stopped_is_a_constant_afterwards():
    x = jt.constant(3.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        with tape.stop_recording():
            square = x * x
        y = square * x
    assert float(tape.gradient(y, x)) == 9.0


def test_a_gradient_taken_while_recording_is_stopped_is_not_on_the_tape():
    x = jt.constant(3.0)
    with jt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x**3
        with tape.stop_recording():
            slope = tape.gradient(y, x)
    assert float(slope) == 27.0
    assert tape.gradient(slope, x) is None


def test_a_variable_read_while_recording_is_stopped_is_not_watched():
    v, w = jt.Variable(2.0), jt.Variable(3.0)
    with jt.GradientTape() as tape:
        with tape.stop_recording():
            a = v * v
        y = a * w
    assert tape.watched_variables() == (w,)
    assert (tape.gradient(y, [v, w])) == [None, 4.0]


def test_an_assignment_in_a_pause_is_seen_by_what_follows():
    v = jt.Variable(1.0)
    with jt.GradientTape() as tape:
        before = v * 1.0
        with tape.stop_recording():
            v.assign(-4.0)
            inside = before * v
        after = before * v
    assert (float(before), float(inside), float(after)) == (1.0, -4.0, -4.0)
    assert float(tape.gradient(after, v)) == 1.0 - 4.0


def test_an_assignment_after_the_block_is_seen_by_what_follows():
    v = jt.Variable(1.0)
    with jt.GradientTape() as tape:
        before = v * 1.0
    v.assign(-4.0)
    after = before * v
    assert (float(before), float(after)) == (1.0, -4.0)
    assert float(tape.gradient(before, v)) == 1.0


def test_a_gradient_may_be_taken_in_a_pause_after_a_read():
    v = jt.Variable(3.0)
    with jt.GradientTape() as tape:
        y = v * v
        with tape.stop_recording():
            value = float(y)
            gradient = tape.gradient(y, v)
    assert (value, float(gradient)) == (9.0, 6.0)


def test_what_is_called_outside_stays_outside_after_reads_and_gradients():
    v = jt.Variable(1.0)
    tape = jt.GradientTape(persistent=True)
    with tape:
        inside = v * 1.0
        float(inside)
        v.assign(3.0)
    outside = v * 1.0
    with tape:
        assert tape.gradient(outside, v) is None
        assert float(tape.gradient(inside, v)) == 1.0


def test_recording_goes_on_after_an_exception_in_a_pause():
    x = jt.constant(3.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(KeyError), tape.stop_recording():
            raise KeyError
        y = x * x
    assert float(tape.gradient(y, x)) == 6.0


def test_after_reset_only_later_operations_count():
    """testTapeReset"""
    v = jt.Variable(3.0)
    with jt.GradientTape() as tape:
        loss = v * v
        tape.reset()
        loss += v * v
    assert float(loss) == 18.0
    assert float(tape.gradient(loss, v)) == 6.0


@pytest.mark.parametrize("again", [lambda tape: None, lambda tape: tape.reset()])
def test_a_spent_tape_records_anew_when_it_is_entered_again(again):
    v = jt.Variable(3.0)
    tape = jt.GradientTape()
    with tape:
        y = v * v
    tape.gradient(y, v)
    again(tape)
    with tape:
        z = v**3
    assert float(tape.gradient(z, v)) == 27.0


def test_entering_again_goes_on_recording():
    """testGradientTapeReEnterContext"""
    x = jt.constant(3.0)
    tape = jt.GradientTape()
    with tape:
        tape.watch(x)
        y = 2 * x
    with tape:
        z = 2 * y
    assert tape.gradient(z, [x]) == [4.0]


def test_what_is_called_between_two_entries_is_not_recorded():
    """testGradientTapeReEnterContext: ops in between"""
    x = jt.constant(3.0)
    tape = jt.GradientTape()
    with tape:
        tape.watch(x)
        y = 2 * x
    between = y * y
    with tape:
        z = between + 5 * y
    assert float(z) == 36.0 + 30.0
    assert tape.gradient(z, [x]) == [10.0]


def test_what_is_called_after_the_tape_is_not_recorded():
    x = jt.constant(3.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    z = y * x
    assert tape.gradient(z, x) is None


@pytest.mark.parametrize("persistent", [False, True])
def test_the_gradient_may_be_taken_inside_the_block(persistent):
    """testGradientWithinTapeBlock"""
    v = jt.Variable(1.0)
    with jt.GradientTape(persistent=persistent) as tape:
        loss = 2 * v
        gradient = tape.gradient(loss, v)
    assert float(gradient) == 2.0


def test_the_block_goes_on_after_the_gradient_was_taken_in_it():
    v = jt.Variable(3.0)
    with jt.GradientTape() as tape:
        gradient = tape.gradient(v * v, v)
        v.assign_sub(0.5 * gradient)
    assert (float(v), float(gradient)) == (0.0, 6.0)


def test_a_persistent_tape_answers_again():
    """testPersistentTape"""
    x = jt.constant(3.0)
    with jt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = y * y
    assert [float(tape.gradient(t, x)) for t in (z, y, z)] == [108.0, 6.0, 108.0]


def test_a_persistent_tape_answers_as_often_as_it_is_asked():
    x = jt.constant(3.0)
    with jt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        targets = [float(i) * x * x for i in range(30)]
    found = [float(tape.gradient(target, x)) for target in targets]
    assert found == [6.0 * i for i in range(30)]


def test_a_variable_has_its_gradient():
    """testGradientTapeVariable"""
    v = jt.Variable(1.0)
    with jt.GradientTape() as tape:
        y = v * v
    assert tape.gradient(y, [v]) == [2.0]


def test_reading_values_inside_the_block_changes_no_gradient():
    x = jt.constant([1.0, 2.0, 3.0])
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        assert float(y[0]) == 1.0
        z = y * x
        assert z.numpy().sum() == 36.0
        loss = jt.reduce_sum(z)
    np.testing.assert_allclose(tape.gradient(loss, x), [3.0, 12.0, 27.0])


@pytest.mark.parametrize("num_reads", [0, 1, 3, 5, 12])
def test_any_number_of_reads_leaves_the_gradient_whole(num_reads):
    v, total = jt.Variable(2.0), jt.constant(0.0)
    with jt.GradientTape() as tape:
        for _ in range(num_reads):
            total = total * v + v
            float(total)
        total = total * v + v
    degrees = np.arange(1, num_reads + 2)  # v + v^2 + ... + v^(num_reads + 1)
    expected = np.sum(degrees * 2.0 ** (degrees - 1))
    assert float(tape.gradient(total, v)) == pytest.approx(expected, rel=1e-6)


def test_an_exception_leaves_no_active_tape():
    """testExceptionSafety"""
    v, broken = jt.Variable(3.0), jt.GradientTape()

    def step():
        with broken:
            return v * v + {}  # a TypeError in the block

    with pytest.raises(TypeError):
        step()
    _ = v * v
    with broken, jt.GradientTape() as tape:
        y = v**3
    assert float(tape.gradient(y, v)) == 27.0


def test_a_tape_keeps_no_tensor_alive():
    """testTapeNoOpGradient2By2: no leaked tensors"""
    v = jt.Variable(np.ones((2, 2), np.float32))
    with jt.GradientTape(persistent=True) as tape:
        y = v * v
        z = y * v
    tape.gradient(z, v)
    handles = [weakref.ref(y), weakref.ref(z)]
    del y, z, tape
    gc.collect()
    assert [handle() for handle in handles] == [None, None]


def test_a_dropped_tape_is_collected():
    v = jt.Variable(3.0)
    with jt.GradientTape() as tape:
        y = v * v
        float(y)
        z = y * v
    tape.gradient(z, v)
    dropped = weakref.ref(tape)
    del tape
    gc.collect()
    assert dropped() is None
