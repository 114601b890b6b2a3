"""Random programs: as plain Python, and as one `jt.function`, three calls in a row.

A program assigns small variables, which share a home, and large ones; takes steps of
optimizers; reads, draws, and calls other programs: as functions, in branches and in
loops. Plain Python's `if` and `for` say what branches and loops must compute.
"""

import random

import numpy as np
import pytest

import jaxtape as jt
from tests.conftest import TOLERANCE

SHAPES = [(2,), (), (2, 2), (2,), (70, 70), (70, 70)]
"""The last two have more elements than what shares a home, 4,096."""
ELEMENTS = [0.3, -0.2, 0.1]
SIMPLE = ("assign", "assign_add", "step", "read", "draw")
NESTED = ("function", "plain", "cond", "while_loop", "scan")


def made(rng, longest, depth=0):
    """A program: a list of `(kind, places of variables, number, inner program)`."""
    kinds = SIMPLE if depth == 2 else (*SIMPLE, *NESTED, "step")
    length = rng.randint(2, longest)
    return [statement(rng, rng.choice(kinds), longest, depth) for _ in range(length)]


def statement(rng, kind, longest, depth):
    places = rng.sample(range(len(SHAPES)), rng.randint(1, 4))
    inner = made(rng, longest, depth + 1) if kind in NESTED else []
    return kind, tuple(places), round(rng.uniform(-1.0, 1.0), 2), inner


def program_of(seed):
    """The first hundred are short ones."""
    return made(random.Random(seed), longest=3 if seed < 100 else 5)


def written(program, depth=0):
    """A program as text, a line for each statement."""
    return "".join(
        f"\n{'    ' * depth}{kind} {places} {number}{written(inner, depth + 1)}"
        for kind, places, number, inner in program
    )


class World:
    """Variables, optimizers and functions that a program works on.

    Args:
        seed: Of the variables and the draws.
        is_recorded: Whether branches, loops and calls are the package's.
    """

    def __init__(self, seed, is_recorded):
        rng = np.random.default_rng(seed)
        self.variables = [
            jt.Variable(rng.normal(size=shape).astype("float32")) for shape in SHAPES
        ]
        # With the default epsilon, a gradient of 1e-8 decides about the step.
        self.optimizers = [
            jt.optimizers.SGD(0.05, momentum=0.5),
            jt.optimizers.Adam(0.05, epsilon=0.01),
        ]
        self.is_recorded = is_recorded
        self.functions = {}
        if seed % 2:
            for optimizer in self.optimizers:
                optimizer.build(self.variables)

    def mean(self, place):
        return jt.reduce_mean(self.variables[place])

    def run(self, program, total):
        for kind, places, number, inner in program:
            total = getattr(self, kind)(places, number, inner, total)
        return total

    def assign(self, places, number, inner, total):
        variable = self.variables[places[0]]
        variable.assign(variable * 0.5 + jt.tanh(self.mean(places[-1])) * number)
        return total

    def assign_add(self, places, number, inner, total):
        variable = self.variables[places[0]]
        variable.assign_add(jt.zeros_like(variable) + jt.sin(total) * number)
        return total

    def read(self, places, number, inner, total):
        return total * 0.5 + self.mean(places[0]) * number

    def draw(self, places, number, inner, total):
        variable = self.variables[places[0]]
        variable.assign_add(jt.random.normal(variable.shape) * 0.1)
        return total + jt.random.uniform(()) * number

    def step(self, places, number, inner, total):
        chosen = [self.variables[place] for place in places]
        with jt.GradientTape(persistent=number > 0.5) as tape:
            loss = total * 0.1 + self.mean(places[0]) * jt.sin(self.mean(places[-1]))
            for variable in chosen:
                loss = loss + jt.reduce_sum(jt.tanh(variable) * variable)
        gradients = tape.gradient(loss, chosen)
        self.optimizers[number > 0].apply_gradients(zip(gradients, chosen, strict=True))
        return total + jt.tanh(loss) * 0.1

    def plain(self, places, number, inner, total):
        return self.run(inner, total * number)

    def function(self, places, number, inner, total):
        if not self.is_recorded:
            return self.run(inner, total)
        if id(inner) not in self.functions:
            self.functions[id(inner)] = jt.function(lambda t: self.run(inner, t))
        return self.functions[id(inner)](total)

    def cond(self, places, number, inner, total):
        holds = self.mean(places[0]) > number * 0.1
        if self.is_recorded:
            return jt.cond(holds, lambda: self.run(inner, total), lambda: total * 2.0)
        return self.run(inner, total) if bool(holds) else total * 2.0

    def while_loop(self, places, number, inner, total):
        turns = 3 if number > 0 else 2
        if self.is_recorded:
            return jt.while_loop(
                lambda turn, t: turn < turns,
                lambda turn, t: (turn + 1, self.run(inner, t)),
                [jt.constant(0), total],
            )[1]
        for _ in range(turns):
            total = self.run(inner, total)
        return total

    def scan(self, places, number, inner, total):
        if self.is_recorded:
            states = jt.scan(
                lambda state, element: self.run(inner, state + element),
                jt.constant(ELEMENTS),
                total,
            )
            return states[-1] + jt.reduce_sum(states) * number
        states = [total]
        for element in ELEMENTS:
            states.append(self.run(inner, states[-1] + element))
        return states[-1] + jt.add_n(states[1:]) * number


def outcome(seed, is_recorded):
    """Result and state after each of three calls."""
    program, world = program_of(seed), World(seed, is_recorded)
    jt.random.set_seed(seed)
    jt.config.execution("auto" if is_recorded else "op_by_op")  # plain is plain

    def run(total):
        return world.run(program, total)

    call = jt.function(run) if is_recorded else run
    found = []
    for _ in range(3):
        result = call(jt.constant(0.3))
        counts = [optimizer.iterations for optimizer in world.optimizers]
        found.append([v.numpy() for v in (result, *counts, *world.variables)])
    return found


def check(seed):
    expected, found = outcome(seed, False), outcome(seed, True)
    limit = TOLERANCE["float32"]
    for call, (wanted, given) in enumerate(zip(expected, found, strict=True)):
        for place, pair in enumerate(zip(given, wanted, strict=True)):
            what = f"seed {seed}, call {call}, part {place}:{written(program_of(seed))}"
            np.testing.assert_allclose(*pair, rtol=limit, atol=limit, err_msg=what)


@pytest.fixture(autouse=True)
def _defaults(quick_programs):
    yield
    jt.config.execution("auto")


EVERY_DAY = [22, 40, 46]  # three short programs with all kinds of statements
MORE = [1, 5, 10, 14, 17, 31, *range(100, 160)]


@pytest.mark.parametrize("seed", EVERY_DAY)
def test_a_function_is_its_program(seed):
    check(seed)


@pytest.mark.slow  # the same for more
@pytest.mark.parametrize("seed", MORE)
def test_a_function_is_its_program_for_many(seed):
    check(seed)


def test_the_programs_differ_and_have_all_kinds_of_statements():
    texts = {seed: written(program_of(seed)) for seed in (*EVERY_DAY, *MORE)}
    assert len(set(texts.values())) == len(texts)
    every_day = " ".join(texts[seed] for seed in EVERY_DAY)
    assert [kind for kind in (*SIMPLE, *NESTED) if f"{kind} (" not in every_day] == []
