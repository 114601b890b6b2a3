"""`jt.debug.first_nonfinite`: the step is replayed, and the first bad call is named."""

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.recording.steps import steps
from tests.halving import halving_optimizer
from tests.lines import line_of

BATCH = np.array([[4.0], [1.0]], np.float32)


@pytest.fixture(autouse=True)
def nothing_kept():
    steps.clear()
    yield
    steps.clear()


class Line:
    """y = w x, trained on the mean of sqrt(y): finite while y is positive."""

    def __init__(self):
        self.w = jt.Variable([[1.0]], name="slope")
        self.optimizer = halving_optimizer()

    def step(self, x):
        with jt.GradientTape() as tape:
            y = jt.matmul(x, self.w)
            loss = jt.reduce_mean(jt.sqrt(y))
        (gradient,) = tape.gradient(loss, [self.w])
        self.optimizer.apply_gradients([(gradient, self.w)])
        return loss


def ratio_to_itself(x):
    return jt.reduce_sum(x / x)


@pytest.mark.parametrize("asked", ["tape", "value", "tape that is persistent"])
def test_a_live_tape_knows_the_call(asked):
    x = jt.constant([4.0, 0.0])
    with jt.GradientTape(persistent=asked.endswith("persistent")) as tape:
        tape.watch(x)
        y = ratio_to_itself(x)
    float(y)
    found = jt.debug.first_nonfinite(y if asked == "value" else tape)
    assert (found.op, found.direction, found.loss) == ("divide", "forward", None)
    here = line_of(ratio_to_itself, "x / x")
    assert str(found).startswith(
        f"divide made 1 NaN and 0 Inf, forward, called at {here}."
    )
    assert "input 1: float32[2], min 0, max 4, 0 NaN, 0 Inf" in str(found)


def sum_of_roots(x):
    return jt.reduce_sum(jt.sqrt(x))


def test_a_value_that_waits_is_replayed_with_its_gradient():
    """d sqrt(x) / dx is infinite at 0, and the value is not."""
    x = jt.Variable([4.0, 0.0])
    with jt.GradientTape() as tape:
        y = sum_of_roots(x)
    gradient = tape.gradient(y, x)
    assert jt.debug.first_nonfinite(y) is None
    found = jt.debug.first_nonfinite(gradient)
    assert (found.op, found.direction, found.loss) == ("sqrt", "backward", 2.0)
    assert found.site == line_of(sum_of_roots, "jt.sqrt")


def test_parts_that_ran_earlier_are_replayed_first():
    x = jt.Variable([1.0, 0.0])
    with jt.GradientTape() as tape:
        inside = jt.math.log(x)
        inside.numpy()
        middle = inside * 2.0
        middle.numpy()
        y = jt.reduce_sum(middle - middle)
    found = jt.debug.first_nonfinite(y)
    assert (found.op, found.results[0].num_inf) == ("log", 1)
    assert "input 0, Variable 'Variable': float32[2], min 0, max 1" in str(found)
    assert tape.watched_variables() == (x,)


@pytest.mark.parametrize("execution", ["op_by_op", "compiled"])
def test_safe_steps_keep_the_last_step(execution):
    jt.config.execution(execution)
    jt.config.safe_steps()
    try:
        line = Line()
        for _ in range(3):
            loss = line.step(BATCH)
            assert jt.debug.first_nonfinite(loss) is None
            assert jt.debug.first_nonfinite() is None
        loss = line.step(-BATCH)
    finally:
        jt.config.execution("auto")
    for asked in (loss, line.w, None):
        found = jt.debug.first_nonfinite(asked)
        assert (found.op, found.direction, found.step) == ("sqrt", "forward", 3)
        assert found.site == line_of(Line.step, "jt.sqrt(y)")
        assert found.results[0].num_nan == 2
    assert "    step 3\n    loss nan\n" in str(jt.debug.first_nonfinite())


