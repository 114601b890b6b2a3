import numpy as np
import pytest

import jaxtape as jt
from jaxtape.metrics import Mean, MeanMetricWrapper, Sum

pytestmark = pytest.mark.usefixtures("quick_programs")


def test_mean_weighs_by_sample_over_uneven_batches():
    rng = np.random.default_rng(0)
    values, weights = rng.random(10), rng.random(10)
    mean = Mean()
    for part in (slice(0, 4), slice(4, 8), slice(8, 10)):
        mean.update_state(values[part], weights[part])
    expected = np.sum(values * weights) / np.sum(weights)
    np.testing.assert_allclose(mean.result().numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(mean.count.numpy(), weights.sum(), rtol=1e-6)
    np.testing.assert_allclose(mean.total.numpy(), values @ weights, rtol=1e-6)


def test_a_sample_of_many_values_counts_once():
    mean = Mean()
    mean.update_state(np.array([[1.0, 3.0], [5.0, 7.0]]))
    mean.update_state(np.array([[10.0, 0.0]]))
    assert (float(mean.count), float(mean.total)) == (3.0, 13.0)


def test_weights_of_samples_meet_values_of_steps():
    values = np.arange(6.0).reshape(2, 3)
    weights = np.array([1.0, 3.0])
    expected = np.average(values.mean(1), weights=weights)
    assert float(Mean()(values, weights)) == pytest.approx(expected, rel=1e-6)


def test_a_number_with_a_weight_is_that_many_samples():
    mean = Mean()
    mean.update_state(2.0, sample_weight=3)
    mean.update_state(6.0, sample_weight=1)
    assert float(mean.result()) == 3.0


def test_what_has_no_weight_does_not_count_even_if_it_is_nan():
    assert float(Mean()([1.0, np.nan], sample_weight=[1.0, 0.0])) == 1.0


@pytest.mark.parametrize("kind", [Mean, Sum])
def test_nothing_and_weights_of_zero_give_0(kind):
    metric = kind()
    assert float(metric.result()) == 0.0
    metric.update_state(np.zeros((0,), np.float32))
    assert float(metric.result()) == 0.0
    metric.update_state([1.0, 2.0], sample_weight=[0.0, 0.0])
    assert float(metric.result()) == 0.0


@pytest.mark.parametrize("value", [-np.inf, np.nan])
def test_an_infinite_or_undefined_loss_is_shown_as_it_is(value):
    mean = Mean()
    mean.update_state([1.0, value])
    mean.update_state([1.0])
    np.testing.assert_equal(float(mean.result()), value)


def test_weights_that_do_not_fit_are_refused_with_both_shapes():
    with pytest.raises(jt.errors.ShapeError, match=r"shape \(2,\); got shape \(3,\)"):
        Mean().update_state([1.0, 2.0], sample_weight=[1.0, 2.0, 3.0])


def test_reset_forgets_all():
    mean = Mean()
    mean.update_state([5.0])
    mean.reset_state()
    assert float(mean([1.0])) == 1.0
    mean.reset_states()
    assert float(mean.count) == 0.0


def test_merged_means_are_the_mean_of_all():
    parts = [Mean(), Mean(), Mean()]
    for number, part in enumerate(parts):
        part.update_state(np.full(number + 1, number))
    parts[0].merge_state(parts[1:])
    assert float(parts[0].result()) == pytest.approx((1 * 2 + 2 * 3) / 6, rel=1e-6)


def test_metrics_of_other_state_are_not_merged():
    with pytest.raises(jt.errors.ArgumentError, match="<Sum name=sum>"):
        Mean().merge_state([Sum()])


def test_sum_adds_all_values_of_a_sample():
    total = Sum()
    total.update_state([[1.0, 3.0], [5.0, 7.0]])
    total.update_state([[1.0, 3.0]], sample_weight=[2.0])
    assert float(total.result()) == 24.0
    assert float(total.total) == 24.0


def test_a_wrapped_function_gets_its_arguments():
    def power(y_true, y_pred, exponent):
        return jt.pow(jt.subtract(y_true, y_pred), exponent)

    metric = MeanMetricWrapper(power, name="cubed", exponent=3.0)
    metric.update_state([3.0, 1.0], [1.0, 1.0], sample_weight=[1.0, 3.0])
    assert float(metric.result()) == 2.0


def test_a_wrapped_loss_comes_back_from_its_config():
    metric = MeanMetricWrapper(jt.losses.huber, name="far", delta=0.5)
    again = jt.metrics.deserialize(jt.metrics.serialize(metric))
    assert again.name == "far"
    assert float(again([[3.0]], [[1.0]])) == 0.875  # 0.5 * 2 - 0.5**2 / 2


def test_a_mask_of_predictions_leaves_values_out():
    inputs = jt.constant([[1, 2, 0], [3, 0, 0]])
    embedded = jt.layers.Embedding(4, 2, mask_zero=True)(inputs)
    targets = np.zeros((2, 3), np.float32)

    def first(y_true, y_pred):
        return jt.add(y_true, jt.constant([[1.0, 2.0, 9.0], [4.0, 9.0, 9.0]]))

    # Samples count by their steps that are left: (1 + 2 + 4) / 3.
    wrapped = MeanMetricWrapper(first)(targets, embedded)
    assert float(wrapped) == pytest.approx(7 / 3, rel=1e-6)
    weighted = MeanMetricWrapper(first)(targets, embedded, [1.0, 0.5])
    assert float(weighted) == pytest.approx((1 + 2 + 4 / 2) / 2.5, rel=1e-6)
