"""Random programs against a reference: the row B2, and the same for gradients.

The reference of the values is NumPy; that of the gradients is a graph of Python
floats, whose derivatives are again such graphs. Ten thousand programs are marked
`slow`.
"""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    rule,
    run_state_machine_as_test,
)

import jaxtape as jt

EVERYDAY = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
FULL = settings(EVERYDAY, max_examples=10_000, derandomize=False)
LARGEST = 2.0**20  # sums and products of smaller integers are exact in float32

small = st.integers(-4, 4).map(float)
which = st.integers(0, 2)


class Values(RuleBasedStateMachine):
    """Reads, assigns and arithmetic in any order; every value is NumPy's."""

    tensors = Bundle("tensors")

    @initialize(mode=st.sampled_from(["auto", "op_by_op"]))
    def start(self, mode):
        jt.config.execution(mode)
        self.expected = [np.float32([i, -i]) for i in range(3)]
        self.variables = [jt.Variable(x) for x in self.expected]
        self.tapes = []

    def teardown(self):
        for tape in reversed(getattr(self, "tapes", [])):
            tape.__exit__(None, None, None)
        jt.sync()
        jt.config.execution("auto")

    @rule(target=tensors, i=which)
    def read(self, i):
        return self.variables[i].read_value(), self.expected[i].copy()

    @rule(target=tensors, i=which, part=st.sampled_from([0, -1, slice(None, None, -1)]))
    def read_part(self, i, part):
        return self.variables[i][part] + jt.zeros(2), self.expected[i][part] + [0, 0]

    @rule(target=tensors, a=tensors, b=tensors, name=st.sampled_from("+-*"))
    def combine(self, a, b, name):
        compute = {"+": "__add__", "-": "__sub__", "*": "__mul__"}[name]
        expected = getattr(a[1], compute)(b[1])
        assume(np.abs(expected).max() < LARGEST)
        return getattr(a[0], compute)(b[0]), expected

    @rule(target=tensors, i=which, a=tensors)
    def combine_with_variable(self, i, a):
        expected = self.expected[i] * 2 + a[1]
        assume(np.abs(expected).max() < LARGEST)
        return self.variables[i] * 2 + a[0], expected

    @rule(target=tensors, i=which, a=tensors)
    def assign(self, i, a):
        self.expected[i] = a[1].astype(np.float32)
        return self.variables[i].assign(a[0]), a[1]

    @rule(i=which, a=tensors, sign=st.sampled_from([1, -1]))
    def assign_more(self, i, a, sign):
        expected = self.expected[i] + sign * a[1]
        assume(np.abs(expected).max() < LARGEST)
        update = "assign_add" if sign == 1 else "assign_sub"
        getattr(self.variables[i], update)(a[0])
        self.expected[i] = expected

    @rule(i=which, j=which)
    def assign_variable(self, i, j):
        self.variables[i].assign(self.variables[j])
        self.expected[i] = self.expected[j].copy()

    @rule(i=which, at=st.integers(-2, 1), value=small)
    def assign_part(self, i, at, value):
        self.variables[i][at].assign(value)
        self.expected[i] = self.expected[i].copy()
        self.expected[i][at] = value

    @rule(a=tensors)
    def check(self, a):
        np.testing.assert_array_equal(a[0].numpy(), a[1])

    @rule(i=which)
    def check_variable(self, i):
        np.testing.assert_array_equal(self.variables[i].numpy(), self.expected[i])

    @rule(a=consumes(tensors))
    def forget(self, a):
        pass

    @rule()
    def enter_a_tape(self):
        assume(len(self.tapes) < 3)
        self.tapes.append(jt.GradientTape(persistent=True).__enter__())

    @rule()
    def leave_a_tape(self):
        assume(self.tapes)
        self.tapes.pop().__exit__(None, None, None)

    @rule()
    def sync(self):
        jt.sync()


class Number:
    """A value of the reference, and how it came about on the tape."""

    clock = itertools.count()

    def __init__(self, value, edges=()):
        self.value = value
        self.edges = list(edges)
        self.is_connected = bool(edges)
        self.born = next(self.clock)


class Reference:
    """A tape over Python floats: edges lead to the inputs, with partial derivatives."""

    def __init__(self):
        self.is_recording = True
        self.numbers = []

    def number(self, value, edges=()):
        made = Number(value, edges if self.is_recording else ())
        self.numbers.append(made)
        return made

    def _call(self, value, *partials):
        return self.number(value, [(x, p) for x, p in partials if x.is_connected])

    def read(self, variable):
        return self.number(variable.value, [(variable, self.number(1.0))])

    def add(self, a, b):
        one = Number(1.0)
        return self._call(a.value + b.value, (a, one), (b, one))

    def multiply(self, a, b):
        return self._call(a.value * b.value, (a, b), (b, a))

    def reset(self):
        for number in self.numbers:
            number.edges, number.is_connected = [], False

    def gradient(self, target, sources):
        """One Number for each source, or None."""
        parts = {target: self.number(1.0)}
        for node in sorted(reached_from(target), key=lambda n: -n.born):
            for source, partial in node.edges:
                part = self.multiply(parts[node], partial)
                held = parts.get(source)
                parts[source] = part if held is None else self.add(held, part)
        return [parts.get(s) if s.is_connected else None for s in sources]


