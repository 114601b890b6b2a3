"""Steps that are run again: the first time op by op, from then on as a program."""

import numpy as np

import jaxtape as jt


def thrice(step):
    """What a step gives, which must be the same three times."""
    found = [step() for _ in range(3)]
    for again in found[1:]:
        np.testing.assert_equal(_plain(again), _plain(found[0]))
    return found[0]


def slopes(function, *inputs):
    """Gradients of a function of watched inputs as plain numbers, three times."""

    def step():
        with jt.GradientTape() as tape:
            tape.watch(inputs)
            target = function(*inputs)
        return [_plain(g) for g in tape.gradient(target, list(inputs))]

    return thrice(step)


def _plain(value):
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value.numpy().tolist() if hasattr(value, "numpy") else value
