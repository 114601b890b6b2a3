"""Every metric keeps these contracts; a class without a row fails."""

import copy
import inspect
import json
import pickle

import numpy as np
import pytest

import jaxtape as jt
from tests.compile_counter import count_compiles
from tests.framework.training.metrics.metric_rows import NUM, ROWS, WEIGHTS

pytestmark = pytest.mark.usefixtures("quick_programs")
every_metric = pytest.mark.parametrize("name", ROWS)
# Each has programs of its own, which take the time of these tests.
ALWAYS = ("AUC", "SparseCategoricalAccuracy")
every_metric_in_time = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name not in ALWAYS))
        for name in ROWS
    ],
)


def make(name):
    return getattr(jt.metrics, name)(**ROWS[name][0])


def close(found, expected):
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-6, atol=1e-7)


def cut(name, part, weights=WEIGHTS):
    """Some samples of the row, with their weights."""
    return [*(value[part] for value in ROWS[name][1]), weights[part]]


def test_every_class_has_a_row():
    classes = {
        name
        for name, value in vars(jt.metrics).items()
        if inspect.isclass(value) and issubclass(value, jt.metrics.Metric)
    }
    assert classes - {"Metric", "MeanMetricWrapper"} == set(ROWS)


def from_config(metric):
    """The same from its config, written as JSON and read again."""
    written = json.loads(json.dumps(jt.metrics.serialize(metric)))
    return jt.metrics.deserialize(written)


@every_metric
def test_the_config_is_that_of_what_is_made_from_it(name):
    metric = make(name)
    again = from_config(metric)
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()


@every_metric_in_time
def test_what_comes_from_the_config_and_copies_gives_the_same(name):
    metric = make(name)
    again = from_config(metric)
    metric.update_state(*ROWS[name][1])
    again.update_state(*ROWS[name][1])
    for other in (again, copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        close(other.result(), metric.result())


@every_metric_in_time
def test_a_function_updates_as_a_plain_call_does_and_compiles_once(name):
    plain, inside = make(name), make(name)
    values = list(map(jt.constant, ROWS[name][1]))
    update = jt.function(inside.update_state)
    for _ in range(3):
        plain.update_state(*values)
        update(*values)
    close(inside.result(), plain.result())
    with count_compiles() as compiles:
        plain.update_state(*values)
        update(*values)
    assert compiles.count == 0


@every_metric_in_time
def test_uneven_batches_and_merged_metrics_are_one_pass(name):
    whole, first, second = make(name), make(name), make(name)
    whole.update_state(*cut(name, slice(None)))
    first.update_state(*cut(name, slice(0, 4)))
    second.update_state(*cut(name, slice(4, NUM)))
    first.merge_state([second])
    close(first.result(), whole.result())


@every_metric_in_time
def test_nothing_and_weights_of_0_give_0_and_change_nothing(name):
    metric = make(name)
    metric.update_state(*cut(name, slice(0, 0)))
    assert not np.any(metric.result().numpy())
    # What is left of ratios of nothing: a threshold that all exceed has precision 0.
    metric.update_state(*cut(name, slice(None), np.zeros(NUM, "float32")))
    assert not np.any(metric.result().numpy())
    metric.update_state(*cut(name, slice(None)))
    before = metric.result()
    metric.update_state(*cut(name, slice(0, 0)))
    close(metric.result(), before)
    metric.reset_state()
    assert not np.any(metric.result().numpy())


@every_metric_in_time
@pytest.mark.parametrize(
    "dtype", [pytest.param("float16", marks=pytest.mark.slow), "bfloat16"]
)
def test_half_precision_is_added_up_in_float32(name, dtype):
    values = [
        np.asarray(jt.cast(value, dtype).numpy()) if value.dtype.kind == "f" else value
        for value in ROWS[name][1]
    ]
    half, single = make(name), make(name)
    half.update_state(*values)
    single.update_state(*(v.astype("float32") for v in values))
    assert half.result().dtype == np.float32
    # The cross-entropies keep p from 0 by the epsilon of its dtype.
    np.testing.assert_allclose(half.result().numpy(), single.result().numpy(), 2e-6)


@every_metric_in_time
def test_a_result_of_another_dtype(name):
    metric = getattr(jt.metrics, name)(**ROWS[name][0], dtype="float16")
    assert metric.dtype == np.float16
    metric.update_state(*ROWS[name][1])
    assert metric.result().dtype == np.float16
    assert all(v.dtype == np.float32 for v in metric.variables)
