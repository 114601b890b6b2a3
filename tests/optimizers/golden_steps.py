"""Runs an optimizer through the gradients of `tests/goldens/optimizers.json`."""

import numpy as np

import jaxtape as jt
from tests.golden_values import float32, golden, signature_of

GOLDEN = golden("optimizers")
NAMES = ("kernel", "bias")
# Features of Keras's optimizers that jaxtape's do not have.
MISSING = ("loss_scale_factor", "gradient_accumulation_steps", "use_ema")


def cases_of(optimizer):
    """The cases of a class whose options exist here, every gradient given."""
    return [
        case
        for case in GOLDEN["cases"]
        if case["optimizer"] == optimizer
        and not case.get("without_gradient")
        and not any(option in case["arguments"] for option in MISSING)
    ]


def title(case):
    rates = case.get("learning_rates", {})
    return str(case["arguments"] | {f"step {step}": r for step, r in rates.items()})


def start():
    return [jt.Variable(float32(GOLDEN["start"][name]), name=name) for name in NAMES]


def check_case(case):
    """Every value after every step; float32 rounding adds up over twenty steps."""
    optimizer = getattr(jt.optimizers, case["optimizer"])(**case["arguments"])
    variables = start()
    for step, (given, wanted) in enumerate(
        zip(GOLDEN["gradients"], case["steps"], strict=True)
    ):
        if str(step) in case.get("learning_rates", {}):
            optimizer.learning_rate = case["learning_rates"][str(step)]
        gradients = [jt.constant(float32(given[name])) for name in NAMES]
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        for name, variable in zip(NAMES, variables, strict=True):
            np.testing.assert_allclose(
                variable.numpy(), float32(wanted[name]), rtol=2e-5, atol=1e-6
            )
    assert int(optimizer.iterations) == case["iterations"]


def check_signature(optimizer):
    """Keras's own arguments of a class, in order, with its defaults."""
    *ours, options = signature_of(getattr(jt.optimizers, optimizer))
    assert options == ["options"]
    assert ours == GOLDEN["signatures"][optimizer][: len(ours)]


def check_finite(optimizer, limit):
    """Row F13n: three updates by such gradients are finite and within `limit`."""
    variable = jt.Variable(np.zeros(5, "float32"))
    for _ in range(3):
        optimizer.apply([jt.constant([0.0, 1e-20, -1e-20, 1e20, -1e20])], [variable])
    assert np.all(np.abs(variable.numpy()) < limit)  # NaN is not
    assert variable.numpy()[0] == 0.0
    assert variable.numpy()[3] < 0.0
