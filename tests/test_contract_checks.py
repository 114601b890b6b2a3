"""Each contract refuses an object that breaks it."""

import itertools
import types

import jax.numpy as jnp
import optax
import pytest

import jaxtape as jt
from jaxtape.framework.recording.node import current
from tests import contract_checks as checks
from tests.contract_row import layer, loss, optimizer, regularizer
from tests.contracts import BASES, final_classes
from tests.op_rows.row import real

X, Y = real(7, 3), real(7, 3)


@pytest.fixture(autouse=True)
def _quick_programs():
    jt.config.execution("compiled")
    yield
    jt.config.execution("auto")


class Tapes(jt.Layer):
    """Its gradient is another one under a tape: twice that of `jax.grad`."""

    def call(self, inputs):
        if not current().live_tapes():
            return inputs
        return 2 * inputs - jt.stop_gradient(inputs)


@jt.custom_gradient
def slightly_wrong(x):
    return x * x, lambda upstream: 2.002 * x * upstream


class Slope(jt.Layer):
    """Its gradient is off by a thousandth."""

    def call(self, inputs):
        return slightly_wrong(inputs)


class Counts(jt.Layer):
    """Computes with a number that is no part of its state."""

    count = itertools.count()

    def call(self, inputs):
        return inputs * next(self.count)


class Grows(jt.Layer):
    """Its program depends on how often it was called."""

    count = 1

    def call(self, inputs):
        self.count += 1
        return jt.reduce_sum(jt.stack([inputs] * self.count), 0) / self.count


class Promotes(jt.Layer):
    """Computes in float32, whatever its dtype is."""

    def call(self, inputs):
        return jt.cast(inputs, "float32")


class KnowsBatch(jt.Layer):
    """Its output has seven rows, whatever the batch is."""

    def call(self, inputs):
        return jt.reduce_sum(inputs, 0, keepdims=True) + jt.zeros((7, 1))


class Normalizes(jt.Layer):
    """Its weight has a gradient of NaN where the batch is empty."""

    def build(self, input_shape):
        self.scale = self.add_weight((), "ones", name="scale")

    def call(self, inputs):
        return inputs * self.scale + jt.reduce_mean(inputs) * self.scale


class Averages(jt.Layer):
    """Its moving mean is NaN after an empty batch."""

    def build(self, input_shape):
        self.mean = self.add_weight((), "zeros", trainable=False, name="mean")

    def call(self, inputs, training=None):
        if training:
            self.mean.assign(jt.reduce_mean(inputs))
        return inputs


@jt.saving.register_keras_serializable("broken")
class Hidden(jt.Layer):
    """Remembers where no file can: in a Python number."""

    count = 0

    def call(self, inputs):
        self.count += 1
        return inputs * self.count


@jt.saving.register_keras_serializable("broken")
class Forgets(jt.Layer):
    """Its config has not all arguments."""

    def __init__(self, factor=1.0, **options):
        super().__init__(**options)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        config = super().get_config()
        return {name: config[name] for name in config if name != "factor"}


@jt.saving.register_keras_serializable("broken")
class Halves(Forgets):
    """Its config has another value than it was made with."""

    def get_config(self):
        return {**super().get_config(), "factor": self.factor / 2}


@jt.saving.register_keras_serializable("broken")
class Misreads(Forgets):
    """It computes with another value than its config has."""

    def __init__(self, factor=1.0, **options):
        super().__init__(factor, **options)
        self.power = 2 if isinstance(factor, float) else 1
        self.factor = int(factor)

    def call(self, inputs):
        return inputs**self.power

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class Mean(jt.losses.Loss):
    """NaN where there is nothing."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        return jt.reduce_mean((y_true - y_pred) ** 2)


class Wide(jt.losses.Loss):
    """Float32 in any precision."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        return jt.reduce_sum(jt.cast(y_true - y_pred, "float32") ** 2)


@jt.saving.register_keras_serializable("broken")
class Sharp(jt.losses.Huber):
    """A loss whose config forgets its number."""

    def get_config(self):
        return {**super().get_config(), "delta": 1.0}


@jt.saving.register_keras_serializable("broken")
class Weak(jt.regularizers.L2):
    """A penalty whose config is that of another one."""

    def get_config(self):
        return {"l2": 2 * self.l2}


class Lasting(jt.regularizers.L2):
    """A penalty of 1 where there is no weight."""

    def __call__(self, x):
        return super().__call__(x) + 1.0


