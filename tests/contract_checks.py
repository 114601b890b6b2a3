"""The contracts that every row of `tests/contracts.py` keeps, each as one function.

A check raises an `AssertionError` that begins with what is broken;
`tests/test_contract_checks.py` breaks each of them. What needs numbers is computed in
float64, which tells a wrong number from rounding, and by as few programs as possible.
"""

import copy
import functools
import json
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxtape as jt
from jaxtape.framework import registry
from jaxtape.framework.module import accepted_arguments
from jaxtape.framework.recording import execution
from jaxtape.framework.recording.node import current
from tests.compile_counter import count_compiles
from tests.conftest import TOLERANCE
from tests.contract_row import (
    BATCH,
    Row,
    Subject,
    floats,
    recorded,
    weights,
    zeros_for_weights,
)

HALF = ("float16", "bfloat16")
TURNS = 3
"""How often a row is called where what it remembers matters."""

# The five-point quotient errs by h^4 f''''' / 30 + 1.5 eps f / h; see
# `tests/derivative_check.py`, whose numbers these are.
STEP = 3e-4
QUOTIENT = {-2: 1 / 12, -1: -2 / 3, 1: 2 / 3, 2: -1 / 12}


def in_float64(check: Callable[[Row], None]) -> Callable[[Row], None]:
    """A check whose numbers may have 64 bits."""

    @functools.wraps(check)
    def checked(row: Row) -> None:
        with jax.enable_x64(True):
            check(row)

    return checked


@in_float64
def check_function(row: Row) -> None:
    """In a `jt.function` outputs, gradients and state are those of plain calls."""
    _compare("function", _history(row, "auto", in_function=True), row)


@in_float64
def check_op_by_op(row: Row) -> None:
    """Without compiling the whole they are the same, too."""
    _compare("op by op", _history(row, "op_by_op"), row)


@in_float64
def check_compiles(row: Row) -> None:
    """A call that is repeated on other values compiles nothing."""
    subject = Subject(row, "float64")
    for turn in range(TURNS):
        _step(subject, turn)
    with count_compiles() as compiles:
        for turn in range(TURNS, TURNS + 2):
            _step(subject, turn)
    assert compiles.count == 0, f"repeated calls: {compiles.count} compiles"


@in_float64
def check_tape(row: Row) -> None:
    """The tape's gradients are those of `jax.grad` of the same computation."""
    if row.kind == "optimizer":
        return _check_steps(row)
    subject, arrays = Subject(row, "float64"), row.arrays("float64")
    places = row.positions()
    call, params = _as_pure(subject)

    def pure(moved: list[jax.Array], params: dict[str, jax.Array]) -> jax.Array:
        inputs: list[Any] = list(arrays)
        for place, value in zip(places, moved, strict=True):
            inputs[place] = value
        outputs = floats(call(params, inputs))
        pairs = zip(outputs, weights(outputs), strict=True)
        return sum(jnp.sum(part * w) for part, w in pairs)

    start = [jnp.asarray(arrays[place]) for place in places], params
    by_input, by_weight = jax.jit(jax.grad(pure, argnums=(0, 1)))(*start)
    expected = [*by_input, *(by_weight[path] for path in params)]
    names = [*(f"input {place}" for place in places), *params]
    for name, mine, exact in zip(names, _exact(row)[1], expected, strict=True):
        _close(f"tape: gradient of {name}", mine, exact)
    return None


def _as_pure(subject: Subject) -> tuple[Callable, dict[str, jax.Array]]:
    """A call as a pure function of weights and inputs, and the weights."""
    if subject.row.kind != "layer":
        return lambda _, inputs: [part._array() for part in subject(*inputs)], {}
    apply, params = jt.functionalize(subject.thing)
    paths = {id(v): path for path, v in subject.thing.variables_by_path().items()}
    trained = [paths[id(variable)] for variable in subject.trained]

    def call(weights: dict[str, jax.Array], inputs: list[Any]) -> list[jax.Array]:
        args, options = subject.row.arguments_of(inputs)
        return jax.tree.leaves(apply({**params, **weights}, *args, **options))

    return call, {path: params[path] for path in trained}


@in_float64
def check_derivative(row: Row) -> None:
    """The gradient along a random direction is what finite differences say."""
    rng = np.random.default_rng(1)
    value, gradients = _exact(row)
    way = [rng.uniform(0.5, 1.5, g.shape) for g in gradients]
    way = [d * rng.choice([-1, 1], d.shape) for d in way]
    expected = sum(
        share * _exact_at(row, [k * STEP * d for d in way])[0]
        for k, share in QUOTIENT.items()
    )
    found = sum(np.sum(g * d) for g, d in zip(gradients, way, strict=True))
    size = max(1.0, abs(value))
    _close("finite differences", found / size, expected / STEP / size)


