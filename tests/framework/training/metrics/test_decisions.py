"""Decisions at thresholds, held against scikit-learn, and what is refused."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

import jaxtape as jt
from jaxtape.metrics import AUC, F1Score, FBetaScore, Precision, R2Score, Recall

pytestmark = pytest.mark.usefixtures("quick_programs")
RNG = np.random.default_rng(7)
NUM = 4000
Y = RNG.integers(0, 2, NUM)
P = np.clip(0.3 * Y + RNG.uniform(0, 0.7, NUM), 0, 1).astype("float32")
WEIGHTS = RNG.uniform(0, 2, NUM).astype("float32")


def shown(metric, *values):
    """The result after batches of 1000."""
    for start in range(0, NUM, 1000):
        metric.update_state(*(value[start : start + 1000] for value in values))
    return float(metric.result())


@pytest.mark.parametrize("weights", [(), (WEIGHTS,)], ids=["plain", "weighted"])
def test_precision_and_recall_are_those_of_scikit_learn(weights):
    decided = P > 0.5
    options = {"sample_weight": weights[0]} if weights else {}
    expected = sklearn_metrics.precision_score(Y, decided, **options)
    assert shown(Precision(), Y, P, *weights) == pytest.approx(expected, rel=1e-6)
    expected = sklearn_metrics.recall_score(Y, decided, **options)
    assert shown(Recall(), Y, P, *weights) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "weights",
    [pytest.param((), marks=pytest.mark.slow), (WEIGHTS,)],
    ids=["plain", "weighted"],
)
def test_the_area_under_roc_nears_that_of_scikit_learn(weights):
    options = {"sample_weight": weights[0]} if weights else {}
    expected = sklearn_metrics.roc_auc_score(Y, P, **options)
    # Of 200 buckets: the trapezoids leave out what happens inside of each.
    assert shown(AUC(), Y, P, *weights) == pytest.approx(expected, abs=1e-4)
    lowest = shown(AUC(summation_method="minoring"), Y, P, *weights)
    highest = shown(AUC(summation_method="majoring"), Y, P, *weights)
    assert lowest < expected < highest < lowest + 0.02


def test_the_area_is_exact_where_each_bucket_has_one_prediction():
    scores = (np.arange(50) + 0.5) / 50
    labels = RNG.integers(0, 2, 50)
    area = AUC(num_thresholds=51)
    area.update_state(labels, scores)
    expected = sklearn_metrics.roc_auc_score(labels, scores)
    assert float(area.result()) == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_the_area_under_precision_and_recall_nears_that_of_scikit_learn():
    expected = sklearn_metrics.average_precision_score(Y, P)
    assert shown(AUC(curve="PR"), Y, P) == pytest.approx(expected, abs=1e-3)


@pytest.mark.slow
def test_f_scores_are_those_of_scikit_learn():
    labels = RNG.integers(0, 5, 300)
    scores = RNG.normal(size=(300, 5)) + 2 * np.eye(5)[labels]
    found = np.argmax(scores, 1)
    for average in ("micro", "macro", "weighted"):
        metric = F1Score(average=average)
        metric.update_state(np.eye(5)[labels], scores)
        expected = sklearn_metrics.f1_score(labels, found, average=average)
        assert float(metric.result()) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("offset", [pytest.param(0.0, marks=pytest.mark.slow), 1e5])
def test_r2_is_that_of_scikit_learn_also_far_from_0(offset):
    y_true = (RNG.normal(size=(1000, 2)) + offset).astype("float32")
    y_pred = (y_true + 0.25 * RNG.normal(size=(1000, 2))).astype("float32")
    expected = sklearn_metrics.r2_score(
        y_true.astype("float64"), y_pred.astype("float64")
    )
    whole, other = R2Score(), R2Score()
    for start in (0, 250):
        whole.update_state(y_true[start : start + 250], y_pred[start : start + 250])
    for start in (500, 750):
        other.update_state(y_true[start : start + 250], y_pred[start : start + 250])
    whole.merge_state([other])
    assert float(whole.result()) == pytest.approx(expected, rel=1e-5)


def test_r2_of_targets_that_are_all_the_same():
    assert float(R2Score()([[2.0], [2.0]], [[2.0], [2.0]])) == 1.0
    assert float(R2Score()([[2.0], [2.0]], [[2.0], [3.0]])) == 0.0


def test_predictions_that_are_not_defined_or_beyond_count_at_the_ends():
    positives = jt.metrics.TruePositives(thresholds=[0.0, 1.0])
    positives.update_state([1, 1, 1], [np.nan, 2.0, -1.0])
    assert positives.result().numpy().tolist() == [1.0, 1.0]
    area = AUC()
    area.update_state([1, 0, 1], [7.0, -3.0, 1.0])
    assert float(area.result()) == 1.0


SLOWLY = [pytest.param(n, marks=pytest.mark.slow) for n in (2, 3, 50, 1000)]


@pytest.mark.parametrize("count", [200, *SLOWLY])
def test_a_prediction_at_a_threshold_does_not_exceed_it(count):
    inner = (np.arange(count - 2) + 1) / (count - 1)
    even, given = AUC(num_thresholds=count), AUC(thresholds=inner.tolist())
    scores = np.concatenate([even.thresholds[1:-1], [0.0, 1.0]]).astype("float32")
    near = np.nextafter(scores, np.float32(1), dtype="float32")
    for metric in (even, given):
        metric.update_state(np.ones(2 * count), np.concatenate([scores, near]))
    for found, expected in zip(even.variables, given.variables, strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy())


ERRORS = {
    "thresholds=1.5": (lambda: Precision(thresholds=[0.5, 1.5]), "got 1.5"),
    "num_thresholds=1": (lambda: AUC(num_thresholds=1), "got 1"),
    "num_thresholds=10**7": (lambda: AUC(num_thresholds=10**7), "got 10000000"),
    "curve": (lambda: AUC(curve="prc"), "'ROC', 'PR', 'PRGAIN'; got 'PRC'"),
    "summation": (lambda: AUC(summation_method="mid"), "'majoring'; got 'mid'"),
    "num_labels": (lambda: AUC(num_labels=3), "`num_labels` is 3"),
    "own thresholds": (lambda: AUC(thresholds=[-0.5]), "got -0.5"),
    "k": (lambda: jt.metrics.TopKCategoricalAccuracy(k=0), "at least 1; got 0"),
    "aggregation": (lambda: R2Score("mean"), "got 'mean'"),
    "num_regressors": (lambda: R2Score(num_regressors=-1), "got -1"),
    "average": (lambda: F1Score(average="all"), "got 'all'"),
    "beta": (lambda: FBetaScore(beta=0.0), "got 0.0"),
    "threshold": (lambda: F1Score(threshold=1.5), "got 1.5"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_arguments_out_of_range_are_refused(case):
    make, message = ERRORS[case]
    with pytest.raises(jt.errors.ArgumentError, match=message):
        make()


SHAPES = {
    "labels": (Precision, (4,), (4, 3), r"\(4,\) and `y_pred` of shape \(4, 3\)"),
    "top_k": (lambda: Recall(top_k=4), (2, 3), (2, 3), "`top_k` is 4"),
    "vectors": (R2Score, (4,), (4,), r"`y_true` of shape \(4,\)"),
    "classes": (F1Score, (4, 2), (4, 3), r"\(4, 2\) and `y_pred` of shape \(4, 3\)"),
    "rows": (lambda: AUC(multi_label=True), (4,), (4,), r"got shape \(4,\)"),
    "columns": (
        lambda: AUC(multi_label=True, num_labels=2),
        *((4, 3), (4, 3), r"\(samples, 2\); got shape \(4, 3\)"),
    ),
    "cosine": (
        jt.metrics.CosineSimilarity,
        *((4, 3), (4, 2), r"\(4, 3\) and \(4, 2\)"),
    ),
    "top k": (
        jt.metrics.TopKCategoricalAccuracy,
        *((4,), (4, 2), r"\(4,\) and \(4, 2\)"),
    ),
}


@pytest.mark.parametrize("case", SHAPES)
def test_shapes_that_do_not_fit_are_refused_with_both(case):
    make, y_true, y_pred, message = SHAPES[case]
    with pytest.raises(jt.errors.ShapeError, match=message):
        make().update_state(np.zeros(y_true), np.zeros(y_pred))


def test_other_columns_than_before_are_refused():
    metric = F1Score()
    metric.update_state(np.eye(3), np.eye(3))
    with pytest.raises(jt.errors.ShapeError, match=r"\(samples, 3\); .* \(2, 2\)"):
        metric.update_state(np.eye(2), np.eye(2))


def test_functions_of_top_k_give_a_value_for_each_sample():
    scores = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    sparse = jt.metrics.sparse_top_k_categorical_accuracy([2, 1], scores, k=2)
    assert sparse.numpy().tolist() == [0.0, 1.0]
    one_hot = jt.metrics.top_k_categorical_accuracy(np.eye(3)[[2, 1]], scores, k=2)
    assert one_hot.numpy().tolist() == [0.0, 1.0]
    ids = jt.metrics.sparse_top_k_categorical_accuracy(
        [2, 1], [[0, 2, 1], [2, 0, 1]], k=2, from_sorted_ids=True
    )
    assert ids.numpy().tolist() == [1.0, 0.0]


def test_ignored_labels_do_not_count():
    metric = jt.metrics.SparseCategoricalCrossentropy(ignore_class=9)
    p = np.array([[0.25, 0.75], [0.5, 0.5], [0.125, 0.875]])
    metric.update_state([0, 9, 1], p, sample_weight=[1.0, 5.0, 3.0])
    expected = np.average([-np.log(0.25), -np.log(0.875)], weights=[1, 3])
    assert float(metric.result()) == pytest.approx(expected, rel=1e-6)


def test_cosines_of_large_and_of_zero_vectors():
    metric = jt.metrics.CosineSimilarity()
    metric.update_state([[3e30, 4e30], [0.0, 0.0]], [[4e30, 3e30], [1.0, 2.0]])
    assert float(metric.result()) == pytest.approx((24 / 25 + 0) / 2, rel=1e-6)