class Steps(jt.optimizers.SGD):
    """A rule that each test changes: `factor(gradient, params)` scales the step."""

    factor = staticmethod(lambda gradient, params: 1.0)

    def transformation(self):
        def update(gradient, state, params=None, *, learning_rate, **_):
            return -learning_rate * gradient * self.factor(gradient, params), state

        return optax.GradientTransformationExtraArgs(lambda p: (), update)


class Underflows(Steps):
    """Its steps vanish in half precision."""

    @staticmethod
    def factor(gradient, params):
        small = jnp.asarray(1e-4, gradient.dtype)
        return ((1 + small) - 1) / small


class Averaged(jt.optimizers.SGD):
    """Remembers the mean of a gradient, NaN where there is none."""

    def transformation(self):
        def update(gradient, state, params=None, *, learning_rate, **_):
            return -learning_rate * gradient, jnp.mean(gradient)

        return optax.GradientTransformationExtraArgs(lambda p: jnp.zeros(()), update)


@jt.saving.register_keras_serializable("broken")
class Ages(Steps):
    """Its rule is another one at each update."""

    age = 0

    def apply_gradients(self, grads_and_vars, name=None):
        self.age, self._updates = self.age + 1, {}
        self.factor = lambda gradient, params, age=self.age: 1.0 / age
        return super().apply_gradients(grads_and_vars)


class Peeks(jt.optimizers.SGD):
    """It takes gradients that are pending for others than those that are known."""

    def apply_gradients(self, grads_and_vars, name=None):
        pairs = [(g if g._value is not None else 2 * g, v) for g, v in grads_and_vars]
        return super().apply_gradients(pairs)


BROKEN = {
    "function: output 0": [(checks.check_function, layer(Counts, X))],
    "op by op: output 0": [(checks.check_op_by_op, layer(Counts, X))],
    "repeated calls: [1-9]": [
        (checks.check_compiles, layer(Grows, X)),
        (checks.check_compiles, optimizer(Ages, X)),
    ],
    "tape: gradient of input 0": [(checks.check_tape, layer(Tapes, X))],
    "tape: variable 0": [(checks.check_tape, optimizer(Peeks, X))],
    "finite differences": [(checks.check_derivative, layer(Slope, X))],
    "half: output 0 of float16 is float32": [
        (checks.check_half, layer(Promotes, X)),
        (checks.check_half, loss(Wide, X, Y)),
    ],
    "half: steps in float16": [(checks.check_half, optimizer(Underflows, X))],
    r"symbolic: expected .*'b', '3'.*got .*'7', '3'": [
        (checks.check_symbolic, layer(KnowsBatch, X))
    ],
    r"batch of \(0,\): nan": [
        (checks.check_small, layer(Normalizes, X)),
        (checks.check_small, layer(Averages, X, _call={"training": True})),
        (checks.check_small, loss(Mean, X, Y)),
    ],
    r"batch of \(0,\): 1.0 instead of 0": [
        (checks.check_small, regularizer(Lasting, X)),
    ],
    r"batch of \(1, 0\): nan": [(checks.check_small, optimizer(Averaged, X))],
    "config: without .'factor'": [(checks.check_config, layer(Forgets, X, factor=2.0))],
    "config: .* is read as": [
        (checks.check_config, layer(Halves, X, factor=2.0)),
        (checks.check_config, regularizer(Weak, X)),
    ],
    "config: output 0": [
        (checks.check_config, layer(Misreads, X, factor=2.0)),
        (checks.check_config, loss(Sharp, X, Y, delta=0.3)),
    ],
    "saving: output 0": [
        (checks.check_saving, layer(Hidden, X)),
        (checks.check_saving, optimizer(Ages, X)),
    ],
}


@pytest.mark.parametrize(
    ("match", "check", "row"),
    [(match, *case) for match, cases in BROKEN.items() for case in cases],
    ids=lambda part: getattr(part, "__name__", None) or str(part),
)
def test_a_check_finds_what_breaks_it(match, check, row):
    if check is checks.check_compiles:
        jt.config.execution("auto")
    with pytest.raises(AssertionError, match=match):
        check(row)


def test_every_check_is_broken():
    broken = {case[0] for cases in BROKEN.values() for case in cases}
    known = {c for name, c in vars(checks).items() if name.startswith("check_")}
    assert broken == known


@pytest.mark.parametrize(("base", "method"), BASES.items())
def test_a_class_that_can_be_used_needs_a_row(base, method):
    final = type("Final", (base,), {method: lambda self, *args: None})
    module = types.SimpleNamespace(
        Final=final, Abstract=type("Abstract", (base,), {}), _Private=final, Base=base
    )
    assert final_classes(module) == [final]
