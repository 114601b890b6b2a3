"""Makes `metrics.json`: results of Keras metrics after several batches.

    KERAS_BACKEND=tensorflow TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 \
        python tests/goldens/make_metrics.py

TensorFlow 2.21.0, Keras 3.15.1.

Keys: `batches` (name to a list of `[y_true, y_pred, sample_weight]`, the weights null
where there are none); `cases`, each with `metric` (class name), `arguments` (of the
constructor), `batches` (a name), `config`, and `results` after each batch; `values`
(`Mean` and `Sum` of `[values, sample_weight]` batches); `signatures` (class name to
names and defaults of the constructor's arguments); `aliases` (a name that
`keras.metrics.get` takes to its class).
"""

import inspect

import keras
import numpy as np
from golden_file import plain, write_golden

RNG = np.random.default_rng(5)


def rows(*shape):
    """Probabilities with three digits, so that no two are at a threshold of 1/199."""
    return np.round(RNG.uniform(0.001, 0.999, shape), 3)


def one_hot(labels):
    return np.eye(4)[labels]


LABELS = RNG.integers(0, 4, 6)
BATCHES = {
    "binary": [
        [RNG.integers(0, 2, (6, 1)), rows(6, 1), None],
        [RNG.integers(0, 2, (3, 1)), rows(3, 1), None],
    ],
    "binary_weighted": [
        [RNG.integers(0, 2, (6, 1)), rows(6, 1), rows(6)],
        [RNG.integers(0, 2, (3, 1)), rows(3, 1), np.zeros(3)],
        [RNG.integers(0, 2, (4, 1)), rows(4, 1), rows(4, 1)],
    ],
    "vectors": [[RNG.integers(0, 2, 9), rows(9), None]],
    "multi_label": [
        [RNG.integers(0, 2, (6, 3)), rows(6, 3), None],
        [RNG.integers(0, 2, (5, 3)), rows(5, 3), rows(5)],
    ],
    "one_hot": [
        [one_hot(LABELS), rows(6, 4), None],
        [one_hot(LABELS[:3]), rows(3, 4), rows(3)],
    ],
    "sparse": [[LABELS, rows(6, 4), None], [LABELS[:3], rows(3, 4), rows(3)]],
    "sparse_column": [[LABELS[:, None], rows(6, 4), None]],
    "sparse_steps": [[LABELS.reshape(2, 3), rows(2, 3, 4), rows(2, 3)]],
    "sorted_ids": [[LABELS, np.argsort(-rows(6, 4)).astype(float), None]],
    "class_numbers": [[LABELS, RNG.integers(0, 4, 6), None]],
    "real": [
        [RNG.normal(size=(6, 3)).round(2), RNG.normal(size=(6, 3)).round(2), None],
        [np.zeros((2, 3)), RNG.normal(size=(2, 3)).round(2), rows(2)],
    ],
    "columns": [[RNG.normal(size=(6, 3)).round(2), rows(6, 3), None]],
    "real_vectors": [[RNG.normal(size=5).round(2), RNG.normal(size=(5, 1)), rows(5)]],
    "logits": [[RNG.integers(0, 2, (9, 1)), RNG.normal(size=(9, 1)).round(2), None]],
}