def check_half(row: Row) -> None:
    """In half precision outputs, gradients and weights keep their dtypes."""
    if row.kind == "optimizer":
        return _check_half_steps(row)
    subjects = [Subject(row, dtype) for dtype in HALF]
    calls = recorded(*subjects)
    found = [
        (dtype, f"{what} {number}", part.dtype.name)
        for dtype, (outputs, gradients) in zip(HALF, calls, strict=True)
        for what, parts in (("output", outputs), ("gradient", gradients))
        for number, part in enumerate(parts)
    ]
    del calls  # so that nothing is computed but what was assigned
    execution.run(current())
    for dtype, what, other in found:
        assert other == dtype, f"half: {what} of {dtype} is {other}"
    return None


def _check_half_steps(row: Row) -> None:
    """Variables in half precision keep it, and take the steps that others take."""
    subject, other = Subject(row, *HALF), Subject(row, *("float32" for _ in HALF))
    for turn in range(TURNS):
        found = subject(*map(jt.constant, subject.arrays(turn)))
        expected = other(*map(jt.constant, other.arrays(turn)))
    for start, mine, theirs in zip(subject.arrays(), found, expected, strict=True):
        dtype, values = start.dtype.name, mine.numpy().astype("float32")
        assert mine.dtype == dtype, f"half: a variable of {dtype} is {mine.dtype}"
        _close(
            f"half: steps in {dtype}", values, theirs.numpy(), TURNS * TOLERANCE[dtype]
        )


def check_symbolic(row: Row) -> None:
    """With an unknown batch the shapes and dtypes are the real ones but for it."""
    subject = Subject(row)
    (unknown,) = jax.export.symbolic_shape("b")
    expected = [
        (tuple("b" if n == BATCH else str(n) for n in shape), dtype)
        for shape, dtype in subject.shapes(BATCH)
    ]
    found = [
        (tuple(map(str, shape)), dtype) for shape, dtype in subject.shapes(unknown)
    ]
    assert found == expected, f"symbolic: expected {expected}; got {found}"


def check_small(row: Row) -> None:
    """A batch of one and an empty one: finite numbers, in the shapes of others."""
    batches = [(1, 0)] if row.kind == "optimizer" else [(1,), (0,)]
    subjects = [Subject(row, batches=some) for some in batches]
    shapes = [_small_shapes(row, some) for some in batches]
    calls = recorded(*subjects)  # one program
    for subject, expected, parts in zip(subjects, shapes, calls, strict=True):
        batch, (outputs, gradients) = subject.batches, parts
        for part in (*outputs, *gradients, *subject.variables):
            value = part.numpy()
            assert np.isfinite(value).all(), f"batch of {batch}: {value}"
        found = [part.shape for part in outputs]
        assert found == expected, f"batch of {batch}: not {expected} but {found}"
        total = sum(np.sum(part.numpy()) for part in outputs)
        is_mean = row.kind in ("loss", "regularizer") and batch == (0,)
        assert not (is_mean and total), f"batch of {batch}: {total} instead of 0"


@in_float64
def check_config(row: Row) -> None:
    """An object made from the config, through JSON, computes the same."""
    subject = Subject(row, "float64")
    config = registry.serialize(subject.thing)
    missing = set(accepted_arguments(row.cls)) - {"input_shape", *config["config"]}
    left = [n for n in missing if getattr(subject.thing, n, None) is not None]
    assert not left, f"config: without {left}"
    again = registry.deserialize(row.kind, json.loads(json.dumps(config)))
    assert type(again) is row.cls, f"config: made a {type(again).__name__}"
    found = registry.serialize(again)
    assert found == config, f"config: {config} is read as {found}"
    outputs, _ = _step(Subject(row, "float64", thing=again), 0)
    for number, expected in enumerate(_step(subject, 0)[0]):
        _close(f"config: output {number}", outputs[number], expected)


@jt.saving.register_keras_serializable("contracts")
class Holder(jt.Model):
    """A model around a layer of a row, or around what an optimizer updates."""

    def __init__(self, part: Any = None, shapes: Sequence[Sequence[int]] = ()) -> None:
        super().__init__()
        self.part, self.shapes = part, shapes
        self.updated = [jt.Variable(np.zeros(shape)) for shape in shapes]


