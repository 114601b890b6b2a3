"""Waking XLA's worker: a launch that nobody sees."""

import jax
import pytest

import jaxtape as jt
from jaxtape.framework import waking


@pytest.fixture
def anew():
    """Nothing is known yet of the worker, and nothing is left to later tests."""
    waking._nudge.cache_clear()
    yield
    waking._nudge.cache_clear()


def test_a_users_jit_takes_in_nothing_of_it(anew):
    def square(x):
        waking.wake()
        return x * x

    primitives = [str(e.primitive) for e in jax.make_jaxpr(square)(3.0).eqns]
    assert primitives == ["mul"]
    assert float(jax.jit(square)(3.0)) == 9.0


def test_accelerators_have_no_such_worker(anew, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert waking._nudge() is None
    waking.wake()


def test_a_single_core_is_not_given_more_to_do(anew, monkeypatch):
    monkeypatch.setattr(waking.os, "cpu_count", lambda: 1)
    assert waking._nudge() is None
    waking.wake()


def test_derivatives_that_are_first_asked_for_in_a_jit_outlive_it(anew):
    @jax.jit
    def slope(x):
        with jt.GradientTape() as tape:
            x = jt.constant(x)
            tape.watch(x)
            y = x * x * x
        return jt.convert_to_tensor(tape.hessian(y, x)) + 0.0

    assert [float(slope(2.0)) for _ in range(2)] == [12.0, 12.0]
    v = jt.Variable(2.0)
    with jt.GradientTape() as tape:
        y = v * v * v
    assert float(tape.hessian(y, v)) == 12.0
