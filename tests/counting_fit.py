"""A model whose every weight is the number of its steps, so that a mixture is seen."""

import functools

import numpy as np

import jaxtape as jt

ROWS, BATCH, STEPS = 22, 4, 6
X = np.ones((ROWS, 1), "float32")


class Ramp(jt.layers.Layer):
    """The sum of all its weights, for any input: each has the derivative 1."""

    def build(self, input_shape):
        self.small = self.add_weight((3,), "zeros")
        self.scalar = self.add_weight((), "zeros")
        self.large = self.add_weight((100, 100), "zeros")  # in a buffer of its own
        self.count = self.add_weight((), "zeros", trainable=False)

    def call(self, x, training=False):
        if training:
            self.count.assign_add(1.0)
        total = self.scalar + jt.reduce_sum(self.small) + jt.reduce_sum(self.large)
        return 0.0 * x + total


@functools.cache
def model():
    """One for all tests, with its programs: SGD with the rate 1 adds derivatives."""
    model = jt.Sequential([jt.Input((1,)), Ramp()])
    model.compile(jt.optimizers.SGD(1.0), lambda y, y_pred: -y_pred)
    fit(model)
    return model


def fit(model, epochs=3, callbacks=(), **arguments):
    given = {"batch_size": BATCH, "validation_data": (X, X), "verbose": 0, **arguments}
    return model.fit(X, X, epochs=epochs, callbacks=[*callbacks], **given)


def check(model, epochs=None):
    """All variables can be read, and are of one step; the history has whole epochs."""
    steps = int(model.optimizer.iterations)
    for variable in model.variables:
        np.testing.assert_array_equal(variable.numpy(), steps, variable.name)
    history = model.history
    assert history.epoch == [*range(len(history.epoch))]
    assert set(history.history) in (set(), {"loss", "val_loss"})
    for values in history.history.values():
        assert [*map(type, values)] == [float] * len(history.epoch)
    if epochs is not None:
        assert len(history.epoch) == epochs
