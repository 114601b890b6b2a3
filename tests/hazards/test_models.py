"""Rows C11, C13, F12n and F22n of the hazards: what a layer or loss is told by flags.

A flag is structure: each has a program of its own, and none answers for another. What
is left of an empty or wholly masked batch is 0, never NaN.
"""

import math

import numpy as np
import pytest

import jaxtape as jt
from tests.compile_counter import count_compiles
from tests.contracts import LOSSES

HOT = 4
"""Calls after which a structure is compiled."""

X = np.arange(1, 13, dtype=np.float32).reshape(4, 3)


# C11: train/eval flag, dropout rate, masks present or not


def doubling(rate):
    """Twice the inputs, some of them dropped while training."""
    return jt.Sequential(
        [
            jt.layers.Dense(3, use_bias=False, kernel_initializer=twice),
            jt.layers.Dropout(rate, seed=1),
        ]
    )


def twice(shape, dtype=None):
    return 2 * np.eye(*shape, dtype=dtype)


def outputs_under_a_tape(model, training):
    with jt.GradientTape() as tape:
        y = model(X, training=training)
        loss = jt.reduce_sum(y)
    assert tape.gradient(loss, model.trainable_variables)[0].shape == (3, 3)
    return y.numpy()


def test_c11_training_and_evaluation_take_turns():
    model, dropped = doubling(0.5), 0
    for _ in range(HOT):
        trained = outputs_under_a_tape(model, training=True)
        kept = trained != 0
        np.testing.assert_array_equal(trained[kept], 4 * X[kept])
        dropped += np.sum(~kept)
        for training in (False, None):
            evaluated = outputs_under_a_tape(model, training)
            np.testing.assert_array_equal(evaluated, 2 * X)
    assert 0 < dropped < HOT * X.size


def test_c11_flags_that_were_seen_compile_nothing():
    model = doubling(0.5)
    for _ in range(HOT):
        for training in (True, False):
            outputs_under_a_tape(model, training)
    with count_compiles() as compiles:
        for training in (True, False, True):
            outputs_under_a_tape(model, training)
    assert compiles.count == 0


def test_c11_a_rate_that_is_assigned_counts_at_once():
    model = doubling(0.5)
    for _ in range(HOT):
        outputs_under_a_tape(model, training=True)
    for rate, expected in ((0.0, 2 * X), (1.0, 0 * X)):
        model.layers[1].rate = rate
        np.testing.assert_array_equal(outputs_under_a_tape(model, True), expected)


@pytest.mark.parametrize("mask", [[1, 1, 0, 0], [1, 0, 0, 0]])
def test_c11_weights_of_a_mask_present_or_not(mask):
    loss, y_pred = jt.losses.MeanSquaredError(), jt.Variable(X)
    rows = np.sum(X**2, 1) / 3  # the targets are 0
    for _ in range(HOT):
        for weight, expected in ((None, rows.mean()), (mask, rows @ mask / 4)):
            with jt.GradientTape() as tape:
                value = loss(np.zeros_like(X), y_pred, weight)
            share = np.ones(4) if weight is None else np.asarray(weight)
            slope = tape.gradient(value, y_pred).numpy()
            assert float(value) == pytest.approx(expected, rel=1e-6)
            np.testing.assert_allclose(slope, X * share[:, None] / 6, rtol=1e-6)


# C13: a model class that is defined again under the same name


CELL = """
class Network(jt.Model):
    def __init__(self):
        super().__init__()
        self.dense = jt.layers.Dense(3, use_bias=False, kernel_initializer=twice)

    def call(self, inputs):
        return {line}
"""


def run_cell(line, names):
    """What a notebook does with a cell: the same file and lines each time."""
    code = compile(CELL.format(line=line), "<ipython-input-1>", "exec")
    exec(code, names)
    return names["Network"]()


def train(model):
    """Value and slope of the sum, and the kernel after a step of 0.1."""
    with jt.GradientTape() as tape:
        loss = jt.reduce_sum(model(X))
    (kernel,) = model.trainable_variables
    slope = tape.gradient(loss, kernel)
    jt.optimizers.SGD(0.1).apply_gradients([(slope, kernel)])
    return float(loss), slope.numpy()[:, 0].tolist(), float(kernel.numpy()[0, 0])


def test_c13_a_model_that_is_defined_again_runs_the_new_code():
    names = {"jt": jt, "twice": twice}
    sums = X.sum(0)
    for _ in range(HOT):
        first = run_cell("self.dense(inputs)", names)
        second = run_cell("self.dense(inputs) * 3", names)
        for model, factor in ((first, 1), (second, 3)):
            value, slope, kernel = train(model)
            assert value == factor * 2 * X.sum()
            assert slope == (factor * sums).tolist()
            assert kernel == pytest.approx(2 - 0.1 * factor * sums[0], rel=1e-6)
        assert type(first).__name__ == type(second).__name__ == "Network"


def test_c13_an_instance_of_the_old_class_keeps_the_old_code():
    names = {"jt": jt, "twice": twice}
    first = run_cell("self.dense(inputs)", names)
    for _ in range(HOT):
        assert float(jt.reduce_sum(first(X))) == 2 * X.sum()
    run_cell("self.dense(inputs) * 3", names)(X)
    assert float(jt.reduce_sum(first(X))) == 2 * X.sum()


