"""The base of metrics: subclassed as Keras users do it, and used in every way."""

import numpy as np
import pytest

import jaxtape as jt
from jaxtape.framework.recording import execution
from jaxtape.metrics import Mean, Metric
from tests.compile_counter import count_compiles

X = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.0]], "float32")
Y = np.array([[1.0], [0.0], [2.0]], "float32")


class LargestError(Metric):
    """The largest error, and how many samples there were."""

    def __init__(self, name="largest_error", **options):
        super().__init__(name=name, **options)
        self.largest = self.add_weight(shape=(), initializer="zeros", name="largest")
        self.number = self.add_variable((), "zeros", "int32", name="number")

    def update_state(self, y_true, y_pred, sample_weight=None):
        errors = jt.abs(jt.constant(y_true) - y_pred)
        self.largest.assign(jt.maximum(self.largest, jt.reduce_max(errors)))
        self.number.assign_add(errors.shape[0])

    def result(self):
        return {"error": self.largest.value, "number": self.number.value}


@pytest.fixture
def launches(monkeypatch):
    """What was run from here on: recordings, and ops at once."""
    made = []

    def noted(name):
        function = getattr(execution, name)

        def run(*args):
            made.append(name)
            return function(*args)

        monkeypatch.setattr(execution, name, run)

    noted("launch")
    noted("_run_now")
    return made


def test_a_metric_of_one_s_own():
    metric = LargestError()
    assert [v.name for v in metric.variables] == [
        "largest_error/largest",
        "largest_error/number",
    ]
    assert not metric.trainable_variables
    metric.update_state([1.0, 2.0], jt.constant([1.5, 5.0]))
    result = metric([0.0], jt.constant([1.0]))
    assert {name: float(value) for name, value in result.items()} == {
        "error": 3.0,
        "number": 3.0,
    }
    metric.reset_state()
    assert float(metric.result()["number"]) == 0.0


def test_own_metrics_merge_by_adding_and_come_from_their_config():
    first, second = LargestError(), LargestError()
    first.update_state([0.0], jt.constant([1.0]))
    second.update_state([0.0, 0.0], jt.constant([2.0, 0.0]))
    first.merge_state([second])
    assert int(first.number) == 3
    again = LargestError.from_config(first.get_config())
    assert (again.name, again.dtype.name) == ("largest_error", "float32")
    assert int(again.number) == 0


def test_an_update_outside_of_a_tape_is_one_launch(launches):
    built_in, own = jt.metrics.MeanSquaredError(), LargestError()
    wrapped = jt.metrics.MeanMetricWrapper(lambda y, p: jt.abs(y - p) * 2.0)
    y, p = jt.constant(Y), jt.constant(Y + 1.0)
    for metric in (built_in, own, wrapped):
        for _ in range(3):
            metric.update_state(y, p)
        launches.clear()
        metric.update_state(y, p)
        assert len(launches) == 1
    assert float(built_in.result()) == 1.0
    assert float(wrapped.result()) == 2.0


@pytest.mark.parametrize("place", ["under the tape", "after it"])
def test_a_training_step_with_updates_stays_one_program(place, launches):
    model = jt.Sequential([jt.layers.Dense(1)])
    optimizer = jt.optimizers.SGD(0.1)
    loss_mean, error, own = Mean(), jt.metrics.MeanAbsoluteError(), LargestError()

    def update(loss, outputs):
        loss_mean.update_state(loss)
        error.update_state(Y, outputs)
        own.update_state(Y, outputs)

    def step(has_metrics=True):
        with jt.GradientTape() as tape:
            outputs = model(X)
            loss = jt.reduce_mean((outputs - Y) ** 2)
            if has_metrics and place == "under the tape":
                update(loss, outputs)
        gradients = tape.gradient(loss, model.trainable_variables)
        if has_metrics and place == "after it":
            update(loss, outputs)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        return loss, gradients

    expected = [part.numpy() for part in step(has_metrics=False)[1]]
    for variable, gradient in zip(model.trainable_variables, expected, strict=True):
        variable.assign_add(0.1 * gradient)  # back to where it began
    losses = []
    for turn in range(4):
        loss, gradients = step()
        if not turn:
            found = [part.numpy() for part in gradients]
        losses.append(float(loss))
    for part, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(part, other, rtol=1e-5)
    launches.clear()
    with count_compiles() as compiles:
        loss, _ = step()
    assert (compiles.count, launches) == (0, ["launch"])
    losses.append(float(loss))
    assert float(loss_mean.result()) == pytest.approx(np.mean(losses), rel=1e-6)
    assert int(own.number) == 15


