import numpy as np
import pytest

import jaxtape as jt
from tests.golden_values import float32, golden, signature_of

GOLDEN = golden("schedules")
FALL = {"initial_learning_rate": 0.1, "decay_steps": 10}
schedules = jt.optimizers.schedules


def made(case):
    return getattr(schedules, case["schedule"])(**case["arguments"])


def title(case):
    return f"{case['schedule']} {case['arguments']}"


every_case = pytest.mark.parametrize("case", GOLDEN["cases"], ids=title)


@every_case
def test_rates_are_keras_s(case):
    schedule = made(case)
    rates = [float(schedule(step)) for step in GOLDEN["steps"]]
    # Cosines end at 0 by cancelling, so the tolerance is one of the largest rate.
    largest = max(case["rates"])
    np.testing.assert_allclose(
        rates, float32(case["rates"]), rtol=1e-5, atol=1e-6 * largest
    )


@pytest.mark.one_in(4)
@every_case
def test_an_optimizer_uses_the_rate_of_each_step(case):
    variable, schedule = jt.Variable(0.0), made(case)
    optimizer = jt.optimizers.SGD(schedule)
    for step in (3, 10**6):
        variable.assign(0.0)
        optimizer.iterations.assign(step)
        before = float(optimizer.learning_rate)
        optimizer.apply([jt.constant(1.0)], [variable])
        wanted = float(schedule(step))
        assert before == wanted
        assert float(variable) == pytest.approx(-wanted, rel=1e-6, abs=1e-8)


@every_case
def test_an_optimizer_s_config_holds_its_schedule(case):
    config = jt.optimizers.serialize(jt.optimizers.SGD(made(case)))
    again = jt.optimizers.deserialize(config)
    rate = config["config"]["learning_rate"]
    assert (rate["class_name"], rate["config"]) == (case["schedule"], case["config"])
    assert again.get_config() == config["config"]


@pytest.mark.parametrize("name", GOLDEN["signatures"])
def test_arguments_are_keras_s(name):
    assert signature_of(getattr(schedules, name)) == GOLDEN["signatures"][name]


def test_a_schedule_is_written_and_read():
    wanted = float(schedules.CosineDecay(**FALL)(3))
    written = schedules.serialize(schedules.CosineDecay(**FALL))
    assert float(schedules.deserialize(written)(3)) == wanted


@pytest.mark.parametrize("steps", [0, -1, float("nan")])
@pytest.mark.parametrize(
    ("name", "argument", "further"),
    [
        ("ExponentialDecay", "decay_steps", {"decay_rate": 0.5}),
        ("InverseTimeDecay", "decay_steps", {"decay_rate": 0.5}),
        ("PolynomialDecay", "decay_steps", {}),
        ("CosineDecay", "decay_steps", {}),
        ("CosineDecayRestarts", "first_decay_steps", {}),
    ],
)
def test_f24n_a_number_of_steps_must_be_positive(name, argument, further, steps):
    arguments = {"initial_learning_rate": 0.1, argument: steps, **further}
    with pytest.raises(ValueError, match=f"{name} .*`{argument}`.* got {steps}"):
        getattr(schedules, name)(**arguments)


def test_f24n_a_warm_up_of_no_steps_begins_at_the_top():
    schedule = schedules.CosineDecay(**FALL, warmup_target=0.4, warmup_steps=0)
    assert float(schedule(0)) == pytest.approx(0.4)
    assert float(schedule(10**9)) == pytest.approx(0.0, abs=1e-8)


def test_a_warm_up_cannot_be_negative():
    with pytest.raises(ValueError, match=r"`warmup_steps` .* got -1"):
        schedules.CosineDecay(**FALL, warmup_steps=-1)


def test_periods_cannot_get_shorter():
    with pytest.raises(ValueError, match=r"`t_mul` .* got 0\.5"):
        schedules.CosineDecayRestarts(0.1, 10, t_mul=0.5)


def test_boundaries_and_values_go_together():
    with pytest.raises(ValueError, match="got 2 `values` and 2 `boundaries`"):
        schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2])


class Warmup(schedules.LearningRateSchedule):
    """As the Transformer of TensorFlow's tutorials has it."""

    def __init__(self, d_model, warmup_steps=4000):
        self.d_model = jt.cast(d_model, "float32")
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        step = jt.cast(step, dtype="float32")
        falling = jt.math.rsqrt(step)
        rising = step * (self.warmup_steps**-1.5)
        return jt.math.rsqrt(self.d_model) * jt.math.minimum(falling, rising)


@pytest.mark.parametrize("wrap", [lambda f: f, jt.function])
def test_a_schedule_of_one_s_own_is_written_with_ops(wrap):
    variable = jt.Variable(0.0)
    optimizer = jt.optimizers.SGD(Warmup(64, 4))
    optimizer.build([variable])

    def step():
        with jt.GradientTape() as tape:
            loss = 2.0 * variable
        optimizer.apply([tape.gradient(loss, variable)], [variable])
        return optimizer.learning_rate

    step = wrap(step)
    after = [float(step()) for _ in range(6)]
    # Vaswani et al., 2017, eq. 3; at step 0 it is 0.
    rates = [64**-0.5 * min(n**-0.5, n * 4**-1.5) for n in range(1, 7)]
    np.testing.assert_allclose(after, rates, rtol=1e-6)
    assert float(variable) == pytest.approx(-2 * sum(rates[:5]), rel=1e-6)


def test_a_schedule_of_one_s_own_has_a_config():
    optimizer = jt.optimizers.SGD(Warmup(64, 4))
    config = optimizer.get_config()
    with jt.saving.custom_object_scope({"Warmup": Warmup}):
        again = jt.optimizers.SGD.from_config(config)
    assert again.learning_rate.shape == ()
    assert float(again._schedule(3)) == float(Warmup(64, 4)(3))


def test_a_base_has_no_formula():
    with pytest.raises(NotImplementedError, match="Rates has no formula"):
        type("Rates", (schedules.LearningRateSchedule,), {})()(0)


def test_an_argument_that_is_no_attribute_is_named():
    class Forgetful(schedules.LearningRateSchedule):
        def __init__(self, width):
            pass

    with pytest.raises(ValueError, match=r"Forgetful .*`width`.*self\.width"):
        Forgetful(3).get_config()


def test_keras_s_path_leads_to_the_same_classes():
    from jaxtape.keras.optimizers.schedules import CosineDecay  # noqa: PLC0415

    assert CosineDecay is schedules.CosineDecay
