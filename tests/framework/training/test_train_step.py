"""`train_step` as TensorFlow's users write it, with losses known by calculus."""

import numpy as np
import pytest

import jaxtape as jt

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype("float32")
Y = RNG.normal(size=(40, 1)).astype("float32")


def line(kind):
    inputs = jt.Input(shape=(3,))
    return kind(inputs, jt.layers.Dense(1)(inputs))


def first_losses(model):
    outputs = model.predict(X, verbose=0).astype("float64")
    return np.mean((outputs - Y) ** 2), np.mean(np.abs(outputs - Y))


def test_compiled_loss_and_compiled_metrics_of_tensorflow_2():
    class Custom(jt.Model):
        def train_step(self, data):
            x, y = data
            with jt.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compiled_loss(y, y_pred, regularization_losses=self.losses)
            variables = self.trainable_variables
            gradients = tape.gradient(loss, variables)
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
            self.compiled_metrics.update_state(y, y_pred)
            return {metric.name: metric.result() for metric in self.metrics}

    model = line(Custom)
    model.compile(jt.optimizers.SGD(0.1), "mse", metrics=["mae"])
    square, error = first_losses(model)
    history = model.fit(X, Y, batch_size=40, verbose=0).history
    assert history["loss"] == [pytest.approx(square, rel=1e-5)]
    assert history["mae"] == [pytest.approx(error, rel=1e-5)]


def test_compute_loss_and_metrics_of_keras_3():
    class Custom(jt.Model):
        def train_step(self, data):
            x, y = data
            with jt.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(y=y, y_pred=y_pred)
            variables = self.trainable_variables
            gradients = tape.gradient(loss, variables)
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss)
                else:
                    metric.update_state(y, y_pred)
            return {metric.name: metric.result() for metric in self.metrics}

    model = line(Custom)
    model.compile(jt.optimizers.SGD(0.1), "mse", metrics=["mae"])
    square, error = first_losses(model)
    history = model.fit(X, Y, batch_size=40, verbose=0).history
    assert history["loss"] == [pytest.approx(square, rel=1e-5)]
    assert history["mae"] == [pytest.approx(error, rel=1e-5)]


class Pair(jt.Model):
    """Two scalars with an optimizer each: a - b grows in a's loss, falls in b's."""

    def __init__(self):
        super().__init__()
        self.a = jt.Variable(1.0, name="a")
        self.b = jt.Variable(2.0, name="b")
        self.seen = jt.metrics.Mean(name="gap")

    @property
    def metrics(self):
        return [self.seen]

    def compile(self, a_optimizer, b_optimizer):
        super().compile()
        self.a_optimizer, self.b_optimizer = a_optimizer, b_optimizer

    def train_step(self, data):
        with jt.GradientTape() as tape:
            loss = self.a * jt.reduce_sum(data)  # x itself, as in Keras
        (gradient,) = tape.gradient(loss, [self.a])
        self.a_optimizer.apply_gradients([(gradient, self.a)])
        with jt.GradientTape() as tape:
            loss = self.a * self.b  # the new a, as in a GAN's second half
        (gradient,) = tape.gradient(loss, [self.b])
        self.b_optimizer.apply_gradients([(gradient, self.b)])
        self.seen.update_state(self.a - self.b)
        return {"gap": self.seen.result()}


def test_two_optimizers_step_in_turn():
    model = Pair()
    model.compile(jt.optimizers.SGD(0.1), jt.optimizers.SGD(0.5))
    history = model.fit(np.ones((3, 1)), batch_size=1, verbose=0)
    a, b, gaps = 1.0, 2.0, []
    for _ in range(3):
        a -= 0.1 * 1.0
        b -= 0.5 * a
        gaps.append(a - b)
    assert float(model.a) == pytest.approx(a, rel=1e-6)
    assert float(model.b) == pytest.approx(b, rel=1e-6)
    assert history.history == {"gap": [pytest.approx(np.mean(gaps), rel=1e-6)]}


def test_metrics_and_optimizers_are_no_weights():
    model = Pair()
    model.compile(jt.optimizers.Adam(0.1), jt.optimizers.Adam(0.1))
    model.fit(np.ones((3, 1)), batch_size=1, verbose=0)
    assert [variable.name for variable in model.variables] == ["a", "b"]
    assert model.metrics_names == ["gap"]
