"""`GradientTape(strict=True)`: an error with the reason where `None` would stand."""

import re

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.errors import JaxtapeError, UnconnectedError
from tests.code_line import line


def stopped(**options):
    """A strict tape, its target, a source behind a stop, and one before it."""
    v, w = (jt.Variable(np.ones((2, 3), np.float32), name=name) for name in "vw")
    with jt.GradientTape(strict=True, **options) as tape:
        cut, where = jt.stop_gradient(v * 2.0), line()
        y = jt.reduce_sum(cut * w, axis=1)
    return tape, y, v, w, where


def test_it_is_keyword_only():
    with pytest.raises(TypeError, match="positional"):
        jt.GradientTape(False, True, True)


@pytest.mark.parametrize("error", [UnconnectedError, JaxtapeError, ValueError])
def test_a_missing_path_raises_with_the_reason(error):
    tape, y, v, w, where = stopped()
    said = f"'v' (float32[2,3]) is None: the path crosses stop_gradient, at {where}"
    with pytest.raises(error, match=re.escape(said)) as caught:
        tape.gradient(y, [v, w])
    assert "'w'" not in str(caught.value)


@pytest.mark.parametrize(
    "ask",
    [
        lambda tape, y, s: tape.jacobian(y, s),
        lambda tape, y, s: tape.hessian(y, s),
        lambda tape, y, s: tape.hvp(y, s, [jt.ones((2, 3)), jt.ones((2, 3))]),
        lambda tape, y, s: tape.value_and_gradient(y, s),
        lambda tape, y, s: tape.per_example_gradients(y, s),
    ],
)
def test_other_derivatives_raise_as_well(ask):
    tape, y, v, w, where = stopped(persistent=True)
    with pytest.raises(UnconnectedError, match=f"'v' .* None: .*{where}"):
        ask(tape, y, [v, w])


def test_only_the_pairs_without_a_path_are_named():
    v, w = (jt.Variable(1.0, name=name) for name in "vw")
    with jt.GradientTape(strict=True) as tape:
        a, b = v * v, v * w
    with pytest.raises(UnconnectedError, match="'w'") as caught:
        tape.jacobian([a, b], [v, w])
    assert str(caught.value).count("The gradient of") == 1
    assert "computed from Variable 'v'" in str(caught.value)


def test_connected_gradients_are_those_of_any_tape():
    tape, y, _, w, _ = stopped()
    np.testing.assert_array_equal(tape.gradient(y, w), np.full((2, 3), 2.0))


def test_zeros_that_were_asked_for_do_not_raise():
    tape, y, v, _, _ = stopped()
    found = tape.gradient(y, v, unconnected_gradients="zero")
    np.testing.assert_array_equal(found, np.zeros((2, 3)))


def test_the_tape_is_spent_by_the_gradient_that_raised():
    tape, y, v, w, where = stopped()
    with pytest.raises(UnconnectedError, match=where):
        tape.gradient(y, v)
    with pytest.raises(RuntimeError, match="persistent=True"):
        tape.gradient(y, w)
    assert where in tape.explain(y, v)


def test_a_persistent_tape_goes_on():
    tape, y, v, w, where = stopped(persistent=True)
    with pytest.raises(UnconnectedError, match=where):
        tape.gradient(y, v)
    assert float(tape.gradient(y, w)[0, 0]) == 2.0
