"""A second model of the same structure runs the programs of the first."""

import numpy as np
import optax
import pytest

import jaxtape as jt
from tests.compile_counter import count_compiles

X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = X[:, :1]


def network():
    layers = [jt.layers.Dense(4, activation="tanh", input_shape=(3,))]
    return jt.Sequential([*layers, jt.layers.Dense(1)])


def by_tape(optimizer):
    model, loss_fn = network(), jt.losses.MeanSquaredError()
    for _ in range(3):
        with jt.GradientTape() as tape:
            loss = loss_fn(Y, model(X, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
    return model


def by_fit(optimizer):
    model = network()
    model.compile(optimizer, "mse", metrics=["mae"])
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    return model


@pytest.mark.parametrize("train", [by_tape, by_fit])
def test_other_seeds_and_rates_compile_nothing(train):
    def run(seed, rate):
        jt.random.set_seed(seed)  # in the first run too: it starts the streams anew
        train(jt.optimizers.Adam(rate))

    run(0, 0.1)
    with count_compiles() as again:
        run(1, 0.1)
        run(2, 0.3)
    assert again.count == 0


def descend(optimizer, steps=2):
    """Where steps down the sum of a variable that starts at 10 end: g is 1."""
    variable = jt.Variable([10.0, 10.0])
    for _ in range(steps):
        with jt.GradientTape() as tape:
            loss = jt.reduce_sum(variable)
        gradient = tape.gradient(loss, variable)
        optimizer.apply_gradients([(gradient, variable)])
    return float(variable[0])


def named(value):
    """A schedule; all of them have one name."""

    def schedule(step):
        return value + 0.0 * jt.cast(step, "float32")

    return schedule


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: jt.optimizers.SGD(1.0), 8.0),
        (lambda: jt.optimizers.SGD(2.0), 6.0),
        (lambda: jt.optimizers.SGD(1.0, momentum=0.5), 7.5),  # 1, then 0.5 + 1
        (lambda: jt.optimizers.SGD(1.0, momentum=0.5, nesterov=True), 6.75),
        (lambda: jt.optimizers.SGD(1.0, clipvalue=0.5), 9.0),
        (lambda: jt.optimizers.SGD(1.0, weight_decay=0.5), 1.0),  # 10 / 2 - 1, / 2 - 1
        (lambda: jt.optimizers.SGD(named(1.0)), 8.0),
        (lambda: jt.optimizers.SGD(named(3.0)), 4.0),
        (lambda: Halved(1.0, 0.5), 9.0),
        (lambda: Halved(1.0, 2.0), 6.0),
    ],
)
def test_what_differs_is_not_shared(make, expected):
    np.testing.assert_allclose(descend(make()), expected, rtol=1e-6)
    np.testing.assert_allclose(descend(make()), expected, rtol=1e-6)


class Halved(jt.optimizers.SGD):
    """Keeps a factor that its config does not know."""

    def __init__(self, learning_rate, factor):
        super().__init__(learning_rate)
        self.factor = factor

    def transformation(self):
        return optax.chain(optax.scale(self.factor), super().transformation())

    def get_config(self):
        return {}


def test_messages_name_the_variables_at_hand():
    for name in ("first", "second"):
        variable = jt.Variable(np.ones(3, np.float32), name=name)
        optimizer = jt.optimizers.SGD(0.1)
        optimizer.apply_gradients([(jt.ones(3), variable)])
        with pytest.raises(ValueError, match=f"'{name}' has shape"):
            optimizer.apply_gradients([(jt.ones(4), variable)])


def test_a_debugging_run_names_the_gradient_at_hand():
    for name in ("first", "second"):
        variables = [
            jt.Variable(np.ones(3, np.float32), name=f"{name}_{n}") for n in range(2)
        ]
        optimizer = jt.optimizers.SGD(0.1, momentum=0.9)
        optimizer.build(variables)
        gradients = [jt.ones(3), jt.constant([np.inf] * 3)]
        jt.debug.enable()
        try:
            with pytest.raises(FloatingPointError) as caught:
                optimizer.apply_gradients(zip(gradients, variables, strict=True))
        finally:
            jt.debug.disable()
        names = [row.name for row in caught.value.report.inputs]
        assert [f"gradient of '{v.name.partition(':')[0]}'" for v in variables] == [
            name for name in names if name.startswith("gradient")
        ]
