"""A training step whose result is known exactly.

The loss is the sum of squares, so the gradient is 2 v, and gradient descent at rate
1/4 halves every variable at each step: exact in binary floating point.
"""

import jaxtape as jt


def halving_optimizer():
    return jt.optimizers.SGD(learning_rate=0.25)


def sum_of_squares(variables):
    return jt.add_n([jt.reduce_sum(v * v) for v in variables])


def halve(optimizer, variables, times=1):
    """Takes steps that halve all variables; returns the last loss, as a Tensor."""
    loss = None
    for _ in range(times):
        with jt.GradientTape() as tape:
            loss = sum_of_squares(variables)
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return loss
