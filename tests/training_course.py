"""A course of training without any computing: calls the hooks as `fit` does."""

from types import SimpleNamespace

import jaxtape as jt


class Optimizer:
    def __init__(self, learning_rate=0.5):
        self.learning_rate = learning_rate


class Network:
    """Has one weight, which is the number of steps done."""

    def __init__(self, metrics=(), learning_rate=0.5):
        self.optimizer = Optimizer(learning_rate)
        self.metrics = [
            SimpleNamespace(name=name, _direction=way) for name, way in metrics
        ]
        self.stop_training = False
        self.history = None
        self.weight = 0

    def get_weights(self):
        return [self.weight]

    def set_weights(self, weights):
        (self.weight,) = weights


def run(callbacks, epochs, model=None, steps=1, launch=1, verbose=0):
    """Go through epochs whose logs are given; returns model and History.

    Args:
        callbacks: As `fit` takes them.
        epochs: The logs of each epoch, or a list for one quantity: `{"loss": [3, 2]}`.
        model: Default a new one.
        steps: Steps of an epoch.
        launch: Steps of one launch, if no callback wants to see more of them.
        verbose: What callbacks get.
    """
    if isinstance(epochs, dict):
        rows = zip(*epochs.values(), strict=True)
        epochs = [dict(zip(epochs, row, strict=True)) for row in rows]
    model = model or Network()
    params = {"verbose": verbose, "epochs": len(epochs), "steps": steps}
    told = jt.callbacks.CallbackList(callbacks, model, params, add_history=True)
    model.stop_training = False
    told.on_train_begin()
    logs = {}
    for epoch, given in enumerate(epochs):
        logs = {name: value for name, value in given.items() if value is not None}
        told.on_epoch_begin(epoch)
        take_steps(told, model, steps, launch, logs)
        told.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    told.on_train_end(logs)
    return model, told.history


def take_steps(told, model, steps, launch, logs):
    step = 0
    while step < steps and not model.stop_training:
        interval = told.step_interval
        count = min(launch, steps - step)
        if interval:
            done = told.steps_before + step
            count = min(count, interval - done % interval)
        if told.watches_batches:
            count = 1
            told.on_train_batch_begin(step)
        step += count
        model.weight += count
        if told.watches_batches:
            told.on_train_batch_end(step - 1, dict(logs))
        if interval is not None:
            told.on_train_steps_end(step, dict(logs))
        if told.shows_progress:
            told.on_train_progress(step, lambda: dict(logs))
