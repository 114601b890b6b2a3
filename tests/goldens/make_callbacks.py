"""Makes `callbacks.json`: what Keras's callbacks do in courses of given losses.

    KERAS_BACKEND=tensorflow TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 \
        python tests/goldens/make_callbacks.py

TensorFlow 2.21.0, Keras 3.15.1.

Keys: `signatures`, names and defaults of constructors' arguments; `stopping`, each with
`options`, `losses`, and the number of `epochs` done and the `best_epoch`; `plateau`,
each with `options`, `losses` and the `rates` that the logs of epochs have; `csv`, each
with `options`, `epochs` (their logs) and the `file`. Losses are a random walk in
quarters, so that some are equal.
"""

import inspect
import itertools
import tempfile
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
from golden_file import plain, write_golden

NAMES = (
    *("CSVLogger", "EarlyStopping", "LambdaCallback", "LearningRateScheduler"),
    *("ModelCheckpoint", "ReduceLROnPlateau", "TensorBoard", "TerminateOnNaN"),
)
EPOCHS = 16


def signature(name):
    rows = inspect.signature(getattr(keras.callbacks, name)).parameters.values()
    return [
        [row.name] + ([] if row.default is row.empty else [row.default])
        for row in rows
        if row.kind != row.VAR_KEYWORD
    ]


def walks(count):
    rng = np.random.default_rng(0)
    for _ in range(count):
        steps = rng.integers(-2, 2, EPOCHS)
        yield (5 + 0.25 * np.cumsum(steps)).tolist()


def course(callback, losses):
    """Goes through the epochs; returns their logs."""
    model = SimpleNamespace(optimizer=keras.optimizers.SGD(0.5), stop_training=False)
    callback.set_model(model)
    callback.on_train_begin()
    rows = []
    for epoch, loss in enumerate(losses):
        rows.append({"loss": loss})
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, rows[-1])
        if model.stop_training:
            break
    callback.on_train_end()
    return rows


def options_of(**choices):
    return [
        dict(zip(choices, row, strict=True))
        for row in itertools.product(*choices.values())
    ]


def stopping_cases():
    choices = options_of(
        patience=[0, 2, 3],
        min_delta=[0, 0.25],
        mode=["min", "max"],
        baseline=[None, 4.75],
        start_from_epoch=[0, 3],
    )
    for options, losses in zip(choices, walks(len(choices)), strict=True):
        callback = keras.callbacks.EarlyStopping("loss", **options)
        rows = course(callback, losses)
        yield {
            "options": options,
            "losses": losses,
            "epochs": len(rows),
            "best_epoch": callback.best_epoch,
        }


def plateau_cases():
    choices = options_of(
        patience=[1, 2, 3],
        min_delta=[1e-4, 0.25],
        mode=["min", "max"],
        cooldown=[0, 2],
        min_lr=[0.0, 0.1],
    )
    for options, losses in zip(choices, walks(len(choices)), strict=True):
        callback = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, **options)
        rows = course(callback, losses)
        rates = [row["learning_rate"] for row in rows]
        yield {"options": options, "losses": losses, "rates": rates}


def csv_case(epochs, times=1, **options):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        callback = keras.callbacks.CSVLogger(path, **options)
        for _ in range(times):
            callback.on_train_begin()
            for epoch, logs in enumerate(epochs):
                callback.on_epoch_end(epoch, dict(logs))
            callback.on_train_end()
        return {
            "options": options,
            "epochs": epochs,
            "file": path.read_bytes().decode(),
        }


def csv_cases():
    rows = [{"loss": 0.1, "accuracy": 0.5}, {"loss": 1e-7, "accuracy": 1.0}]
    validated = [{**row, "val_loss": 0.1 + 0.2} for row in rows]
    seldom = [rows[0], validated[1], rows[1]]
    return {
        "plain": csv_case(rows),
        "validation": csv_case(validated),
        "seldom": csv_case(seldom),
        "separated": csv_case(rows, separator=";"),
        "appended": csv_case(rows, times=2, append=True),
    }


def main():
    contents = {
        "signatures": {name: signature(name) for name in NAMES},
        "stopping": list(stopping_cases()),
        "plateau": list(plateau_cases()),
        "csv": csv_cases(),
    }
    write_golden(__file__, plain(contents))


if __name__ == "__main__":
    main()