@in_float64
def check_saving(row: Row) -> None:
    """What is loaded from disk goes on as what was saved."""
    subject = Subject(row, "float64")
    model = Holder(None if subject.updated else subject.thing)
    if subject.updated:
        model.shapes = [list(variable.shape) for variable in subject.updated]
        model.updated, model.optimizer = subject.updated, subject.thing
    _step(subject, 0)
    with tempfile.TemporaryDirectory() as folder:
        model.save(folder)
        given = row.make() if "config" in row.refuses else None
        expected = _all_numbers(subject, 1)
        with zeros_for_weights():
            again = jt.load_model(folder, optimizer=given)
    other = copy.copy(subject)
    other.thing, other.updated = again.part or again.optimizer, again.updated
    for what, found in _all_numbers(other, 1).items():
        _close(f"saving: {what}", found, expected[what])


def _check_steps(row: Row) -> None:
    """A step with the tape's gradients is one with those of `jax.grad`."""
    mine, theirs = Subject(row, "float64"), Subject(row, "float64")
    places = mine.arrays(turn=2)

    def target(values: Sequence[Any]) -> Any:
        pairs = zip(values, places, strict=True)
        return jt.add_n([jt.reduce_sum((v - w) ** 2) for v, w in pairs])

    pure = jax.jit(jax.grad(lambda values: target(values)._array()))
    for turn in range(TURNS):
        exact = pure([variable.numpy() for variable in theirs.updated])
        expected = theirs(*map(jt.constant, exact))
        with jt.GradientTape() as tape:
            value = target(mine.updated)
        found = mine(*tape.gradient(value, mine.updated))
        for number, (a, b) in enumerate(zip(found, expected, strict=True)):
            _close(f"tape: variable {number} in step {turn}", a, b)


def _compare(way: str, found: dict[str, np.ndarray], row: Row) -> None:
    for what, expected in _history(row, "compiled").items():
        _close(f"{way}: {what}", found[what], expected)


def _history(row: Row, mode: str, in_function: bool = False) -> dict[str, Any]:
    """All numbers of a few calls in one way of execution."""
    before = jt.config.switches.execution
    jt.config.execution(mode)
    try:
        subject = Subject(row, "float64")
        run = jt.function(subject.run) if in_function else subject.run
        calls = [_all_numbers(subject, turn, run) for turn in range(TURNS)]
    finally:
        jt.config.execution(before)
    return {
        f"{what} after call {turn}": value
        for turn, found in enumerate(calls)
        for what, value in found.items()
    }


def _all_numbers(
    subject: Subject, turn: int, run: Callable | None = None
) -> dict[str, np.ndarray]:
    """Outputs, gradients and variables after a call, each by a name."""
    outputs, gradients = _step(subject, turn, run)
    variables = [variable.numpy() for variable in subject.variables]
    named = {"output": outputs, "gradient": gradients, "variable": variables}
    return {
        f"{what} {number}": part
        for what, parts in named.items()
        for number, part in enumerate(parts)
    }


def _step(
    subject: Subject, turn: int, run: Callable | None = None
) -> tuple[list, list]:
    """Outputs and gradients of a call as arrays."""
    outputs, gradients = (run or subject.run)(*map(jt.constant, subject.arrays(turn)))
    return [part.numpy() for part in outputs], [part.numpy() for part in gradients]


@functools.cache
def _exact(row: Row) -> tuple[float, list[np.ndarray]]:
    """The weighed sum of a call's outputs in float64, and its gradients."""
    return _exact_at(row, ())


def _exact_at(row: Row, moved: Sequence[np.ndarray]) -> tuple[float, list[np.ndarray]]:
    subject = Subject(row, "float64")
    outputs, gradients = _step(subject.moved(moved), 0)
    outputs = floats(outputs)
    pairs = zip(outputs, weights(outputs), strict=True)
    return sum(float(np.sum(part * w)) for part, w in pairs), gradients


def _small_shapes(row: Row, batches: Sequence[int]) -> list[tuple[int, ...]]:
    """The shapes of a call's outputs with the batch replaced."""
    if row.kind == "optimizer":
        shapes = [array.shape for array in row.arrays()]
    else:
        shapes = [shape for shape, _ in Subject(row).shapes(BATCH)]
    return [
        tuple(batch if n == BATCH else n for n in shape)
        for batch in batches
        for shape in shapes
    ]


def _close(
    what: str, found: Any, expected: Any, tolerance: float = TOLERANCE["float64"]
) -> None:
    """Equal but for rounding, by default float64's; it grows with the largest entry."""
    expected = np.asarray(expected)
    size = max(1.0, float(np.max(np.abs(expected), initial=0)))
    np.testing.assert_allclose(
        *(np.asarray(found), expected),
        rtol=0,
        atol=tolerance * size,
        err_msg=what,
        strict=True,
    )