def test_safe_steps_name_a_pullback():
    jt.config.safe_steps()
    line = Line()
    loss = line.step(BATCH * 0)
    assert jt.debug.first_nonfinite(loss) is None  # sqrt(0) is 0
    found = jt.debug.first_nonfinite(line.w)
    assert (found.op, found.direction, found.loss) == ("sqrt", "backward", 0.0)


def test_the_step_that_is_kept_survives_what_is_computed_after_it():
    jt.config.safe_steps()
    line = Line()
    line.step(-BATCH)
    for _ in range(3):
        with jt.GradientTape():
            float(jt.reduce_sum(line.w * 2.0))
    assert jt.debug.first_nonfinite().op == "sqrt"


def test_only_one_step_is_kept():
    jt.config.safe_steps()
    line = Line()
    for _ in range(5):
        line.step(BATCH)
    assert len(steps.parts()) == 1


def test_a_step_without_an_update_is_bounded():
    jt.config.safe_steps()
    x = jt.constant([1.0])
    for _ in range(100):
        with jt.GradientTape():
            y = x * 2.0
        float(y[0])
    assert len(steps.parts()) <= 64


def test_a_bad_input_is_told_from_a_bad_call():
    jt.config.safe_steps()
    loss = Line().step(np.array([[np.nan], [1.0]], np.float32))
    found = jt.debug.first_nonfinite(loss)
    assert (found.op, found.inputs[0].num_nan) == ("matmul", 1)
    assert str(found).endswith(
        "A NaN came in with an input: look at where that is made."
    )


def test_an_infinite_input_is_named_where_nothing_else_is():
    with jt.GradientTape():
        y = jt.constant([np.inf, 1.0]) * 2.0
        found = jt.debug.first_nonfinite(y)
    assert (found.op, found.inputs[0].num_inf) == ("multiply", 1)


def test_under_debug_it_is_the_report_of_the_last_error():
    jt.debug.enable()
    assert jt.debug.first_nonfinite(jt.constant(1.0)) is None
    with pytest.raises(FloatingPointError):
        jt.math.log(jt.constant(0.0))
    assert jt.debug.first_nonfinite().op == "log"


@pytest.mark.parametrize("asked", ["loss", "variable", "tape", "nothing"])
def test_it_says_what_to_switch_on(asked):
    v = jt.Variable([1.0])
    with jt.GradientTape() as tape:
        y = jt.reduce_sum(jt.sqrt(v - 1.0))
    float(tape.gradient(y, v)[0])
    given = {"loss": y, "variable": v, "tape": tape, "nothing": None}[asked]
    what = "any step" if given is None else f"this {type(given).__name__}"
    with pytest.raises(RuntimeError, match=rf"look at {what} again.*safe_steps\(\)"):
        jt.debug.first_nonfinite(given)
    with pytest.raises(RuntimeError, match=r"jt.debug.enable\(\).*persistent=True"):
        jt.debug.first_nonfinite(given)


def test_another_thing_than_a_tensor_or_tape_raises():
    with pytest.raises(TypeError, match="got ndarray"):
        jt.debug.first_nonfinite(np.ones(2))


def test_safe_steps_train_as_without_them():
    plain, safe = Line(), Line()
    for number in range(4):
        plain.step(BATCH)
        jt.config.safe_steps()
        safe.step(BATCH)
        jt.config.safe_steps(False)
        assert safe.w.tolist() == plain.w.tolist(), number


def test_a_kept_step_whose_buffers_were_overwritten_says_so():
    """Without safe steps the next update overwrites what the kept reading stood on."""
    line = Line()
    line.step(BATCH)
    jt.config.safe_steps()
    with jt.GradientTape():
        float(jt.reduce_sum(line.w * 2.0))
    jt.config.safe_steps(False)
    for _ in range(3):
        line.step(BATCH)
    with pytest.raises(RuntimeError, match="its inputs are gone"):
        jt.debug.first_nonfinite()