def test_c13_a_call_that_is_replaced_on_the_class_is_used():
    names = {"jt": jt, "twice": twice}
    model = run_cell("self.dense(inputs)", names)
    for _ in range(HOT):
        train(model)
    type(model).call = lambda self, inputs: inputs - 1
    assert float(jt.reduce_sum(model(X))) == X.sum() - X.size


def test_c13_a_saved_model_is_loaded_with_the_new_code(tmp_path):
    names = {"jt": jt, "twice": twice}
    first = run_cell("self.dense(inputs)", names)
    first(X)
    first.save(tmp_path / "model")
    run_cell("self.dense(inputs) * 3", names)
    again = jt.load_model(tmp_path / "model", {"Network": names["Network"]})
    assert float(jt.reduce_sum(again(X))) == 6 * X.sum()


# F12n: an empty batch, all masked, all weights 0


@pytest.fixture
def _in_one_program():
    """Compiled whole, which takes a fraction of the time of op by op."""
    jt.config.execution("compiled")
    yield
    jt.config.execution("auto")


def descend(losses, batch, weights):
    """Values of all loss rows, and their predictions before and after a step."""
    inputs = [row.arrays(batch=batch) for row in LOSSES]
    predictions = [jt.Variable(y_pred) for _, y_pred in inputs]
    rows = zip(losses, inputs, predictions, weights, strict=True)
    with jt.GradientTape() as tape:
        values = [loss(y, y_pred, weight) for loss, (y, _), y_pred, weight in rows]
    slopes = tape.gradient(values, predictions)
    jt.optimizers.Adam(0.1).apply(slopes, predictions)
    steps = [v.numpy() - x for v, (_, x) in zip(predictions, inputs, strict=True)]
    return [value.numpy() for value in values], steps


def assert_all_zero(arrays):
    for row, array in zip(LOSSES, arrays, strict=True):
        np.testing.assert_array_equal(array, np.zeros_like(array), err_msg=str(row))


@pytest.mark.usefixtures("_in_one_program")
def test_f12n_an_empty_batch_is_a_loss_of_0_and_no_step():
    losses = [row.make() for row in LOSSES]
    values, _ = descend(losses, 0, [None] * len(losses))
    assert_all_zero(values)


@pytest.mark.usefixtures("_in_one_program")
@pytest.mark.parametrize("reduction", ["mean", "mean_with_sample_weight"])
def test_f12n_weights_that_are_all_0_are_a_loss_of_0_and_no_step(reduction):
    losses = [row.cls(**{**row.arguments, "reduction": reduction}) for row in LOSSES]
    values, steps = descend(losses, 7, [0.0] * len(losses))
    assert_all_zero(values)
    assert_all_zero(steps)


def test_f12n_labels_that_are_all_ignored_are_a_loss_of_0_and_no_step():
    loss = jt.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    y_pred = jt.Variable(X)
    with jt.GradientTape() as tape:
        value = loss(np.full(4, -1), y_pred)
    jt.optimizers.Adam(0.1).apply_gradients([(tape.gradient(value, y_pred), y_pred)])
    assert float(value) == 0
    np.testing.assert_array_equal(y_pred.numpy(), X)


# F22n: dropout at the ends of its range


def dropped(rate, size, training=True):
    """What dropout makes of ones, and its gradient."""
    x = jt.ones((size,))
    with jt.GradientTape() as tape:
        tape.watch(x)
        y = jt.layers.Dropout(rate, seed=3)(x, training=training)
    return y.numpy(), tape.gradient(y, x).numpy()


@pytest.mark.one_in(3)
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9, 1 - 1e-7])
def test_f22n_the_mean_stays(rate):
    size = 200_000
    values, slope = dropped(rate, size)
    sigma = math.sqrt(rate / (1 - rate) / size)  # each is 1 / (1 - rate) or 0
    assert abs(values.mean(dtype="float64") - 1) < 4 * sigma
    np.testing.assert_array_equal(slope, values)  # of ones


def test_f22n_a_rate_of_0_changes_nothing():
    values, slope = dropped(0, 1000)
    assert values.tolist() == slope.tolist() == [1.0] * 1000


def test_f22n_a_rate_of_1_leaves_zeros():
    values, slope = dropped(1, 1000)
    assert values.tolist() == slope.tolist() == [0.0] * 1000


@pytest.mark.parametrize("rate", [0, 0.5, 1 - 1e-7, 1])
@pytest.mark.parametrize("training", [False, None])
def test_f22n_nothing_is_dropped_in_evaluation(rate, training):
    values, slope = dropped(rate, 1000, training)
    assert values.tolist() == slope.tolist() == [1.0] * 1000


def test_f22n_rows_of_a_vectorized_map_have_draws_of_their_own():
    dropout = jt.layers.Dropout(0.5, seed=3)
    x = jt.ones((64, 100))
    values = jt.vectorized_map(lambda row: dropout(row, training=True), x).numpy()
    assert set(np.unique(values)) == {0.0, 2.0}
    assert abs(values.mean() - 1) < 4 / math.sqrt(values.size)
    assert len({row.tobytes() for row in values}) == 64


@pytest.mark.parametrize("rate", [-0.1, 1.5, math.nan, math.inf, "half", None])
def test_f22n_a_rate_outside_of_0_to_1_is_refused(rate):
    message = rf"`rate` of Dropout .* from 0 to 1; got {rate!r}"
    with pytest.raises(ValueError, match=message):
        jt.layers.Dropout(rate)