def test_nothing_is_differentiated_through_a_metric():
    x = jt.Variable(2.0)
    mean = Mean()
    with jt.GradientTape(persistent=True) as tape:
        square = x * x
        value = mean(square)
    assert float(value) == 4.0
    assert float(tape.gradient(square, x)) == 4.0
    assert tape.gradient(value, x) is None


def test_updates_in_loops_and_functions():
    mean, own = Mean(), LargestError()
    rows = jt.constant(np.arange(6.0).reshape(3, 2))

    @jt.function
    def run(rows):
        def body(carry, row):
            mean.update_state(row)
            own.update_state([0.0, 0.0], row)
            return carry + 1.0, row

        return jt.scan(lambda carry, row: body(carry, row)[0], rows, 0.0)

    run(rows)
    run(rows)
    assert float(mean.result()) == 2.5
    assert {k: float(v) for k, v in own.result().items()} == {"error": 5, "number": 12}


def test_a_metric_made_first_inside_a_function_keeps_its_state():
    score = jt.metrics.F1Score(average="macro")

    @jt.function
    def update(y_true, y_pred):
        score.update_state(y_true, y_pred)

    for _ in range(2):
        update(jt.constant(np.eye(2)), jt.constant([[0.9, 0.1], [0.8, 0.2]]))
    # tp, fp, fn: (2, 2, 0) and (0, 0, 2), so 2 * 2 / (2 * 2 + 2) and 0
    assert float(score.result()) == pytest.approx((2 / 3 + 0) / 2, rel=1e-6)


def test_an_update_that_fails_leaves_no_region_open():
    class Failing(Metric):
        def update_state(self, y_true, y_pred, sample_weight=None):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        Failing().update_state(1, 2)
    assert (jt.constant(1.0) + 1.0)._value is not None


def test_what_is_not_defined_says_so():
    with pytest.raises(NotImplementedError, match="Metric has no `update_state`"):
        Metric().update_state(1.0)
    with pytest.raises(NotImplementedError, match="Metric has no `result`"):
        Metric().result()


def test_a_result_before_the_columns_are_known_is_refused():
    with pytest.raises(jt.errors.NotBuiltError, match=r"R2Score\('r2_score'\)"):
        jt.metrics.R2Score().result()


def test_dtypes_of_64_bits_need_x64():
    with pytest.raises(jt.errors.ArgumentError, match="float64"):
        Mean(dtype="float64")


@pytest.mark.parametrize("name", ["mse", "MeanSquaredError", "mean_squared_error"])
def test_a_metric_is_found_by_its_names(name):
    assert isinstance(jt.metrics.get(name), jt.metrics.MeanSquaredError)


def test_an_unknown_name_is_answered_with_the_closest():
    with pytest.raises(jt.errors.ArgumentError, match=r"'mea'.*'mae'|'mea'.*'MAE'"):
        jt.metrics.get("mea")


def test_names_and_repr():
    assert repr(jt.metrics.Recall(name="found")) == "<Recall name=found>"
    assert str(Mean("loss")) == "<Mean name=loss>"
    assert jt.keras.metrics.Mean is jt.metrics.Mean is Mean
