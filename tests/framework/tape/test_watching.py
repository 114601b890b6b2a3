"""Which values a tape follows: watched by it, or told to.

The docstrings name the tests of TensorFlow's `backprop_test.py` that demand the same.
"""

import jaxtape as jt


def test_reset_forgets_what_was_watched():
    x = jt.constant(3.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        tape.reset()
        y = x * x
    assert tape.gradient(y, x) is None


def test_watching_after_use_counts_from_there():
    x = jt.constant(3.0)
    with jt.GradientTape() as tape:
        square = x * x
        tape.watch(x)
        y = square + 5 * x
    assert float(tape.gradient(y, x)) == 5.0


def test_watching_twice_counts_from_the_first_time():
    x = jt.constant(3.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        square = x * x
        tape.watch(x)
        y = square + x
    assert float(tape.gradient(y, x)) == 7.0


def test_watching_what_is_watched_already_changes_nothing():
    v = jt.Variable(3.0)
    with jt.GradientTape(persistent=True) as tape:
        square = v * v
        y = square * 2
        tape.watch([v, square])
        z = y + v
    assert tape.gradient(z, [v, square]) == [13.0, 2.0]


def test_an_unwatched_constant_has_no_gradient():
    x = jt.constant(3.0)
    with jt.GradientTape() as tape:
        y = x * x
    assert tape.gradient(y, x) is None


def test_watch_takes_nested_structures():
    x, y = jt.constant(3.0), jt.constant(4.0)
    with jt.GradientTape() as tape:
        tape.watch({"a": [x], "b": (y,)})
        z = x * y
    assert tape.gradient(z, (x, y)) == (4.0, 3.0)


def test_variables_are_watched_when_they_are_read():
    """testAutomaticWatchedVariables"""
    v = jt.Variable(1.0)
    with jt.GradientTape() as tape:
        before = len(tape.watched_variables())
        _ = v + v
        after = tape.watched_variables()
        tape.reset()
        assert (before, after, tape.watched_variables()) == (0, (v,), ())
        _ = v * 2
        assert tape.watched_variables() == (v,)


def test_variables_are_watched_when_told():
    """testExplicitWatchedVariables"""
    v = jt.Variable(1.0, trainable=False)
    with jt.GradientTape() as tape:
        before = len(tape.watched_variables())
        tape.watch(v)
        after = tape.watched_variables()
        tape.reset()
        assert (before, after, tape.watched_variables()) == (0, (v,), ())


def test_a_variable_is_watched_once_and_in_the_order_of_reading():
    v, w = jt.Variable(1.0), jt.Variable(2.0)
    with jt.GradientTape() as tape:
        _ = w * v * w + v
    assert [id(x) for x in tape.watched_variables()] == [id(w), id(v)]


def test_watched_variables_survive_the_gradient():
    """testWatchedVariablesAfterNonPersistentGradientCall"""
    v = jt.Variable(1.0)
    with jt.GradientTape() as tape:
        y = v * v
    tape.gradient(y, v)
    assert [id(x) for x in tape.watched_variables()] == [id(v)]


def test_watched_variables_are_those_of_one_tape():
    """testWatchedVariablesOnlyHasVariablesFromLastTape"""
    v, w = jt.Variable(1.0), jt.Variable(2.0)
    with jt.GradientTape() as first:
        y = v * v
    first.gradient(y, v)
    with jt.GradientTape() as last:
        z = w * w
    last.gradient(z, w)
    assert [id(x) for x in last.watched_variables()] == [id(w)]


def test_reset_clears_the_watched_variables():
    """testWatchedVariablesRespectReset"""
    v, w = jt.Variable(1.0), jt.Variable(2.0)
    with jt.GradientTape() as tape:
        _ = v * v
        first = tape.watched_variables()
        tape.reset()
        z = w * w
    tape.gradient(z, w)
    assert (first, tape.watched_variables()) == ((v,), (w,))


def test_only_selected_variables_are_watched():
    """testSelectivelyWatchVariables"""
    v, w = jt.Variable(2.0), jt.Variable(3.0)
    with jt.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(w)
        y = v * v + w * w
    watched = tape.watched_variables()
    assert (type(watched), [id(x) for x in watched]) == (tuple, [id(w)])
    assert tape.gradient(y, [v, w]) == [None, 6.0]


def test_a_variable_that_is_not_trainable_is_not_watched():
    v = jt.Variable(2.0, trainable=False)
    with jt.GradientTape() as tape:
        y = v * v
    assert tape.watched_variables() == ()
    assert tape.gradient(y, v) is None


def test_a_gradient_taken_later_reads_no_variable():
    """TensorFlow 2.21: None, since `later` covers no read of v."""
    v = jt.Variable(3.0)
    with jt.GradientTape() as tape:
        y = v * v * v
    with jt.GradientTape() as later:
        slope = tape.gradient(y, v)
    assert float(slope) == 27.0
    assert later.gradient(slope, v) is None