MULTI = {"multi_label": True}
CASES = [
    ("Accuracy", {}, "class_numbers"),
    ("BinaryAccuracy", {}, "binary"),
    ("BinaryAccuracy", {"threshold": 0.3}, "binary_weighted"),
    ("BinaryAccuracy", {}, "multi_label"),
    ("CategoricalAccuracy", {}, "one_hot"),
    ("SparseCategoricalAccuracy", {}, "sparse"),
    ("SparseCategoricalAccuracy", {}, "sparse_column"),
    ("SparseCategoricalAccuracy", {}, "sparse_steps"),
    ("TopKCategoricalAccuracy", {"k": 2}, "one_hot"),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, "sparse"),
    (
        "SparseTopKCategoricalAccuracy",
        {"k": 2, "from_sorted_ids": True},
        "sorted_ids",
    ),
    ("MeanSquaredError", {}, "real"),
    ("MeanSquaredError", {}, "real_vectors"),
    ("RootMeanSquaredError", {}, "real"),
    ("MeanAbsoluteError", {}, "real"),
    ("MeanAbsolutePercentageError", {}, "real"),
    ("CosineSimilarity", {}, "real"),
    ("CosineSimilarity", {"axis": 0}, "columns"),
    ("BinaryCrossentropy", {}, "binary_weighted"),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, "multi_label"),
    ("BinaryCrossentropy", {"from_logits": True}, "logits"),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, "one_hot"),
    ("CategoricalCrossentropy", {"from_logits": True}, "one_hot"),
    ("SparseCategoricalCrossentropy", {}, "sparse"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "sparse_steps"),
    ("TruePositives", {}, "binary_weighted"),
    ("FalsePositives", {"thresholds": [0.7, 0.2]}, "binary_weighted"),
    ("TrueNegatives", {"thresholds": 0.4}, "multi_label"),
    ("FalseNegatives", {"thresholds": [0.5, 0.1, 0.9]}, "vectors"),
    ("Precision", {}, "binary_weighted"),
    ("Precision", {"thresholds": [0.1, 0.3, 0.6, 0.8]}, "multi_label"),
    ("Precision", {"top_k": 2}, "one_hot"),
    ("Precision", {"top_k": 2, "class_id": 1}, "one_hot"),
    ("Precision", {"thresholds": 0}, "logits"),
    ("Recall", {}, "binary"),
    ("Recall", {"class_id": 2, "thresholds": [0.2, 0.6]}, "multi_label"),
    ("Recall", {"top_k": 1}, "one_hot"),
    ("AUC", {}, "binary_weighted"),
    ("AUC", {"num_thresholds": 5}, "multi_label"),
    ("AUC", {"curve": "PR"}, "binary_weighted"),
    ("AUC", {"curve": "PR", "summation_method": "majoring"}, "vectors"),
    ("AUC", {"summation_method": "minoring", "num_thresholds": 7}, "vectors"),
    ("AUC", {"curve": "PRGAIN"}, "vectors"),
    ("AUC", {"thresholds": [0.3, 0.1, 0.75]}, "binary"),
    ("AUC", MULTI, "multi_label"),
    ("AUC", MULTI | {"num_labels": 3, "curve": "PR"}, "multi_label"),
    ("AUC", MULTI | {"label_weights": [1.0, 0.0, 3.0]}, "multi_label"),
    ("AUC", {"label_weights": [1.0, 0.5, 3.0]}, "multi_label"),
    ("AUC", {"from_logits": True}, "logits"),
    ("R2Score", {}, "real"),
    ("R2Score", {"class_aggregation": None}, "real"),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, "real"),
    ("R2Score", {"num_regressors": 2}, "real"),
    ("F1Score", {}, "one_hot"),
    ("F1Score", {"average": "micro", "threshold": 0.5}, "multi_label"),
    ("F1Score", {"average": "macro"}, "one_hot"),
    ("FBetaScore", {"beta": 2.0, "average": "weighted"}, "one_hot"),
    ("FBetaScore", {"beta": 0.5, "threshold": 0.4}, "multi_label"),
]
VALUES = {
    "scalars": [[2.0, None], [4.0, 3.0]],
    "vectors": [[rows(4), None], [rows(3), rows(3)]],
    "matrices": [[rows(4, 2), None], [rows(3, 2), rows(3)], [rows(2, 2), rows(2, 2)]],
}


def results(metric, batches):
    for batch in batches:
        *values, weight = [
            None if x is None else np.asarray(x, "float32") for x in batch
        ]
        metric.update_state(*values, sample_weight=weight)
        yield metric.result().numpy()


def case(name, arguments, batches):
    metric = getattr(keras.metrics, name)(**arguments)
    config = metric.get_config()
    if config.get("label_weights") is not None:
        config["label_weights"] = np.asarray(config["label_weights"])
    given = {"metric": name, "arguments": arguments, "batches": batches}
    found = [*results(metric, BATCHES[batches])]
    return given | {"config": config, "results": found}


def value_case(name, batches):
    metric = getattr(keras.metrics, name)()
    return {
        "metric": name,
        "batches": VALUES[batches],
        "results": [*results(metric, VALUES[batches])],
    }


def signature(name):
    arguments = inspect.signature(getattr(keras.metrics, name)).parameters.values()
    return [
        [a.name] + ([] if a.default is a.empty else [a.default])
        for a in arguments
        if a.kind is not a.VAR_KEYWORD
    ]


def main():
    names = [
        *dict.fromkeys(row[0] for row in CASES),
        "Mean",
        "Sum",
        "MeanMetricWrapper",
    ]
    table = keras.src.metrics.ALL_OBJECTS_DICT
    contents = {
        "batches": BATCHES,
        "cases": [case(*row) for row in CASES],
        "values": [value_case(name, v) for name in ("Mean", "Sum") for v in VALUES],
        "signatures": {name: signature(name) for name in names},
        "aliases": {k: v.__name__ for k, v in table.items() if v.__name__ in names},
    }
    write_golden(__file__, plain(contents))


if __name__ == "__main__":
    main()
