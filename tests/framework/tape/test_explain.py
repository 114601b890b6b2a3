"""`tape.explain`: why a gradient is `None`, where, and what to do about it."""

import re

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.errors import JaxtapeError
from jaxtape.framework.recording import slots
from tests.code_line import line


def parameter(name="w"):
    return jt.Variable(np.ones(3, np.float32), name=name)


def test_a_connected_source_is_shown_with_its_path():
    v = parameter()
    with jt.GradientTape() as tape:
        y, first = jt.square(v), line()
        loss, second = jt.reduce_sum(y), line()
    assert tape.explain(loss, v) == (
        "The gradient of a Tensor of float32[] by Variable 'w' (float32[3]) is "
        f"connected: square at {first} -> reduce_sum at {second}."
    )


def test_a_long_path_is_shown_without_its_middle():
    x = jt.constant(1.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = x
        for _ in range(50):
            y = jt.sin(y)
    assert re.search(r"(sin at \S+ -> ){3}\.\.\. 44 more", tape.explain(y, x))


def test_a_target_that_is_the_source_is_connected():
    x = jt.constant(1.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        x * 2.0
    assert "is connected: the target is the source" in tape.explain(x, x)


@pytest.mark.parametrize("name", ["stop_gradient", "argmax", "round", "floor"])
def test_an_op_without_derivative_is_named(name):
    v = parameter()
    with jt.GradientTape() as tape:
        cut, where = getattr(jt, name)(v * 2.0), line()
        y = jt.reduce_sum(cut * v[0])
        z = jt.cast(cut, "float32") * 2.0
    said = rf"crosses {name}, at {re.escape(where)}, which lets no gradient through"
    assert re.search(said, tape.explain(z, v))
    assert "is connected" in tape.explain(y, v)  # by the other factor


@pytest.mark.parametrize("compare", [jt.greater, jt.equal, jt.less_equal])
def test_a_comparison_is_named(compare):
    v = parameter()
    with jt.GradientTape() as tape:
        y, where = compare(v, 0.5), line()
        loss = jt.reduce_sum(jt.cast(y, "float32"))
    assert f"{compare.__name__}, at {where}," in tape.explain(loss, v)


def test_a_cast_to_an_integer_is_named():
    v = parameter()
    with jt.GradientTape() as tape:
        y, where = jt.cast(v, "int32"), line()
        loss = jt.reduce_sum(jt.cast(y, "float32"))
    said = f"the path crosses cast, at {where}, whose result has dtype int32: integers"
    assert said in tape.explain(loss, v)


def test_every_stop_on_the_path_is_named_and_the_path_with_the_fewest_is_taken():
    v = parameter()
    with jt.GradientTape() as tape:
        y, first = jt.stop_gradient(v), line()
        a, second = jt.round(y), line()
        b = jt.stop_gradient(jt.floor(jt.round(y)))
        loss = jt.reduce_sum(a + b)
    said = tape.explain(loss, v)
    assert said.index(first) < said.index(
        f"After that, the path crosses round, at {second}"
    )
    assert "floor" not in said


def test_an_integer_source():
    n = jt.Variable(3)
    with jt.GradientTape() as tape:
        y = jt.cast(n, "float32") * 2.0
    assert "the source has dtype int32" in tape.explain(y, n)


def test_an_integer_target():
    v = parameter()
    with jt.GradientTape() as tape:
        y = jt.cast(v, "int32")
    assert "the target has dtype int32" in tape.explain(y, v)


def test_a_tensor_that_was_never_watched():
    x = jt.constant([1.0, 2.0])
    with jt.GradientTape() as tape:
        y, where = jt.square(x), line()
    said = tape.explain(y, x)
    assert f"nothing watches it where it is used by square, at {where}" in said
    assert "Call tape.watch(x) inside the tape" in said


def test_a_result_of_nothing_watched():
    x = jt.constant([1.0, 2.0])
    with jt.GradientTape() as tape:
        y, where = jt.square(x), line()
        z = y * 2.0
    said = tape.explain(z, y)
    assert f"it was computed by square, at {where} from nothing that the" in said


def test_a_variable_that_is_not_trainable():
    v = jt.Variable(1.0, trainable=False)
    with jt.GradientTape() as tape:
        y, where = jt.square(v), line()
    said = "the variable is not trainable, so nothing watches it where it is used by "
    assert f"{said}square, at {where}" in tape.explain(y, v)


def test_a_tape_that_watches_no_variables():
    v = jt.Variable(1.0)
    with jt.GradientTape(watch_accessed_variables=False) as tape:
        y, where = jt.square(v), line()
    said = tape.explain(y, v)
    why = "the tape was made with watch_accessed_variables=False, so nothing watches it"
    assert f"{why} where it is used by square, at {where}" in said


def test_a_value_that_was_used_before_it_was_watched():
    x = jt.constant(3.0)
    with jt.GradientTape() as tape:
        y, where = x * x, line()
        tape.watch(x)
        z = y + 1.0
        tape.watch(y)
    said = f"used by multiply, at {where} before it was watched, and a watch counts"
    assert said in tape.explain(z, x)
    assert "Call tape.watch(x) before that line" in tape.explain(z, x)


def test_calls_before_the_tape_under_stop_recording_and_after_it():
    v = parameter()
    with jt.GradientTape() as tape:
        a = v * 2.0
        pause = line(+1)
        with tape.stop_recording():
            b, paused = a * 3.0, line()
        c = b * 4.0
    d, after = a * 5.0, line()
    said = (
        f"multiply, at {paused} was called under stop_recording(), entered at {pause}"
    )
    assert said in tape.explain(c, v)
    assert f"multiply, at {after} was called after the tape was left" in tape.explain(
        d, v
    )


def test_what_was_computed_at_once_under_stop_recording():
    x = jt.constant(2.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        pause = line(+1)
        with tape.stop_recording():
            y = x * x  # nothing is pending, so that it runs at once
        z, where = y * 3.0, line()
    said = tape.explain(z, x)
    assert "the target does not depend on it" in said
    assert f"computed from a Tensor of float32[] at {where}" in said
    assert f"under stop_recording(), entered at {pause}, is a constant" in said


def test_calls_before_a_tape_that_was_entered_later():
    v = parameter()
    with jt.GradientTape():
        a, where = v * 2.0, line()
        with jt.GradientTape() as inner:
            b = a * 3.0
    said = f"multiply, at {where} was called before the tape was entered"
    assert said in inner.explain(b, v)


def test_calls_between_two_blocks_of_a_tape():
    v = parameter()
    with jt.GradientTape():
        tape = jt.GradientTape(persistent=True)
        with tape:
            a = v * 2.0
        b, where = a * 3.0, line()
        with tape:
            c = b * 4.0
    said = f"multiply, at {where} was called between two `with` blocks of the tape"
    assert said in tape.explain(c, v)


def test_a_tape_that_was_reset():
    v = parameter()
    with jt.GradientTape() as tape:
        a, where = v * 2.0, line()
        tape.reset()
        reset = line(-1)
        b = a * 3.0
    said = f"multiply, at {where} was called before tape.reset() at {reset}, which"
    assert said in tape.explain(b, v)


def test_an_assignment_cuts_the_derivative():
    v, w = parameter("v"), parameter("w")
    with jt.GradientTape() as tape:
        v.assign(2.0 * w)
        where = line(-1)
        y = jt.reduce_sum(v * 3.0)
    said = tape.explain(y, w)
    assert f"crosses assign, at {where}: nothing is differentiated through an" in said
    assert "is connected" in tape.explain(y, v)


@pytest.mark.parametrize(
    "read",
    [lambda h: h.numpy(), np.asarray, lambda h: [float(n) for n in h], np.array],
)
def test_a_value_that_left_through_numpy(read):
    v = parameter()
    with jt.GradientTape() as tape:
        loss = jt.reduce_sum(jt.constant(read(v * 2.0)) * 3.0)
    said = tape.explain(loss, v)
    assert "no recorded call leads from it to the target" in said
    assert re.search(rf"was read at {__file__}:\d+.*, and .* is a new constant", said)


def test_the_line_of_a_read_is_the_one_that_read():
    v = parameter()
    with jt.GradientTape() as tape:
        values, where = np.asarray(v * 2.0), line()
        loss = jt.reduce_sum(jt.constant(values))
        float(loss)  # is read as well, and has nothing to do with it
    said = tape.explain(loss, v)
    assert f"was read at {where}, and" in said
    assert "jt.numpy has NumPy's functions" in said


def test_a_variable_that_left_through_numpy():
    v = parameter()
    with jt.GradientTape() as tape:
        loss, where = jt.reduce_sum(jt.constant(v.numpy())), line()
    assert f"was read at {where}, and" in tape.explain(loss, v)


def test_a_target_of_numpy_alone():
    v = parameter()
    with jt.GradientTape() as tape:
        total, where = float(jt.reduce_sum(v * v)), line()
        loss = jt.constant(total)
    said = tape.explain(loss, v)
    assert "the target was not computed on this tape" in said
    assert where in said


def test_a_target_from_before_the_tape():
    x = jt.constant(2.0)
    y = x * x
    with jt.GradientTape() as tape:
        tape.watch(x)
        x * 3.0
    assert "the target was not computed on this tape" in tape.explain(y, x)


def test_a_target_of_another_tape_is_named_with_its_line():
    v = parameter()
    with jt.GradientTape() as first:
        y, where = jt.square(v), line()
    float(first.gradient(y, v)[0])
    with jt.GradientTape() as second:
        jt.sin(v)
    said = f"the target was not computed on this tape, but by square, at {where}"
    assert said in second.explain(y, v)


def test_a_target_that_does_not_depend_on_the_source():
    v, w = parameter("v"), parameter("w")
    with jt.GradientTape() as tape:
        _, used = jt.sin(v), line()
        y, where = jt.reduce_sum(w), line()
    said = tape.explain(y, v)
    assert f"does not depend on it: it is used by sin, at {used}, from where no" in said
    assert f"computed from Variable 'w' (float32[3]) at {where}" in said


def test_a_source_that_no_call_takes():
    v, w = parameter("v"), parameter("w")
    with jt.GradientTape() as tape:
        y = jt.reduce_sum(w)
    assert "no call that the tape knows takes it" in tape.explain(y, v)


def test_a_derivative_that_is_constant():
    x = jt.constant(2.0)
    with jt.GradientTape() as outer:
        outer.watch(x)
        with jt.GradientTape() as inner:
            inner.watch(x)
            y = 3.0 * x
        slope, where = inner.gradient(y, x), line()
    said = f"crosses a derivative taken at {where}, and that derivative does not depend"
    assert said in outer.explain(slope, x)


def test_a_derivative_outside_of_the_outer_tape():
    x = jt.constant(2.0)
    with jt.GradientTape() as outer:
        outer.watch(x)
        with jt.GradientTape() as inner:
            inner.watch(x)
            y = x * x * x
    slope, where = inner.gradient(y, x), line()
    said = f"a derivative taken at {where} was called after the tape was left"
    assert said in outer.explain(slope, x)


def test_structures_are_explained_pair_by_pair():
    v, w = parameter("v"), parameter("w")
    with jt.GradientTape() as tape:
        a, b = v * 2.0, w * 3.0
    lines = tape.explain({"a": a, "b": b}, [v, w]).split("\n")
    found = [bool(re.search("is connected", said)) for said in lines]
    assert found == [True, False, False, True]


@pytest.mark.parametrize(("target", "source"), [(1.0, None), (None, np.ones(2))])
def test_what_is_no_tensor_is_refused(target, source):
    v = parameter()
    with jt.GradientTape() as tape:
        y = v * 2.0
    given = type(source if target is None else target).__name__
    with pytest.raises(JaxtapeError, match=rf"explain\(\) expected .*; got {given}"):
        tape.explain(y if target is None else target, v if source is None else source)


def test_explaining_computes_nothing():
    v = parameter()
    with jt.GradientTape() as tape:
        y = jt.reduce_sum(jt.stop_gradient(v))
    tape.explain(y, v), str(tape), tape.to_mermaid()
    assert y._value is None


# The same at every age of a tape


def stopped(persistent, reads):
    """A tape with a stop between `v` and the loss, and a way to it from `w`."""
    v, w = parameter("v"), parameter("w")
    with jt.GradientTape(persistent=persistent) as tape:
        h = v * 2.0
        if reads:
            h.numpy()
        cut, where = jt.stop_gradient(h), line()
        if reads:
            cut.numpy()
        loss = jt.reduce_sum(cut * w)
    return tape, loss, v, w, where


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("reads", [False, True])
def test_it_says_the_same_before_and_after_the_gradient(persistent, reads):
    tape, loss, v, w, where = stopped(persistent, reads)
    said = tape.explain(loss, [v, w])
    assert f"crosses stop_gradient, at {where}," in said
    assert said.count("is connected") == 1
    gradients = tape.gradient(loss, [v, w])
    assert tape.explain(loss, [v, w]) == said
    gradients[1].numpy()
    assert tape.explain(loss, [v, w]) == said


def test_it_says_the_same_after_many_reads():
    """More of them than are merged into one program."""
    v = parameter()
    with jt.GradientTape() as tape:
        h = v * 2.0
        for _ in range(8):
            h = h + 1.0
            h.numpy()
        cut, where = jt.stop_gradient(h), line()
        loss = jt.reduce_sum(cut)
    said = tape.explain([loss, h], v)
    assert f"crosses stop_gradient, at {where}," in said
    assert said.count("is connected") == 1
    assert tape.gradient([loss, h], v) is not None
    assert tape.explain([loss, h], v) == said


def test_a_spent_tape_explains_when_other_steps_have_followed():
    tape, loss, v, w, where = stopped(False, False)
    said = tape.explain(loss, [v, w])
    optimizer = jt.optimizers.SGD(0.5)
    optimizer.apply_gradients([(tape.gradient(loss, w), w)])
    for _ in range(3):
        with jt.GradientTape() as other:
            y = jt.reduce_sum(v * w) + loss
        optimizer.apply_gradients([(other.gradient(y, v), v)])
    assert tape.explain(loss, [v, w]) == said
    assert where in said


def test_a_spent_tape_says_when_it_knows_a_tensor_no_more():
    x = jt.constant(2.0)
    with jt.GradientTape() as tape:
        tape.watch(x)
        h = jt.square(x)
        y = jt.sin(h)
    float(tape.gradient(y, x))
    with jt.GradientTape():
        h * 2.0  # takes the Tensor with it
    said = tape.explain(y, h)
    assert "does not know this Tensor any more" in said
    assert "is connected" in tape.explain(y, x)


# Lines of loops with the same structure


def slope_here(v):
    with jt.GradientTape() as tape:
        y, where = jt.stop_gradient(v * 5.0), line()
    return tape.explain(y, v), where


def slope_there(v):
    with jt.GradientTape() as tape:
        y, where = jt.stop_gradient(v * 5.0), line()
    return tape.explain(y, v), where


def test_two_loops_of_the_same_structure_name_their_own_lines():
    v = parameter()
    for slope in (slope_here, slope_there, slope_here, slope_there):
        said, where = slope(v)
        assert where in said


def explained(function, v):
    with jt.GradientTape() as tape:
        y = function(v)
    return tape.explain(y, v)


def test_one_loop_over_two_functions_names_the_lines_of_both():
    def one(v):
        return jt.stop_gradient(v * 7.0), line()

    def other(v):
        return jt.stop_gradient(v * 7.0), line()

    wheres = []

    def called(function):
        def call(v):
            y, where = function(v)
            wheres.append(where)
            return y

        return call

    v = parameter()
    first = explained(called(one), v)
    second = explained(called(other), v)
    assert (wheres[0] in first, wheres[1] in second) == (True, True)


def test_lines_after_two_reads_in_one_block_are_told_apart():
    v = parameter()
    with jt.GradientTape() as tape:
        h = v * 2.0
        float(h[0])
        a, first = jt.stop_gradient(h), line()
        float(h[0])
        b, second = jt.stop_gradient(h), line()
    assert first in tape.explain(a, v)
    assert second in tape.explain(b, v)


def test_loops_of_one_structure_share_what_is_known_of_it():
    v = parameter()
    slope_here(v)
    jt.sync()
    before = len(slots.slots._by_key)
    for slope in (slope_there, slope_here):
        slope(v)
        jt.sync()
    assert len(slots.slots._by_key) == before


# Against the gradients themselves


class _Program:
    """Random calls under a tape, with the values made so far."""

    def __init__(self, seed):
        self.draw = np.random.default_rng(seed)
        self.sources = [
            *(parameter(name) for name in "abc"),
            jt.Variable(np.ones(3, np.float32), trainable=False, name="d"),
            jt.constant(np.ones(3, np.float32)),
        ]
        self.values = list(self.sources)

    def take(self):
        """A value of those made so far, the last ones more often."""
        return self.values[-1 - int(self.draw.exponential(4)) % len(self.values)]

    def call(self, tape):
        """One call, read, assignment, watch or pause."""
        x, y = self.take(), self.take()
        what = self.draw.integers(14)
        if what < 4:
            self.values.append([jt.add, jt.multiply][what % 2](x, y))
        elif what < 6:
            self.values.append([jt.sin, jt.square][what % 2](x))
        elif what == 6:
            self.values.append(jt.stop_gradient(x))
        elif what == 7:
            self.values.append(jt.cast(jt.cast(x, "int32"), "float32"))
        elif what == 8:
            x.numpy()
        elif what == 9:
            self.sources[self.draw.integers(4)].assign(y)
        elif what == 10:
            tape.watch(x)
        elif what == 11:
            with tape.stop_recording():
                self.values.append(x * y)
        else:
            with jt.GradientTape() as inner:
                inner.watch(x)
                z = jt.sin(x) * y if what == 12 else x * y
            self.values.append(inner.gradient(z, x))


@pytest.mark.parametrize("seed", range(12))
def test_it_says_connected_where_there_is_a_gradient_and_only_there(seed):
    program = _Program(seed)
    with jt.GradientTape(persistent=seed % 2 == 0) as tape:
        for _ in range(14):
            program.call(tape)
    target = program.values[-1]
    sources = [v for v in program.values if v is not target][:12]
    expected = tape.explain(target, sources).split("\n")
    gradients = tape.gradient(target, sources)
    after = tape.explain(target, sources).split("\n")
    found = [gradient is not None for gradient in gradients]
    assert ["is connected" in said for said in expected] == found
    assert ["is connected" in said for said in after] == found
