"""Rows of `jt.activations`."""

import numpy as np
from scipy import special

from tests.op_rows import nn
from tests.op_rows.row import elementwise, real, refused, row


def activation(name, reference, rounds=3, **more):
    return elementwise(f"activations.{name}", reference, nn.WIDE, rounds=rounds, **more)


def general_relu(x):
    """Keras's relu with a slope of 0.1, a maximum of 4 and a threshold of 1."""
    return np.where(x < 1, 0.1 * (x - 1), np.minimum(x, 4))


ROWS = [
    activation("linear", lambda x: x, rounds=1),
    activation("relu", lambda x: np.maximum(x, 0), rounds=1),
    activation(
        "relu", general_relu, call=lambda op, x: op(x, 0.1, 4.0, 1.0), way="general"
    ),
    activation("leaky_relu", lambda x: np.where(x > 0, x, 0.2 * x)),
    activation("relu6", lambda x: np.clip(x, 0, 6), rounds=1),
    activation("sigmoid", special.expit),
    activation("tanh", np.tanh),
    activation("softplus", nn.softplus),
    activation("softsign", lambda x: x / (1 + np.abs(x))),
    activation("elu", nn.elu),
    activation(
        "elu",
        lambda x: nn.elu(x, 0.5),
        call=lambda op, x: op(x, 0.5),
        way="with alpha",
    ),
    activation("selu", nn.selu),
    activation("gelu", nn.gelu, rounds=4),
    activation("exponential", np.exp, rounds=1),
    activation("hard_sigmoid", nn.hard_sigmoid),
    activation("hard_silu", lambda x: x * nn.hard_sigmoid(x)),
    activation("mish", lambda x: x * np.tanh(nn.softplus(x)), rounds=4),
    activation("silu", lambda x: x * special.expit(x)),
    row(
        "activations.softmax",
        lambda x: special.softmax(x, -1),
        real(2, 3),
        empty=[(0, 3)],
        scalar=refused("`axis` must name an axis of the input", ()),
        rounds=3,
    ),
    row(
        "activations.log_softmax",
        lambda x: special.log_softmax(x, -1),
        real(2, 3),
        empty=[(0, 3)],
        scalar=refused("`axis` must name an axis of the input", ()),
        rounds=3,
    ),
]