def reached_from(target):
    found, left = {target}, [target]
    while left:
        for source, _ in left.pop().edges:
            if source not in found:
                found.add(source)
                left.append(source)
    return found


class Gradients(RuleBasedStateMachine):
    """One persistent tape: pauses, resets, reads, assigns, gradients of gradients."""

    tensors = Bundle("tensors")

    @initialize(mode=st.sampled_from(["auto", "op_by_op"]))
    def start(self, mode):
        jt.config.execution(mode)
        self.tape = jt.GradientTape(persistent=True)
        self.tape.__enter__()
        self.is_inside, self.pauses, self.num_gradients = True, [], 0
        self.reference = Reference()
        self.variables = [jt.Variable(float(i + 1)) for i in range(3)]
        self.expected = [Number(float(i + 1)) for i in range(3)]
        for variable in self.expected:
            variable.is_connected = True

    def teardown(self):
        if getattr(self, "pauses", None):
            self.pauses.pop().__exit__(None, None, None)
        if getattr(self, "is_inside", False):
            self.tape.__exit__(None, None, None)
        jt.sync()
        jt.config.execution("auto")

    def _note(self):
        self.reference.is_recording = self.is_inside and not self.pauses

    @rule(target=tensors, i=which)
    def read(self, i):
        return self.variables[i] * 1.0, self.reference.read(self.expected[i])

    @rule(target=tensors, value=small)
    def constant(self, value):
        return jt.constant(value), self.reference.number(value)

    @rule(target=tensors, a=tensors, b=tensors)
    def add(self, a, b):
        return a[0] + b[0], self.reference.add(a[1], b[1])

    @rule(target=tensors, a=tensors, b=tensors)
    def multiply(self, a, b):
        assume(abs(a[1].value * b[1].value) < 1e4)
        return a[0] * b[0], self.reference.multiply(a[1], b[1])

    @rule(target=tensors, a=tensors, i=which)
    def multiply_by_variable(self, a, i):
        read = self.reference.read(self.expected[i])
        assume(abs(a[1].value * read.value) < 1e4)
        return a[0] * self.variables[i], self.reference.multiply(a[1], read)

    @rule(target=tensors, a=tensors)
    def stop_gradient(self, a):
        return jt.stop_gradient(a[0]), self.reference.number(a[1].value)

    @rule(i=which, value=small)
    def assign(self, i, value):
        self.variables[i].assign(value)
        self.expected[i].value = value

    @rule(a=tensors)
    def watch(self, a):
        self.tape.watch(a[0])
        a[1].is_connected = True

    @rule(a=tensors)
    def check(self, a):
        assert float(a[0]) == pytest.approx(a[1].value, rel=1e-5, abs=1e-5)

    @rule(a=consumes(tensors))
    def forget(self, a):
        pass

    @rule()
    def pause_or_resume(self):
        assume(self.is_inside)
        if self.pauses:
            self.pauses.pop().__exit__(None, None, None)
        else:
            self.pauses.append(self.tape.stop_recording())
            self.pauses[-1].__enter__()
        self._note()

    @rule()
    def leave_or_enter(self):
        assume(not self.pauses)
        if self.is_inside:
            self.tape.__exit__(None, None, None)
        else:
            self.tape.__enter__()
        self.is_inside = not self.is_inside
        self._note()

    @rule()
    def reset(self):
        assume(not self.pauses)
        self.tape.reset()
        self.reference.reset()

    @rule(target=tensors, a=tensors, b=tensors, is_read=st.booleans())
    def gradient(self, a, b, is_read):
        handles = [*self.variables, b[0]]
        found = self.tape.gradient(a[0], handles)
        expected = self.reference.gradient(a[1], [*self.expected, b[1]])
        if a[0] is b[0] and expected[-1] is None:  # by itself, watched or not
            expected[-1] = self.reference.number(1.0)
        self.num_gradients += 1
        agree(found, expected, is_read, self.num_gradients > 1)
        return next(
            (
                (f, e)
                for f, e in zip(found, expected, strict=True)
                if f is not None and e
            ),
            (jt.constant(0.0), self.reference.number(0.0)),
        )


def agree(found, expected, is_read, may_be_zero):
    """Whether gradients are as expected, and their values too if they are read.

    A derivative of a derivative may be 0.0 where the reference has None: a gradient by
    several sources is one op, connected to whatever any of its results depends on.
    """
    for mine, theirs in zip(found, expected, strict=True):
        if theirs is None:
            assert mine is None or (may_be_zero and float(mine) == 0)
        else:
            assert mine is not None
            if is_read:
                assert float(mine) == pytest.approx(theirs.value, rel=1e-4, abs=1e-4)


# Pauses and gradients outside a persistent tape that was read before: still open.
MACHINES = pytest.mark.parametrize("machine", [Values, Gradients])


@MACHINES
def test_b2_random_programs_agree_with_the_reference(machine):
    run_state_machine_as_test(machine, settings=EVERYDAY)


@pytest.mark.full
@MACHINES
def test_b2_ten_thousand_random_programs_agree_with_the_reference(machine):
    run_state_machine_as_test(machine, settings=FULL)
