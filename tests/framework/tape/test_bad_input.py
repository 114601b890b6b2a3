"""What a tape refuses, and what it says."""

import numpy as np
import pytest

import jaxtape as jt

NO_TENSORS = {
    "float": 3.0,
    "ndarray": np.ones(2),
    "str": "loss",
    "NoneType": None,
    "object": object(),
}


@pytest.fixture
def v():
    return jt.Variable([1.0, 2.0], name="v")


def test_watching_an_array_is_refused_with_its_type():
    """testWatchBadThing"""
    with jt.GradientTape() as tape, pytest.raises(ValueError, match="ndarray"):
        tape.watch(np.array(1.0))


def test_entering_an_active_tape_is_refused():
    """testNestedSelfContexts"""
    with jt.GradientTape() as tape, pytest.raises(ValueError, match="already active"):
        tape.__enter__()


def test_entering_an_active_tape_leaves_it_recording(v):
    with jt.GradientTape() as tape:
        with pytest.raises(ValueError, match="already active"):
            tape.__enter__()
        y = v * v
    np.testing.assert_allclose(tape.gradient(y, v), [2.0, 4.0])


def test_an_unknown_word_for_unconnected_gradients_is_named(v):
    """testUnknownUnconnectedGradientsValueGiven"""
    with jt.GradientTape(persistent=True) as tape:
        y = v * v
    with pytest.raises(ValueError, match=r"'none' or 'zero'.*'nonsense'"):
        tape.gradient(y, v, unconnected_gradients="nonsense")


def test_a_spent_tape_says_how_to_ask_twice(v):
    """testGradientTapeGradientCalledMultipleTimes"""
    with jt.GradientTape() as tape:
        y = v * v
    tape.gradient(y, v)
    with pytest.raises(RuntimeError, match=r"persistent=True") as caught:
        tape.gradient(y, v)
    assert isinstance(caught.value, jt.errors.JaxtapeError)


def test_a_bad_call_does_not_spend_the_tape(v):
    with jt.GradientTape() as tape:
        y = v * v
    with pytest.raises(ValueError, match="zero"):
        tape.gradient(y, v, unconnected_gradients="nonsense")
    np.testing.assert_allclose(tape.gradient(y, v), [2.0, 4.0])


@pytest.mark.parametrize("nest", [lambda x: x, lambda x: [x], lambda x: {"a": x}])
@pytest.mark.parametrize("kind", NO_TENSORS)
def test_a_target_that_is_no_tensor_is_refused_with_its_type(v, kind, nest):
    with jt.GradientTape() as tape:
        _ = v * v
    with pytest.raises(TypeError, match=rf"target.*{kind}"):
        tape.gradient(nest(NO_TENSORS[kind]), v)


@pytest.mark.parametrize("nest", [lambda x: x, lambda x: [x], lambda x: {"a": x}])
@pytest.mark.parametrize("kind", NO_TENSORS)
def test_a_source_that_is_no_tensor_is_refused_with_its_type(v, kind, nest):
    with jt.GradientTape() as tape:
        y = v * v
    with pytest.raises(TypeError, match=rf"source.*{kind}"):
        tape.gradient(y, nest(NO_TENSORS[kind]))


def test_a_refused_source_says_how_to_mend_it(v):
    with jt.GradientTape() as tape:
        y = v * v
    with pytest.raises(TypeError, match=r"jt\.constant"):
        tape.gradient(y, np.ones(2))


def test_too_few_output_gradients_are_counted(v):
    with jt.GradientTape() as tape:
        targets = [v * v, v + v]
    with pytest.raises(ValueError, match=r"`output_gradients` has 1 .* 2 targets"):
        tape.gradient(targets, v, output_gradients=[jt.ones(2)])


def test_too_many_output_gradients_are_counted(v):
    with jt.GradientTape() as tape:
        y = v * v
    with pytest.raises(ValueError, match=r"`output_gradients` has 2 .* 1 target"):
        tape.gradient(y, v, output_gradients=[jt.ones(2), jt.ones(2)])


def test_an_output_gradient_of_the_wrong_shape_is_named(v):
    with jt.GradientTape() as tape:
        y = v * v
    with pytest.raises(ValueError, match=r"output_gradients.*\(3,\).*\(2,\)"):
        tape.gradient(y, v, output_gradients=jt.ones(3))


def test_stopping_a_tape_that_does_not_record_is_refused():
    with pytest.raises(ValueError, match="active tape"):
        jt.GradientTape().stop_recording()


def test_refused_calls_leave_the_variable_and_the_next_tape_alone(v):
    with jt.GradientTape() as tape:
        y = v * v
    for bad in (3.0, None, np.ones(2)):
        with pytest.raises(TypeError):
            tape.gradient(bad, bad)
    np.testing.assert_array_equal(v, [1.0, 2.0])
    np.testing.assert_allclose(tape.gradient(y, v), [2.0, 4.0])
