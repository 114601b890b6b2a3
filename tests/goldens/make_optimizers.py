"""Makes `optimizers.json`: twenty steps of Keras optimizers with given gradients.

Two variables, kernel (3, 2) and bias (2,), all optimizers from the same start and
with the same gradients. The gradients are normal draws of a fixed seed times a scale
per step, so that steps with large, tiny and zero gradients are among them.

    KERAS_BACKEND=tensorflow TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 \
        python tests/goldens/make_optimizers.py

TensorFlow 2.21.0, Keras 3.15.1.

Keys: `start` (kernel, bias); `gradients` (a list of 20); `cases`, each with
`optimizer` (class name), `arguments` (of the constructor), `learning_rates` (step
index, counted from 0, to the rate assigned just before that step),
`without_gradient` (step indices at which the kernel's gradient is None),
`steps` (kernel and bias after each step), `slots` (optimizer variables after the
last step, by name) and `iterations` (the step counter at the end); `signatures`, the
names and defaults of each constructor's arguments, in order.
"""

import inspect

import keras
import numpy as np
from golden_file import plain, write_golden

SCALES = [1, 0.1, 1, 10, 0.01, 1, 1e-6, 1, 1e3, 1]
SCALES += [0, 0.3, 1e-12, 1, 1, 100, 0.1, 1, 1e-8, 1]
NAMES = ("kernel", "bias")

CASES = [
    {"optimizer": "SGD", "arguments": {"learning_rate": 0.1}},
    {"optimizer": "SGD", "arguments": {"learning_rate": 0.1, "momentum": 0.9}},
    {
        "optimizer": "SGD",
        "arguments": {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
    },
    {
        "optimizer": "SGD",
        "arguments": {"learning_rate": 0.1, "momentum": 0.9},
        "learning_rates": {10: 0.01},
    },
    {"optimizer": "SGD", "arguments": {"learning_rate": 0.1, "weight_decay": 0.01}},
    {
        "optimizer": "SGD",
        "arguments": {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.01},
    },
    {"optimizer": "SGD", "arguments": {}},
    {"optimizer": "Adam", "arguments": {}},
    {
        "optimizer": "Adam",
        "arguments": {
            "learning_rate": 0.01,
            "beta_1": 0.8,
            "beta_2": 0.9,
            "epsilon": 1e-3,
        },
    },
    {"optimizer": "Adam", "arguments": {}, "learning_rates": {10: 0.01}},
    {"optimizer": "Adam", "arguments": {"amsgrad": True}},
    {"optimizer": "Adam", "arguments": {"clipnorm": 1.0}},
    {"optimizer": "Adam", "arguments": {"clipvalue": 0.5}},
    {"optimizer": "Adam", "arguments": {"global_clipnorm": 1.0}},
    {"optimizer": "Adam", "arguments": {"weight_decay": 0.004}},
    {"optimizer": "Adam", "arguments": {"loss_scale_factor": 128.0}},
    {"optimizer": "Adam", "arguments": {"gradient_accumulation_steps": 4}},
    {"optimizer": "Adam", "arguments": {"use_ema": True, "ema_momentum": 0.9}},
    {
        "optimizer": "SGD",
        "arguments": {
            "learning_rate": 0.1,
            "use_ema": True,
            "ema_momentum": 0.9,
            "ema_overwrite_frequency": 5,
        },
    },
    {"optimizer": "Adam", "arguments": {}, "without_gradient": [0, 3]},
    {"optimizer": "RMSprop", "arguments": {}},
    {
        "optimizer": "RMSprop",
        "arguments": {"learning_rate": 0.01, "rho": 0.8, "momentum": 0.7},
    },
    {
        "optimizer": "RMSprop",
        "arguments": {"centered": True, "epsilon": 1e-3, "clipnorm": 1.0},
    },
    {"optimizer": "RMSprop", "arguments": {"weight_decay": 0.01}},
    {"optimizer": "AdamW", "arguments": {}},
    {"optimizer": "AdamW", "arguments": {"learning_rate": 0.1, "weight_decay": 0.05}},
    {"optimizer": "AdamW", "arguments": {"amsgrad": True, "clipvalue": 0.5}},
    {"optimizer": "Adagrad", "arguments": {}},
    {
        "optimizer": "Adagrad",
        "arguments": {
            "learning_rate": 0.1,
            "initial_accumulator_value": 0.5,
            "epsilon": 1e-3,
        },
    },
    {
        "optimizer": "Adagrad",
        "arguments": {"weight_decay": 0.01, "global_clipnorm": 1.0},
        "learning_rates": {10: 0.01},
    },
    {"optimizer": "Adadelta", "arguments": {}},
    {
        "optimizer": "Adadelta",
        "arguments": {"learning_rate": 1.0, "rho": 0.8, "epsilon": 1e-3},
    },
    {
        "optimizer": "Adadelta",
        "arguments": {"learning_rate": 0.5, "weight_decay": 0.01, "clipnorm": 1.0},
    },
    {"optimizer": "Adamax", "arguments": {}},
    {
        "optimizer": "Adamax",
        "arguments": {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3},
    },
    {"optimizer": "Adamax", "arguments": {"weight_decay": 0.01, "clipvalue": 0.5}},
    {"optimizer": "Nadam", "arguments": {}},
    {
        "optimizer": "Nadam",
        "arguments": {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3},
    },
    {"optimizer": "Nadam", "arguments": {"weight_decay": 0.01, "clipnorm": 1.0}},
    {"optimizer": "Lion", "arguments": {}},
    {"optimizer": "Lion", "arguments": {"beta_1": 0.8, "beta_2": 0.7}},
    {"optimizer": "Lion", "arguments": {"weight_decay": 0.01, "clipvalue": 0.5}},
]


def draw():
    rng = np.random.default_rng(20)
    start = [rng.normal(size=(3, 2)), rng.normal(size=2)]
    gradients = [[s * rng.normal(size=(3, 2)), s * rng.normal(size=2)] for s in SCALES]
    return [as_float32(start), [as_float32(pair) for pair in gradients]]


def as_float32(pair):
    return [array.astype("float32") for array in pair]


def run(case, start, gradients):
    optimizer = getattr(keras.optimizers, case["optimizer"])(**case["arguments"])
    variables = [
        keras.Variable(value, name=name)
        for name, value in zip(NAMES, start, strict=True)
    ]
    steps = []
    for index, (kernel, bias) in enumerate(gradients):
        if index in case.get("learning_rates", {}):
            optimizer.learning_rate = case["learning_rates"][index]
        if index in case.get("without_gradient", []):
            kernel = None
        optimizer.apply_gradients(zip([kernel, bias], variables, strict=True))
        steps.append(named([variable.numpy() for variable in variables]))
    return case | {
        "steps": steps,
        "slots": {v.path.split("/")[-1]: v.numpy() for v in optimizer.variables[2:]},
        "iterations": int(optimizer.iterations.numpy()),
    }


def signature_of(optimizer):
    return [
        [argument.name, argument.default]
        for argument in inspect.signature(optimizer).parameters.values()
        if argument.kind is not argument.VAR_KEYWORD
    ]


def named(pair):
    return dict(zip(NAMES, pair, strict=True))


def main():
    start, gradients = draw()
    contents = {
        "start": named(start),
        "gradients": [named(pair) for pair in gradients],
        "cases": [run(case, start, gradients) for case in CASES],
        "signatures": {
            name: signature_of(getattr(keras.optimizers, name))
            for name in sorted({case["optimizer"] for case in CASES})
        },
    }
    write_golden(__file__, plain(contents))


if __name__ == "__main__":
    main()
