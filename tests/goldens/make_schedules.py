"""Makes `schedules.json`: learning rates of Keras's schedules at given steps.

    KERAS_BACKEND=tensorflow TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 \
        python tests/goldens/make_schedules.py

TensorFlow 2.21.0, Keras 3.15.1.

Keys: `steps` (numbers of updates); `cases`, each with `schedule` (class name),
`arguments` (of the constructor), `rates` (one for each step) and `config` (what
`get_config` returns); `signatures` (names and defaults of each constructor's
arguments, in order; a list of one has no default).
"""

import inspect

import keras
import numpy as np
from golden_file import plain, write_golden

schedules = keras.optimizers.schedules

STEPS = [0, 1, 2, 3, 5, 9, 10, 11, 15, 20, 21, 25, 30, 35, 69, 71, 100, 1000, 10**6]
FALL = {"initial_learning_rate": 0.1, "decay_steps": 10}
WAVES = {"initial_learning_rate": 0.1, "first_decay_steps": 10}

CASES = [
    ("ExponentialDecay", FALL | {"decay_rate": 0.9}),
    ("ExponentialDecay", FALL | {"decay_rate": 0.5, "staircase": True}),
    ("InverseTimeDecay", FALL | {"decay_rate": 0.7}),
    ("InverseTimeDecay", FALL | {"decay_rate": 2.0, "staircase": True}),
    ("PolynomialDecay", FALL),
    ("PolynomialDecay", FALL | {"end_learning_rate": 0.01, "power": 0.5}),
    ("PolynomialDecay", FALL | {"power": 2.0, "cycle": True}),
    ("PiecewiseConstantDecay", {"boundaries": [10, 70], "values": [1.0, 0.5, 0.1]}),
    ("PiecewiseConstantDecay", {"boundaries": [2.5], "values": [0.3, 0.2]}),
    ("CosineDecay", FALL),
    ("CosineDecay", FALL | {"alpha": 0.2}),
    ("CosineDecay", FALL | {"warmup_target": 0.4, "warmup_steps": 5}),
    ("CosineDecay", FALL | {"warmup_target": 0.4, "alpha": 0.1}),
    ("CosineDecayRestarts", WAVES),
    ("CosineDecayRestarts", WAVES | {"t_mul": 1.0, "m_mul": 0.9, "alpha": 0.1}),
    ("CosineDecayRestarts", WAVES | {"t_mul": 1.5, "m_mul": 0.8}),
]


def run(name, arguments):
    schedule = getattr(schedules, name)(**arguments)
    return {
        "schedule": name,
        "arguments": arguments,
        "rates": [np.asarray(schedule(step), "float32") for step in STEPS],
        "config": schedule.get_config(),
    }


def signature_of(schedule):
    return [
        [argument.name]
        + ([] if argument.default is argument.empty else [argument.default])
        for argument in inspect.signature(schedule).parameters.values()
    ]


def main():
    contents = {
        "steps": STEPS,
        "cases": [run(name, arguments) for name, arguments in CASES],
        "signatures": {
            name: signature_of(getattr(schedules, name))
            for name in sorted({name for name, _ in CASES})
        },
    }
    write_golden(__file__, plain(contents))


if __name__ == "__main__":
    main()
